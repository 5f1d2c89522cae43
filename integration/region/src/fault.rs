//! Scripted faults of EC2 calls: which calls go wrong, and how. Data and counters; what a fault makes of a call is said in
//! `outcome`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::InstanceId;
use crate::rules::{Rule, Rules};
use crate::when::{Facts, When};

/// One scripted fault. Of several rules that fire on a call, delays add up and the first other fault counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// The action; `*` is every one.
    pub action: String,
    /// Only calls of this node.
    #[serde(default)]
    pub caller: Option<InstanceId>,
    /// Which of these calls.
    pub when: When,
    /// At most so many of them; without it, all.
    #[serde(default)]
    pub hits_max: Option<u64>,
    /// What happens to them.
    pub fault: Fault,
}

/// What happens to a call. Where nothing else is said, the call is done, and its answer suffers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It is refused, and nothing changes.
    Error {
        /// `Error/Code`.
        code: String,
        /// `Error/Message`.
        message: String,
        /// HTTP status.
        #[serde(default = "client_error")]
        status: u16,
        /// Sent as `x-amz-retry-after`.
        #[serde(default)]
        retry_after_milliseconds: Option<u64>,
    },
    /// It is done, and answered with an error all the same.
    ApplyThenError {
        /// `Error/Code`.
        code: String,
        /// `Error/Message`.
        message: String,
        /// HTTP status.
        #[serde(default = "client_error")]
        status: u16,
    },
    /// A gateway answers in its place, and nothing changes.
    Page {
        /// HTTP status.
        status: u16,
        /// What it says, as `text/html`; may be empty.
        html: String,
    },
    /// It is done, and a gateway answers in its place.
    ApplyThenPage {
        /// HTTP status.
        status: u16,
        /// What it says, as `text/html`; may be empty.
        html: String,
    },
    /// It is done at once, and answered so much later.
    Delay {
        /// How much later.
        milliseconds: u64,
    },
    /// It is done, and the connection is closed before the answer.
    ApplyThenDrop,
    /// The connection is closed, and nothing changes.
    Drop,
    /// It is done, and the connection is reset before the answer.
    ApplyThenReset,
    /// The connection is reset, and nothing changes.
    Reset,
    /// It is done, and no answer ever comes.
    ApplyThenHang,
    /// Nothing changes, and no answer ever comes.
    Hang,
    /// Nobody listens. By time alone, and for every action and caller.
    Refuse,
    /// It is answered whole as far as HTTP can tell, but the text ends in the middle.
    Truncate {
        /// Bytes that are left of it.
        bytes: u64,
    },
    /// The connection is reset in the middle of the answer's body.
    Cut {
        /// Bytes of the body that arrive; 0: the headers alone.
        bytes: u64,
    },
    /// The answer's body trickles in.
    Dribble {
        /// Bytes per second.
        bytes_per_second: u32,
    },
    /// It is answered well, and then its connection, kept open for the next call, is closed without a word.
    CloseIdle {
        /// So much later.
        milliseconds: u64,
    },
}

/// What the rules say about one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

fn client_error() -> u16 {
    400
}

// === impl Rules ===

impl Rules<FaultRule> {
    /// Counts the call on every rule it concerns, and says what happens to it.
    pub(crate) fn verdict(
        &mut self,
        action: &str,
        caller: Option<&InstanceId>,
        now: Duration,
        facts: &impl Facts,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        for fault in self.fired(|rule| rule.concerns(action, caller), now, facts) {
            match fault {
                Fault::Delay { milliseconds } => {
                    verdict.delay = verdict.delay.saturating_add(Duration::from_millis(milliseconds));
                }
                fault => verdict.fault = verdict.fault.or(Some(fault)),
            }
        }
        verdict
    }
}

impl Rule for FaultRule {
    type Fault = Fault;

    fn when(&self) -> &When {
        &self.when
    }

    fn hits_max(&self) -> Option<u64> {
        self.hits_max
    }

    fn fault(&self) -> &Fault {
        &self.fault
    }

    fn is_refusal(&self) -> bool {
        self.fault == Fault::Refuse
    }

    fn is_of_all(&self) -> bool {
        self.action == "*" && self.caller.is_none()
    }
}

// === impl FaultRule ===

impl FaultRule {
    /// A rule for the calls of one action (`*`: every), whoever makes them.
    #[must_use]
    pub fn new(action: &str, when: When, fault: Fault) -> Self {
        Self { action: action.to_owned(), caller: None, when, hits_max: None, fault }
    }

    fn concerns(&self, action: &str, caller: Option<&InstanceId>) -> bool {
        (self.action == "*" || self.action == action)
            && self.caller.as_ref().is_none_or(|expected| caller == Some(expected))
    }
}
