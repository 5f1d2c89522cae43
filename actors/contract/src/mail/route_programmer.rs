//! To RouteProgrammer: wire and unwire a pod on the host, and which ENIs need tables.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::Reply;
use crate::causes::Cause;
use crate::model::{Damage, EniView, HostSide, LeaseView, PodWiring, WiringPlan};

/// Mail for RouteProgrammer.
#[derive(Debug)]
pub enum RouteMail {
    /// What must the shim make inside the pod's namespace? Refused while the ENI's own side does not stand yet.
    Plan {
        /// The pod.
        wiring: PodWiring,
        /// The plan, or why not.
        reply: Reply<Result<WiringPlan, Cause>>,
    },
    /// Program and verify the host side of a pod whose inside stands.
    Wire {
        /// The pod.
        wiring: PodWiring,
        /// What the shim found.
        host: HostSide,
        /// It stands and was verified, or what failed.
        reply: Reply<Result<(), Cause>>,
    },
    /// Take the host side of an address down: its rules and its route. What is not there is a success.
    Unwire {
        /// The address.
        address: Ipv4Addr,
        /// Nothing is left, or what failed.
        reply: Reply<Result<(), Cause>>,
    },
    /// CHECK: what is wrong with the host side of an address, as the kernel shows it now? Changes nothing.
    Check {
        /// The pod's address.
        address: Ipv4Addr,
        /// The host's end of its pair, if there is one.
        ifindex: Option<u32>,
        /// All that is wrong, or why it cannot be told.
        reply: Reply<Result<Vec<Damage>, Cause>>,
    },
    /// GC: which of these addresses does a namespace of this host carry now? Changes nothing.
    Carried {
        /// The addresses.
        addresses: BTreeSet<Ipv4Addr>,
        /// Those that are carried, or why it cannot be told.
        reply: Reply<Result<BTreeSet<Ipv4Addr>, Cause>>,
    },
    /// EniManager's newest view: each secondary ENI needs its link up, its table and its rule.
    Enis(EniView),
    /// WarmPool's newest view: the addresses whose rules must stand.
    Leases(LeaseView),
}

/// What RouteProgrammer tells the others about the host; published whole.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HostView {
    /// The kernel has been read in this incarnation.
    pub read: bool,
    /// ENIs whose own side stands.
    pub enis_ready: u32,
    /// What is wrong now, if anything.
    pub trouble: Option<Cause>,
    /// Changes made since start, by which drift shows.
    pub changes: u64,
}
