//! A VPC: a name over some blocks. Its subnets know it, not the other way round.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::ids::{SecurityGroupId, VpcId};
use crate::tags::Tags;

/// A VPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vpc {
    /// Its id.
    pub id: VpcId,
    /// Its blocks; the first is its primary one.
    pub cidrs: Vec<Ipv4Net>,
    /// Its IPv6 blocks.
    pub ipv6_cidrs: Vec<Ipv6Net>,
    /// What an ENI belongs to when nobody says otherwise.
    pub default_group: SecurityGroupId,
    /// Its tags.
    pub tags: Tags,
}

/// Whether EC2 takes a block of this size for a VPC or a subnet.
pub(crate) fn allowed_block(cidr: Ipv4Net) -> bool {
    (16..=28).contains(&cidr.prefix_len()) && cidr.trunc() == cidr
}

/// Whether two blocks share an address.
pub(crate) fn overlap(one: &IpNet, other: &IpNet) -> bool {
    one.contains(&other.network()) || other.contains(&one.network())
}
