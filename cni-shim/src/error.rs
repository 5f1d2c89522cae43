//! Every way a call can fail, with its CNI error code, and the JSON in which the runtime reads it. It never prints.

use serde::Serialize;
use std::io;
use std::path::PathBuf;

use crate::plan::PlanError;
use crate::wiring::WiringError;

/// Longest text taken over from elsewhere into an error, characters: a kubelet event holds 1024 bytes, a log line more.
const TEXT_CHARACTERS_MAX: usize = 2048;

/// The first code that the specification leaves to plugins; the daemon uses it for faults of its own, and so do we.
pub const CODE_INTERNAL: u32 = 100;

/// CHECK found the pod's network damaged: the second code that the specification leaves to plugins.
pub const CODE_DAMAGED: u32 = 101;

/// A call that failed.
#[derive(Debug, thiserror::Error)]
pub enum ShimError {
    /// The configuration speaks a version that is not served.
    #[error("cniVersion `{found}` is not served; supported: {supported}")]
    Version {
        /// What the configuration says.
        found: String,
        /// What is served.
        supported: String,
    },
    /// An environment variable is missing or wrong; the text names it.
    #[error("{0}")]
    Environment(String),
    /// The configuration on stdin could not be read.
    #[error("cannot read the network configuration from stdin")]
    Stdin(#[source] io::Error),
    /// The configuration is larger than any can be.
    #[error("the network configuration on stdin is longer than {bytes_max} bytes")]
    StdinTooLong {
        /// The bound.
        bytes_max: usize,
    },
    /// The configuration is no JSON object.
    #[error("the network configuration on stdin is not a JSON object")]
    Decode(#[source] Option<serde_json::Error>),
    /// A field of the configuration is wrong.
    #[error("network configuration: {field}: {problem}")]
    Config {
        /// Which.
        field: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// The pod's namespace cannot be used.
    #[error("CNI_NETNS: {path}: {problem}")]
    Namespace {
        /// Its path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The socket is not one that a root process keeps in a root-owned directory.
    #[error("the daemon's socket {path} is not to be trusted: {problem}")]
    Untrusted {
        /// Which socket.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// No daemon answered.
    #[error("the enid daemon is not answering on {path}: gave up after {waited_seconds} s")]
    DaemonAbsent {
        /// Which socket.
        path: PathBuf,
        /// How long it was tried.
        waited_seconds: u64,
        /// What the last try met.
        #[source]
        last: io::Error,
    },
    /// The daemon lives, but the answer did not come in time.
    #[error("no result from the enid daemon within {waited_seconds} s; it last said: {last_word}")]
    TooLong {
        /// How long.
        waited_seconds: u64,
        /// The text of the last waiting frame, or of the step that was under way.
        last_word: String,
    },
    /// The daemon said no.
    #[error("{text}")]
    Daemon {
        /// CNI code.
        code: u32,
        /// Label of the cause.
        cause: String,
        /// The cause in words.
        text: String,
    },
    /// The daemon said something out of order.
    #[error("the enid daemon broke the protocol: {0}")]
    Protocol(String),
    /// The wiring plan holds something odd.
    #[error("the wiring plan is refused")]
    Plan(#[source] PlanError),
    /// The kernel refused a step of the plan.
    #[error("wiring the pod failed")]
    Wiring(#[source] WiringError),
    /// A verb came in a version that does not have it.
    #[error("cniVersion `{found}` has no {verb}, which came with {since}")]
    VerbVersion {
        /// The verb.
        verb: &'static str,
        /// What the configuration says.
        found: &'static str,
        /// Where the verb came.
        since: &'static str,
    },
    /// CHECK found damage: labels and words.
    #[error("the pod's network is damaged: {}", words(.damages))]
    Damaged {
        /// All of it.
        damages: Vec<(String, String)>,
    },
    /// The pod's side is whole, and nobody could judge the host's.
    #[error(
        "the pod's side is whole; its host side could not be checked: the enid daemon is not answering on {path} within {waited_seconds} s"
    )]
    HalfChecked {
        /// Which socket.
        path: PathBuf,
        /// How long it was tried.
        waited_seconds: u64,
        /// What the last try met.
        #[source]
        last: io::Error,
    },
    /// No daemon was able to serve in this boot yet.
    #[error("enid has not been able to serve a pod in this boot yet: {because}")]
    NotServedYet {
        /// How far it is.
        because: String,
    },
    /// A DEL could neither be told to the daemon nor be spooled.
    #[error("the enid daemon is away, and the DEL could not be spooled")]
    Spool(#[source] protocol::spool::SpoolError),
    /// The process could not get what it needs from the system.
    #[error("cannot {step}")]
    System {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

#[derive(Serialize)]
struct ErrorDocument<'a> {
    #[serde(rename = "cniVersion")]
    cni_version: &'a str,
    code: u32,
    msg: String,
    details: String,
}

impl ShimError {
    /// The CNI error code.
    #[must_use]
    pub fn code(&self) -> u32 {
        match self {
            Self::Version { .. } | Self::VerbVersion { .. } => 1,
            Self::Environment(_) | Self::Namespace { .. } => 4,
            Self::StdinTooLong { .. } | Self::Decode(_) => 6,
            Self::Config { .. } => 7,
            Self::DaemonAbsent { .. } | Self::TooLong { .. } | Self::HalfChecked { .. } => 11,
            Self::NotServedYet { .. } => 50,
            Self::Damaged { .. } => CODE_DAMAGED,
            Self::Spool(protocol::spool::SpoolError::Full { .. }) => 11,
            Self::Daemon { code: 0, .. } => CODE_INTERNAL,
            Self::Daemon { code, .. } => *code,
            Self::Stdin(_)
            | Self::Untrusted { .. }
            | Self::Protocol(_)
            | Self::Plan(_)
            | Self::Wiring(_)
            | Self::Spool(_)
            | Self::System { .. } => 5,
        }
    }

    /// What stood behind it, in words: the sources, the label of the daemon's cause, or the labels of all damage.
    #[must_use]
    pub fn details(&self) -> String {
        match self {
            Self::Daemon { cause, .. } => return bounded(cause),
            Self::Damaged { damages } => {
                let labels: Vec<&str> = damages.iter().map(|(label, _)| label.as_str()).collect();
                return bounded(&labels.join(","));
            }
            _ => {}
        }
        let mut parts = Vec::new();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            parts.push(error.to_string());
            source = error.source();
        }
        bounded(&parts.join(": "))
    }

    /// The error as the runtime reads it.
    #[must_use]
    pub fn to_json(&self, cni_version: &str) -> String {
        document(cni_version, self.code(), &self.to_string(), &self.details())
    }
}

/// A CNI error document.
#[must_use]
pub fn document(cni_version: &str, code: u32, message: &str, details: &str) -> String {
    let document = ErrorDocument { cni_version, code, msg: bounded(message), details: bounded(details) };
    // Strings and a number always serialise; the fallback is still a CNI error.
    serde_json::to_string(&document)
        .unwrap_or_else(|_| r#"{"cniVersion":"1.0.0","code":100,"msg":"internal error"}"#.to_owned())
}

fn words(damages: &[(String, String)]) -> String {
    damages.iter().map(|(_, words)| words.as_str()).collect::<Vec<_>>().join("; ")
}

fn bounded(text: &str) -> String {
    text.chars().take(TEXT_CHARACTERS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_carries_code_message_and_what_stood_behind_it() {
        let error = ShimError::DaemonAbsent {
            path: "/var/run/aws-node/enid.sock".into(),
            waited_seconds: 100,
            last: io::Error::other("connection refused"),
        };
        assert_eq!(
            error.to_json("0.4.0"),
            concat!(
                r#"{"cniVersion":"0.4.0","code":11,"msg":"the enid daemon is not answering on "#,
                r#"/var/run/aws-node/enid.sock: gave up after 100 s","details":"connection refused"}"#
            )
        );
    }

    #[test]
    fn a_failure_of_the_daemon_never_becomes_code_zero() {
        let error = ShimError::Daemon { code: 0, cause: String::new(), text: "x".repeat(10_000) };
        assert_eq!(error.code(), CODE_INTERNAL);
        assert!(error.to_json("1.0.0").len() < 3_000);
    }
}
