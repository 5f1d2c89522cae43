//! An ENI attached to this node and the addresses on it, as EniManager tells the others.

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

use super::{EniId, Mac, SubnetId, TableId};
use crate::Boottime;
use crate::causes::Cause;

/// One address of an ENI that a pod may carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EniAddress {
    /// The address.
    pub address: Ipv4Addr,
    /// EC2 itself has said that the ENI carries it, in this life of the daemon. An unconfirmed one (metadata only) may be
    /// handed out, and is never released.
    pub confirmed: bool,
}

/// An ENI attached to this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Eni {
    /// Its id.
    pub id: EniId,
    /// Its MAC: how the link is found on the host.
    pub mac: Mac,
    /// Network card, 0 on most instance types.
    pub card: u32,
    /// Device index on its card; 0 on card 0 is the primary ENI.
    pub device: u32,
    /// The subnet it lives in.
    pub subnet: SubnetId,
    /// The subnet's block.
    pub subnet_cidr: Ipv4Net,
    /// The ENI's own address, never a pod's.
    pub primary_address: Ipv4Addr,
    /// Secondary addresses, ascending.
    pub addresses: Vec<EniAddress>,
    /// How many addresses the instance type allows on it, the primary one included; `None` while the limit is unknown.
    pub address_limit: Option<u32>,
    /// Attached since; for one that was there before this life of EniManager, since that began.
    pub since: Boottime,
    /// It is being taken away: no pod is put on it, and nothing is bought for it.
    pub leaving: bool,
}

impl Eni {
    /// The node's first ENI: its traffic uses the main table.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.card == 0 && self.device == 0
    }

    /// The routing table of pods on this ENI.
    #[must_use]
    pub fn table(&self) -> TableId {
        TableId::of_eni(self.card, self.device)
    }

    /// The VPC router in the ENI's subnet: its first address.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.subnet_cidr.network()).wrapping_add(1))
    }
}

/// What the node gives back to EC2. Written down before it is asked for, so that no life of the daemon hands it out again until
/// its fate is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leaving {
    /// Of which ENI.
    pub eni: EniId,
    /// Which addresses, ascending; of a whole ENI all that it carries.
    pub addresses: Vec<Ipv4Addr>,
    /// The ENI itself goes, too.
    pub whole: bool,
}

/// Whether more addresses can be had, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Growth {
    /// Nothing stands in the way.
    Possible,
    /// A call is under way.
    UnderWay,
    /// It cannot now; it is tried again by itself.
    Held(Cause),
    /// The node is at its limit: only a DEL helps.
    AtLimit(Cause),
}

/// The ENIs of this node; published whole by EniManager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EniView {
    /// EC2 has confirmed the list: what is absent is not attached. While false, absence means unknown.
    pub complete: bool,
    /// By (card, device).
    pub enis: Vec<Eni>,
    /// The blocks of the VPC; empty while unknown.
    pub vpc_cidrs: Vec<Ipv4Net>,
    /// Whether the pool can grow.
    pub growth: Growth,
    /// What is wrong now with EC2 or the metadata service, if anything.
    pub trouble: Option<Cause>,
}

impl EniView {
    /// Nothing known yet, and nothing claimed.
    #[must_use]
    pub fn unknown() -> Self {
        Self {
            complete: false,
            enis: Vec::new(),
            vpc_cidrs: Vec::new(),
            growth: Growth::Possible,
            trouble: None,
        }
    }
}
