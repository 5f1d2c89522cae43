//! Scripted faults of EC2 calls: which calls go wrong, and how. Data and counters; what a fault makes of a call is said in
//! `outcome`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::RegionError;
use crate::ids::InstanceId;
use crate::when::{Facts, Trigger, When};

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

#[derive(Debug, Clone)]
struct Armed {
    rule: FaultRule,
    trigger: Trigger,
}

/// The rules in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults(Vec<Armed>);

/// What the rules say about one call.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

fn client_error() -> u16 {
    400
}

// === impl Faults ===

impl Faults {
    pub(crate) fn add(&mut self, rule: FaultRule) -> Result<(), RegionError> {
        let whole = rule.action == "*" && rule.caller.is_none() && rule.hits_max.is_none();
        if rule.fault == Fault::Refuse && !(whole && rule.when.is_by_time()) {
            return Err(RegionError::RefusesByTime);
        }
        let trigger = Trigger::new(rule.when.clone(), rule.hits_max)?;
        self.0.push(Armed { rule, trigger });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts the call on every rule it concerns, and says what happens to it.
    pub(crate) fn verdict(
        &mut self,
        action: &str,
        caller: Option<&InstanceId>,
        now: Duration,
        facts: &impl Facts,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        for armed in self.0.iter_mut().filter(|armed| armed.rule.concerns(action, caller)) {
            if !armed.trigger.fires(now, facts) {
                continue;
            }
            match &armed.rule.fault {
                Fault::Delay { milliseconds } => {
                    verdict.delay = verdict.delay.saturating_add(Duration::from_millis(*milliseconds));
                }
                fault => verdict.fault = verdict.fault.or_else(|| Some(fault.clone())),
            }
        }
        verdict
    }

    /// Whether nobody listens now.
    pub(crate) fn refuses(&self, now: Duration) -> bool {
        self.refusals().any(|trigger| trigger.covers(now))
    }

    /// When that next changes, at the earliest.
    pub(crate) fn refusal_turns_after(&self, now: Duration) -> Option<Duration> {
        self.refusals().filter_map(|trigger| trigger.turns_after(now)).min()
    }

    fn refusals(&self) -> impl Iterator<Item = &Trigger> {
        self.0.iter().filter(|armed| armed.rule.fault == Fault::Refuse).map(|armed| &armed.trigger)
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
