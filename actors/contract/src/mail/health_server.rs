//! To HealthServer: the newest snapshot of everybody. It keeps them and shows them; it decides nothing for anyone.

use super::route_programmer::HostView;
use crate::causes::Cause;
use crate::model::{EniView, LeaseView, SubnetView};

/// How one child of the kernel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildHealth {
    /// Its name.
    pub name: &'static str,
    /// It runs and answers.
    pub running: bool,
    /// In words: `running`, `backoff`, `parked`, …
    pub state: String,
    /// Which life this is, from 1.
    pub incarnation: u64,
    /// Restarts so far, by cause.
    pub restarts: Vec<(&'static str, u64)>,
    /// The last cause in words.
    pub last_cause: Option<String>,
}

/// What CniServer has done; published whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FrontView {
    /// The socket is open.
    pub listening: bool,
    /// ADDs under way.
    pub adds_in_flight: u64,
    /// Answers so far by (verb, outcome), outcome `ok` or a cause's label.
    pub answers: Vec<((&'static str, &'static str), u64)>,
    /// DELs taken from the spool since start.
    pub spool_worked_off: u64,
    /// Why it does not listen, if it does not.
    pub trouble: Option<Cause>,
    /// The runtime was told of this daemon: its list of plugins is in place.
    pub announced: bool,
    /// Why it is not, or not as it should be.
    pub unannounced: Option<Cause>,
}

/// Mail for HealthServer.
#[derive(Debug)]
pub enum HealthMail {
    /// EniManager's newest view.
    Enis(EniView),
    /// WarmPool's newest view.
    Leases(LeaseView),
    /// SubnetScout's newest view.
    Subnets(SubnetView),
    /// RouteProgrammer's newest view.
    Host(HostView),
    /// CniServer's newest view.
    Front(FrontView),
    /// The kernel's newest vitals.
    Children(Vec<ChildHealth>),
}
