//! What can be wrong with the host's side of an attachment. CHECK names all of it; the pod's own side is the shim's to judge.

use std::net::Ipv4Addr;

use super::{LeasePhase, TableId};
use crate::causes::Cause;

/// One thing that should stand and does not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Nobody holds the address for this attachment.
    #[error("no lease is held for {key}")]
    LeaseMissing {
        /// The attachment.
        key: String,
    },
    /// The lease is on another address than the result of the ADD says.
    #[error("the lease is on {held}, and the result says {said}")]
    LeaseDiffers {
        /// By the lease.
        held: Ipv4Addr,
        /// By the result.
        said: Ipv4Addr,
    },
    /// Its ADD or its DEL is under way.
    #[error("the lease of {address} is not assigned, it is {phase:?}")]
    LeaseNotAssigned {
        /// The pod's address.
        address: Ipv4Addr,
        /// How far.
        phase: LeasePhase,
    },
    /// EC2 has the address on no ENI of this node.
    #[error("{address} is on no ENI of this node")]
    AddressNotAttached {
        /// The pod's address.
        address: Ipv4Addr,
    },
    /// The host carries the address itself.
    #[error("{address} is the host's own, on {link}")]
    AddressOnHost {
        /// The pod's address.
        address: Ipv4Addr,
        /// The host's link.
        link: String,
    },
    /// The host's end went while it was looked at.
    #[error("the host has no link {ifindex}")]
    HostLinkMissing {
        /// Its index.
        ifindex: u32,
    },
    /// The host's end is down.
    #[error("{link} is down")]
    HostLinkDown {
        /// Its name.
        link: String,
    },
    /// The host's end leads into no other namespace.
    #[error("{link} does not lead into another namespace")]
    HostLinkForeign {
        /// Its name.
        link: String,
    },
    /// The route to the pod is gone, or leads elsewhere.
    #[error("no route leads to {address} by {link}")]
    HostRouteMissing {
        /// The pod's address.
        address: Ipv4Addr,
        /// The host's end.
        link: String,
    },
    /// The rule to the pod is gone.
    #[error("no rule 512 leads to {address}")]
    ToRuleMissing {
        /// The pod's address.
        address: Ipv4Addr,
    },
    /// The rule from the pod to the table of its ENI is gone.
    #[error("no rule 1536 leads from {address} to table {table}")]
    FromRuleMissing {
        /// The pod's address.
        address: Ipv4Addr,
        /// The table of its ENI.
        table: TableId,
    },
    /// A rule of our shape leads the pod's packets into a wrong table.
    #[error("a rule leads {address} to table {table}, where it does not belong")]
    RuleContradicts {
        /// The pod's address.
        address: Ipv4Addr,
        /// Where the rule leads.
        table: TableId,
    },
    /// The ENI's own side does not stand.
    #[error("the ENI of {address} does not stand: {because}")]
    EniSide {
        /// The pod's address.
        address: Ipv4Addr,
        /// What is missing.
        because: Box<Cause>,
    },
}

impl Damage {
    /// One word for it.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::LeaseMissing { .. } => "LeaseMissing",
            Self::LeaseDiffers { .. } => "LeaseDiffers",
            Self::LeaseNotAssigned { .. } => "LeaseNotAssigned",
            Self::AddressNotAttached { .. } => "AddressNotAttached",
            Self::AddressOnHost { .. } => "AddressOnHost",
            Self::HostLinkMissing { .. } => "HostLinkMissing",
            Self::HostLinkDown { .. } => "HostLinkDown",
            Self::HostLinkForeign { .. } => "HostLinkForeign",
            Self::HostRouteMissing { .. } => "HostRouteMissing",
            Self::ToRuleMissing { .. } => "ToRuleMissing",
            Self::FromRuleMissing { .. } => "FromRuleMissing",
            Self::RuleContradicts { .. } => "RuleContradicts",
            Self::EniSide { .. } => "EniSide",
        }
    }
}
