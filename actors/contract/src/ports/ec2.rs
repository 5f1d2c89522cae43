//! EC2: the calls enid makes, in its own nouns. Retries are the caller's; each call has one attempt and one timeout.

mod classify;
mod order;

use futures::future::BoxFuture;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

use crate::causes::Cause;
use crate::model::{AttachmentId, EniId, InstanceId, InstanceType, Mac, SecurityGroupId, SubnetId, VpcId};

pub use classify::{Ec2Error, classify, known_to_ec2};
pub use order::EniOrder;

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
    /// Its security groups.
    pub groups: Vec<SecurityGroupId>,
    /// Where it is attached; `None` if it is not.
    pub attachment: Option<EniAttachment>,
    /// Tags, as (key, value).
    pub tags: Vec<(String, String)>,
}

/// Where an ENI is attached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EniAttachment {
    /// Its id, by which it is detached.
    pub id: AttachmentId,
    /// To which instance.
    pub instance: InstanceId,
    /// Network card.
    pub card: u32,
    /// Device index on the card.
    pub device: u32,
    /// How far it is.
    pub state: AttachmentState,
    /// The ENI goes when the instance goes.
    pub delete_on_termination: bool,
}

/// How far an attachment is, in EC2's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AttachmentState {
    /// On its way to the instance.
    Attaching,
    /// There.
    Attached,
    /// On its way out.
    Detaching,
    /// Gone, and still told of.
    Detached,
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

    /// Takes secondary addresses off an ENI: all of them or, if one is not there, none. After a lost answer the ENI must be
    /// read back.
    fn unassign_addresses(
        &self,
        eni: EniId,
        addresses: Vec<Ipv4Addr>,
    ) -> BoxFuture<'static, Result<(), Cause>>;

    /// One ENI, attached or not; `None` if EC2 knows of none, which for some seconds it may say of a new one.
    fn interface(&self, eni: EniId) -> BoxFuture<'static, Result<Option<EniDescription>, Cause>>;

    /// Makes an ENI. The same order again gives the same ENI, for as long as EC2 remembers its token (a day at least).
    fn create_interface(&self, order: EniOrder) -> BoxFuture<'static, Result<EniDescription, Cause>>;

    /// Attaches an ENI to an instance at a device index of a network card. The answer is the attachment's beginning. Not
    /// idempotent: after a lost answer the ENI must be read back.
    fn attach_interface(
        &self,
        eni: EniId,
        instance: InstanceId,
        card: u32,
        device: u32,
    ) -> BoxFuture<'static, Result<AttachmentId, Cause>>;

    /// Has an attached ENI go when its instance goes. Asking again is harmless.
    fn delete_on_termination(
        &self,
        eni: EniId,
        attachment: AttachmentId,
    ) -> BoxFuture<'static, Result<(), Cause>>;

    /// Begins to detach, never by force. After a lost answer the ENI must be read back.
    fn detach_interface(&self, attachment: AttachmentId) -> BoxFuture<'static, Result<(), Cause>>;

    /// Deletes an ENI that is attached to nothing. One that is not there is a success.
    fn delete_interface(&self, eni: EniId) -> BoxFuture<'static, Result<(), Cause>>;

    /// The subnets of a VPC in one zone.
    fn subnets(&self, vpc: VpcId, zone: String) -> BoxFuture<'static, Result<Vec<SubnetDescription>, Cause>>;

    /// The limits of an instance type that our table does not know.
    fn instance_limits(
        &self,
        instance_type: InstanceType,
    ) -> BoxFuture<'static, Result<InstanceLimits, Cause>>;
}
