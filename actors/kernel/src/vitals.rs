//! How each child is, for those who show it.

use std::time::Duration;

use crate::verdict::{Child, Life};

/// One child, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vitals {
    /// Its name.
    pub name: &'static str,
    /// Where it is: `idle`, `starting`, `running`, `backoff`, `parked`, `stopped`.
    pub state: &'static str,
    /// Which life this is, from 1.
    pub incarnation: u64,
    /// Deaths so far, by cause.
    pub deaths: Vec<(&'static str, u64)>,
    /// The last death, in words.
    pub last: Option<String>,
    /// When a child that waits is tried again, time since boot.
    pub again_at: Option<Duration>,
    /// Actions under way.
    pub in_flight: u64,
    /// Outcomes that came for a life that was over.
    pub stale_outcomes: u64,
    /// Hints that were not delivered.
    pub dropped_hints: u64,
}

impl Vitals {
    /// It runs and answers.
    #[must_use]
    pub fn running(&self) -> bool {
        self.state == "running"
    }

    pub(crate) fn of(name: &'static str, child: &Child, counts: Counts) -> Self {
        let (state, again_at) = match child.life {
            Life::Idle => ("idle", None),
            Life::Starting => ("starting", None),
            Life::Running { .. } => ("running", None),
            Life::Backoff { until } => ("backoff", Some(until)),
            Life::Parked { until } => ("parked", Some(until)),
            Life::Stopped => ("stopped", None),
        };
        Self {
            name,
            state,
            incarnation: child.incarnation,
            deaths: child.deaths.iter().map(|(label, count)| (*label, *count)).collect(),
            last: child.last.as_ref().map(|death| format!("{}: {}", death.label(), death.words())),
            again_at,
            in_flight: counts.in_flight,
            stale_outcomes: counts.stale_outcomes,
            dropped_hints: counts.dropped_hints,
        }
    }
}

/// What a nest counts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) in_flight: u64,
    pub(crate) stale_outcomes: u64,
    pub(crate) dropped_hints: u64,
}
