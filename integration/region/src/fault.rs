//! Scripted faults: which calls go wrong, and how. Data and counters; what a fault does to a call is done in one place, where
//! calls are handled.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::RegionError;
use crate::ids::{InstanceId, SubnetId};

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
    /// What happens to them.
    pub fault: Fault,
}

/// Which calls a rule fires on. Calls are counted per rule, from 1, over those of its action and caller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// Every call.
    Always,
    /// The nth call alone.
    Nth(u64),
    /// The first n calls.
    First(u64),
    /// `hits` out of `of` calls, evenly spread and always the same ones.
    Rate {
        /// Calls hit.
        hits: u64,
        /// Out of so many.
        of: u64,
    },
    /// Calls from one time on and before another, since the region's start.
    Between {
        /// From here.
        from_milliseconds: u64,
        /// To before here.
        to_milliseconds: u64,
    },
    /// Calls while a subnet has no free address.
    SubnetFull(SubnetId),
}

/// What happens to a call.
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
    /// It is done at once, and answered so much later.
    Delay {
        /// How much later.
        milliseconds: u64,
    },
    /// It is done, and the connection breaks before the answer.
    ApplyThenDrop,
    /// The connection breaks, and nothing changes.
    Drop,
    /// Nothing changes, and no answer ever comes.
    Hang,
}

#[derive(Debug, Clone)]
struct Armed {
    rule: FaultRule,
    seen: u64,
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
        if let When::Rate { hits, of } = rule.when
            && (of == 0 || hits > of)
        {
            return Err(RegionError::Rate { hits, of });
        }
        self.0.push(Armed { rule, seen: 0 });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts the call on every rule it concerns, and says what happens to it.
    pub(crate) fn verdict(
        &mut self,
        action: &str,
        caller: Option<&InstanceId>,
        now: Duration,
        is_full: impl Fn(&SubnetId) -> bool,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        for armed in self.0.iter_mut().filter(|armed| armed.rule.concerns(action, caller)) {
            armed.seen += 1;
            if !armed.rule.when.fires(armed.seen, now, &is_full) {
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
}

// === impl FaultRule ===

impl FaultRule {
    fn concerns(&self, action: &str, caller: Option<&InstanceId>) -> bool {
        (self.action == "*" || self.action == action)
            && self.caller.as_ref().is_none_or(|expected| caller == Some(expected))
    }
}

// === impl When ===

impl When {
    fn fires(&self, call: u64, now: Duration, is_full: &impl Fn(&SubnetId) -> bool) -> bool {
        match self {
            Self::Always => true,
            Self::Nth(nth) => call == *nth,
            Self::First(count) => call <= *count,
            Self::Rate { hits, of } => spread(call, *hits, *of) > spread(call - 1, *hits, *of),
            Self::Between { from_milliseconds, to_milliseconds } => {
                let from = Duration::from_millis(*from_milliseconds);
                (from..Duration::from_millis(*to_milliseconds)).contains(&now)
            }
            Self::SubnetFull(subnet) => is_full(subnet),
        }
    }
}

/// Hits due after so many calls.
fn spread(calls: u64, hits: u64, of: u64) -> u128 {
    u128::from(calls) * u128::from(hits) / u128::from(of.max(1))
}
