//! A subnet as SubnetScout tells it: its block, its room, and whether an allocation has lately failed there.

use ipnet::Ipv4Net;

use super::SubnetId;
use crate::Boottime;
use crate::causes::Cause;

/// An allocation failed here; it is not asked again until the mark ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetMark {
    /// What EC2 said.
    pub cause: Cause,
    /// Ask again at.
    pub until: Boottime,
    /// Failures in a row, which the backoff grows with.
    pub failures: u32,
}

/// A subnet of the node's VPC and zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its block; `None` for a subnet known only from an error.
    pub cidr: Option<Ipv4Net>,
    /// Free addresses when EC2 was last asked; `None` if it never was.
    pub free_addresses: Option<u32>,
    /// Set while it is believed to have no room.
    pub mark: Option<SubnetMark>,
}

/// The subnets this node may use; published whole by SubnetScout.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubnetView {
    /// EC2 has listed them.
    pub complete: bool,
    /// By id.
    pub subnets: Vec<Subnet>,
    /// What is wrong now with asking EC2, if anything.
    pub trouble: Option<Cause>,
}

impl SubnetView {
    /// The mark on `subnet`, if it is believed to have no room at `now`.
    #[must_use]
    pub fn mark(&self, subnet: &SubnetId, now: Boottime) -> Option<&SubnetMark> {
        let known = self.subnets.iter().find(|known| &known.id == subnet)?;
        known.mark.as_ref().filter(|mark| mark.until > now)
    }

    /// Notes that `subnet` has no room, until the owner of this view says more.
    pub fn believe_full(&mut self, subnet: &SubnetId, cause: &Cause, until: Boottime) {
        let mark = Some(SubnetMark { cause: cause.clone(), until, failures: 1 });
        match self.subnets.iter_mut().find(|known| &known.id == subnet) {
            Some(known) => known.mark = mark,
            None => self.subnets.push(Subnet { id: subnet.clone(), cidr: None, free_addresses: None, mark }),
        }
    }
}
