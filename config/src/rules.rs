//! What is judged on the stacked values: values that ask for what does not exist yet, and settings that do not go together.

use std::path::Path;

use crate::layers::Findings;
use crate::load::Explained;
use crate::problems::{Problem, Provenance, Warning};
use crate::settings::{Daemon, Settings};
use crate::shown::shown;
use crate::table::{Row, SETTINGS, Standing};

/// What a build is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// To be tried out: what only tests need is there.
    ForTests,
    /// To serve a node.
    ForShipping,
}

impl Build {
    /// This one. Images are built with the release profile, which has no debug assertions, and the lab with the dev profile,
    /// which has. That mark needs no one to remember it, as a feature would.
    pub(crate) const fn this() -> Self {
        Self::with_debug_assertions(cfg!(debug_assertions))
    }

    const fn with_debug_assertions(has: bool) -> Self {
        if has { Self::ForTests } else { Self::ForShipping }
    }
}

/// Values that are not in force.
pub(crate) fn standing(build: Build, explained: &[Explained], findings: &mut Findings) {
    for (row, entry) in SETTINGS.iter().zip(explained) {
        let Some(value) = entry.value.clone() else {
            continue;
        };
        match row.standing {
            Standing::Only { value: only, otherwise } if value != only => {
                let name = name_of(row, &entry.from);
                findings.problems.push(Problem::Unsupported { name, value, why: otherwise });
            }
            Standing::WarnedUnless { value: silent, otherwise } if value != silent => {
                let name = name_of(row, &entry.from);
                findings.warnings.push(Warning::NotInForce { name, value, why: otherwise });
            }
            Standing::NotShipped(why) if build == Build::ForShipping => {
                let name = name_of(row, &entry.from);
                findings.problems.push(Problem::Unsupported { name, value, why });
            }
            Standing::InForce
            | Standing::Only { .. }
            | Standing::WarnedUnless { .. }
            | Standing::NotShipped(_) => {}
        }
    }
}

/// Settings that do not go together.
pub(crate) fn together(settings: &Settings, explained: &[Explained], findings: &mut Findings) {
    let daemon = &settings.daemon;
    let mut listeners = vec![("daemon.health_bind", daemon.health_bind)];
    if daemon.metrics {
        listeners.push(("daemon.metrics_bind", daemon.metrics_bind));
    }
    if daemon.introspection {
        listeners.push(("daemon.introspection_bind", daemon.introspection_bind));
    }
    let from = |key| from(explained, key);
    for (n, &(first, at)) in listeners.iter().enumerate() {
        for &(second, other) in listeners.iter().skip(n + 1) {
            let overlap = at.ip() == other.ip() || at.ip().is_unspecified() || other.ip().is_unspecified();
            if at.port() == other.port() && overlap {
                findings.problems.push(Problem::Clash {
                    first,
                    first_from: from(first),
                    second,
                    second_from: from(second),
                    value: at.to_string(),
                    why: "only one can listen there",
                });
            }
        }
    }
    if let Some(socket) = &settings.fault.socket {
        fault_socket(socket, daemon, explained, findings);
    }
    if settings.pod_mtu_bytes() > settings.node.eni_mtu_bytes {
        findings.warnings.push(Warning::Doubtful {
            key: "node.pod_mtu_bytes",
            why: format!(
                "{} is more than the {} of the ENIs: large packets will not leave the node",
                settings.pod_mtu_bytes(),
                settings.node.eni_mtu_bytes
            ),
        });
    }
}

/// It is where a lock says that nobody else listens, and is named as no other file there is.
fn fault_socket(socket: &Path, daemon: &Daemon, explained: &[Explained], findings: &mut Findings) {
    const KEY: &str = "fault.socket";
    let directory = &daemon.state_directory;
    let value = socket.display().to_string();
    let is_named = socket.extension().is_some_and(|ending| ending == "sock");
    if !is_named || socket.parent() != Some(directory) {
        findings.problems.push(Problem::Value {
            key: KEY.to_owned(),
            from: from(explained, KEY),
            value,
            expected: format!(
                "directly in daemon.state_directory, {}, under a name that ends in `.sock`",
                shown(&directory.display().to_string())
            ),
        });
    } else if *socket == daemon.socket_path {
        findings.problems.push(Problem::Clash {
            first: KEY,
            first_from: from(explained, KEY),
            second: "daemon.socket_path",
            second_from: from(explained, "daemon.socket_path"),
            value,
            why: "only one can listen there",
        });
    }
}

fn from(explained: &[Explained], key: &str) -> Provenance {
    explained.iter().find(|entry| entry.key == key).map_or(Provenance::Default, |entry| entry.from.clone())
}

/// The name under which the value was written.
fn name_of(row: &Row, from: &Provenance) -> String {
    match from {
        Provenance::Environment(variable) => variable.clone(),
        Provenance::Default | Provenance::File(_) => row.key.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_with_debug_assertions_is_for_tests_and_one_without_for_shipping() {
        assert_eq!(Build::with_debug_assertions(true), Build::ForTests);
        assert_eq!(Build::with_debug_assertions(false), Build::ForShipping);
        assert_eq!(Build::this() == Build::ForTests, cfg!(debug_assertions));
    }
}
