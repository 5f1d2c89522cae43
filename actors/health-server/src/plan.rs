//! What the snapshots mean: ready or not, why, and which numbers. Pure: facts in, a picture out.

mod changes;
mod readiness;
mod samples;

use std::time::Duration;

use contract::mail::health_server::{ChildHealth, FrontView};
use contract::mail::route_programmer::HostView;
use contract::model::{EniView, LeaseView, SubnetView};
use serde::Serialize;

pub(crate) use changes::{Change, changes};
pub(crate) use readiness::{Judgement, judge};
pub(crate) use samples::samples;

/// The newest snapshot of everybody; `None` until heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    pub(crate) enis: Option<EniView>,
    pub(crate) leases: Option<LeaseView>,
    pub(crate) subnets: Option<SubnetView>,
    pub(crate) host: Option<HostView>,
    pub(crate) front: Option<FrontView>,
    pub(crate) children: Option<Vec<ChildHealth>>,
    /// The HTTP address that cannot be served, and why.
    pub(crate) http_trouble: Option<String>,
    /// What the settings ask for and this version does not do, as it was at the start.
    pub(crate) gaps: Vec<String>,
}

impl Facts {
    /// Everything that readiness is made of has been heard.
    pub(crate) fn suffice(&self) -> bool {
        self.host.is_some() && self.front.is_some() && self.children.is_some()
    }
}

/// One thing that is wrong, as `/readyz` tells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Reason {
    /// Who knows it: a room's name.
    pub room: &'static str,
    /// The cause in one word, the same as in the CNI error and in the metrics.
    pub label: &'static str,
    /// The cause in a sentence.
    pub text: String,
}

/// The value of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// Only grows, until the room that counts it restarts.
    Counter(u64),
    /// Now.
    Gauge(u64),
}

/// One number of `/metrics`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its name.
    pub name: &'static str,
    /// What it counts, and in which unit.
    pub help: &'static str,
    /// Label names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: Value,
}

/// All that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// The node can serve pods.
    pub ready: bool,
    /// Since when that is so, time since boot.
    pub since: Duration,
    /// Why it is not ready; empty when it is.
    pub reasons: Vec<Reason>,
    /// What is wrong and leaves it ready.
    pub degraded: Vec<Reason>,
    /// What the settings ask for and this version does not do, one sentence each.
    pub not_yet: Vec<String>,
    /// How the rooms are.
    pub children: Vec<ChildHealth>,
    /// The numbers.
    pub samples: Vec<Sample>,
}

impl Picture {
    /// Before anybody was heard.
    #[must_use]
    pub fn unknown() -> Self {
        let reason = Reason {
            room: "health-server",
            label: "RoomUnavailable",
            text: "health-server is not available: it has not heard from the other rooms yet".to_owned(),
        };
        Self {
            ready: false,
            since: Duration::ZERO,
            reasons: vec![reason],
            degraded: Vec::new(),
            not_yet: Vec::new(),
            children: Vec::new(),
            samples: Vec::new(),
        }
    }
}

/// The picture that the facts make.
pub(crate) fn picture(facts: &Facts, version: &str, since: Duration) -> Picture {
    let Judgement { reasons, degraded } = judge(facts);
    let samples = samples(facts, version, &reasons, &degraded);
    Picture {
        ready: reasons.is_empty(),
        since,
        reasons,
        degraded,
        not_yet: facts.gaps.clone(),
        children: facts.children.clone().unwrap_or_default(),
        samples,
    }
}

#[cfg(test)]
mod tests;
