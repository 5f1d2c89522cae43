//! EC2: the calls enid makes, in its own nouns. Retries are the caller's; each call has one attempt and one timeout.

mod classify;

use futures::future::BoxFuture;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

use crate::causes::Cause;
use crate::model::{EniId, InstanceId, InstanceType, Mac, SubnetId, VpcId};

pub use classify::{Ec2Error, classify};

/// An ENI as DescribeNetworkInterfaces tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EniDescription {
    /// Its id.
    pub id: EniId,
    /// Its MAC.
    pub mac: Mac,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its own address.
    pub primary_address: Ipv4Addr,
    /// Secondary addresses.
    pub secondary_addresses: Vec<Ipv4Addr>,
    /// Where it is attached; `None` if it is not.
    pub attachment: Option<EniAttachment>,
    /// Tags, as (key, value).
    pub tags: Vec<(String, String)>,
}

/// Where an ENI is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EniAttachment {
    /// To which instance.
    pub instance: InstanceId,
    /// Network card.
    pub card: u32,
    /// Device index on the card.
    pub device: u32,
    /// EC2 says `attached`, rather than `attaching`, `detaching` or `detached`.
    pub attached: bool,
}

/// A subnet as DescribeSubnets tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetDescription {
    /// Its id.
    pub id: SubnetId,
    /// Its block.
    pub cidr: Ipv4Net,
    /// Free addresses, as EC2 counts them.
    pub free_addresses: u32,
    /// Tags, as (key, value).
    pub tags: Vec<(String, String)>,
}

/// What an instance type allows, on its default network card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstanceLimits {
    /// ENIs.
    pub enis: u32,
    /// IPv4 addresses per ENI, the primary one included.
    pub addresses_per_eni: u32,
}

/// The EC2 port.
pub trait Ec2: Send + Sync + 'static {
    /// Every ENI attached to the instance.
    fn attached_interfaces(
        &self,
        instance: InstanceId,
    ) -> BoxFuture<'static, Result<Vec<EniDescription>, Cause>>;

    /// Asks for `count` more secondary addresses on an ENI, and gives those that came. Not idempotent: after a lost answer
    /// the ENI must be read back before it is asked again.
    fn assign_addresses(
        &self,
        eni: EniId,
        subnet: SubnetId,
        count: u32,
    ) -> BoxFuture<'static, Result<Vec<Ipv4Addr>, Cause>>;

    /// The subnets of a VPC in one zone.
    fn subnets(&self, vpc: VpcId, zone: String) -> BoxFuture<'static, Result<Vec<SubnetDescription>, Cause>>;

    /// The limits of an instance type that our table does not know.
    fn instance_limits(
        &self,
        instance_type: InstanceType,
    ) -> BoxFuture<'static, Result<InstanceLimits, Cause>>;
}
