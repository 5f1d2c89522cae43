//! Scripted faults of the metadata service: which requests go wrong, and how. What is shown may also be changed, so that the
//! copy omits, repeats and ends early; the tree itself stays whole.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::actions::filter_matches;
use crate::delivery::Delivery;
use crate::ids::InstanceId;
use crate::rules::{Rule, Rules};
use crate::when::{Facts, When};

/// One scripted fault of the metadata service. Of several rules that fire on a request, delays add up, changes of the text are
/// made one after the other, and of the other faults the first counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImdsFaultRule {
    /// Only requests of this node.
    #[serde(default)]
    pub instance: Option<InstanceId>,
    /// Only requests for this path, `*` and `?` being wildcards; `/latest/api/token` is that of the PUT for a token.
    #[serde(default = "every_path")]
    pub path: String,
    /// Which of these requests.
    pub when: When,
    /// At most so many of them; without it, all.
    #[serde(default)]
    pub hits_max: Option<u64>,
    /// What happens to them.
    pub fault: ImdsFault,
}

/// What happens to a request. A token that does not arrive was not issued either.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ImdsFault {
    /// It is answered with this status: 401, 403, 404, 500, 503, …
    Status(u16),
    /// The connection is closed without an answer.
    Drop,
    /// The connection is reset without an answer.
    Reset,
    /// No answer ever comes, as to a token's PUT from behind one hop too many.
    Hang,
    /// Nobody listens. By time alone, and for every path of the instance.
    Refuse,
    /// It is answered so much later.
    Delay {
        /// How much later.
        milliseconds: u64,
    },
    /// The connection is reset in the middle of the text.
    Cut {
        /// Bytes of the text that arrive; 0: the headers alone.
        bytes: u64,
    },
    /// The text trickles in.
    Dribble {
        /// Bytes per second.
        bytes_per_second: u32,
    },
    /// The text ends early, as if it were whole.
    Truncate {
        /// Bytes that are left of it.
        bytes: u64,
    },
    /// Lines of the text are missing.
    Omit {
        /// The first of them, from 1.
        from_line: usize,
        /// How many; without it, all from there.
        #[serde(default)]
        count: Option<usize>,
    },
    /// A line of the text is there twice.
    Repeat {
        /// Which, from 1.
        line: usize,
    },
    /// The list of MACs omits this interface, and its keys are 404.
    HideInterface {
        /// Its device index.
        device_index: u32,
    },
    /// The list of MACs shows this interface twice.
    RepeatInterface {
        /// Its device index.
        device_index: u32,
    },
}

/// What the rules say about one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ImdsVerdict {
    pub(crate) delay: Duration,
    pub(crate) fault: Option<ImdsFault>,
    pub(crate) edits: Vec<ImdsFault>,
}

fn every_path() -> String {
    "*".to_owned()
}

// === impl Rules ===

impl Rules<ImdsFaultRule> {
    /// Counts the request on every rule it concerns, and says what happens to it.
    pub(crate) fn verdict(
        &mut self,
        instance: &InstanceId,
        path: &str,
        now: Duration,
        facts: &impl Facts,
    ) -> ImdsVerdict {
        let mut verdict = ImdsVerdict::default();
        for fault in self.fired(|rule| rule.concerns(instance, path), now, facts) {
            match fault {
                ImdsFault::Delay { milliseconds } => {
                    verdict.delay = verdict.delay.saturating_add(Duration::from_millis(milliseconds));
                }
                fault if fault.is_edit() => verdict.edits.push(fault),
                fault => verdict.fault = verdict.fault.or(Some(fault)),
            }
        }
        verdict
    }
}

impl Rule for ImdsFaultRule {
    type Fault = ImdsFault;

    fn when(&self) -> &When {
        &self.when
    }

    fn hits_max(&self) -> Option<u64> {
        self.hits_max
    }

    fn fault(&self) -> &ImdsFault {
        &self.fault
    }

    fn is_refusal(&self) -> bool {
        self.fault == ImdsFault::Refuse
    }

    fn is_of_all(&self) -> bool {
        self.path == "*"
    }
}

// === impl ImdsFaultRule ===

impl ImdsFaultRule {
    /// A rule for the requests of every node for this path (`*`: every).
    #[must_use]
    pub fn new(path: &str, when: When, fault: ImdsFault) -> Self {
        Self { instance: None, path: path.to_owned(), when, hits_max: None, fault }
    }

    /// Whether a request can have such a path.
    pub(crate) fn has_a_path(&self) -> bool {
        self.path.starts_with(['/', '*'])
    }

    fn concerns(&self, instance: &InstanceId, path: &str) -> bool {
        self.is_of(instance) && filter_matches(&self.path, path)
    }

    pub(crate) fn is_of(&self, instance: &InstanceId) -> bool {
        self.instance.as_ref().is_none_or(|expected| expected == instance)
    }
}

// === impl ImdsFault ===

impl ImdsFault {
    /// How an answer with this fault goes out.
    pub(crate) fn delivery(&self) -> Delivery {
        match self {
            Self::Drop => Delivery::DropBefore,
            Self::Reset => Delivery::ResetBefore,
            Self::Hang => Delivery::Hang,
            Self::Refuse => Delivery::Refuse,
            Self::Cut { bytes } => Delivery::Cut { bytes: *bytes },
            Self::Dribble { bytes_per_second } => Delivery::Dribble { bytes_per_second: *bytes_per_second },
            _ => Delivery::Deliver,
        }
    }

    fn is_edit(&self) -> bool {
        match self {
            Self::Truncate { .. }
            | Self::Omit { .. }
            | Self::Repeat { .. }
            | Self::HideInterface { .. }
            | Self::RepeatInterface { .. } => true,
            Self::Status(_)
            | Self::Drop
            | Self::Reset
            | Self::Hang
            | Self::Refuse
            | Self::Delay { .. }
            | Self::Cut { .. }
            | Self::Dribble { .. } => false,
        }
    }
}
