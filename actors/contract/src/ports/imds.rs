//! The instance metadata service: who this node is, and a lagging copy of what is attached to it. It may add, never take away.

use futures::future::BoxFuture;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

use crate::causes::Cause;
use crate::model::{EniId, Mac, NodeFacts, SubnetId};

/// An interface as the metadata service tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImdsInterface {
    /// Its MAC, which is its key there.
    pub mac: Mac,
    /// Its id.
    pub id: EniId,
    /// Network card; 0 if not listed.
    pub card: u32,
    /// Device index.
    pub device: u32,
    /// Its subnet.
    pub subnet: SubnetId,
    /// The subnet's block.
    pub subnet_cidr: Ipv4Net,
    /// Its own address.
    pub primary_address: Ipv4Addr,
    /// Secondary addresses.
    pub secondary_addresses: Vec<Ipv4Addr>,
}

/// One walk over the metadata service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImdsInterfaces {
    /// Interfaces whose every key could be read.
    pub interfaces: Vec<ImdsInterface>,
    /// MACs that are listed, but not fully readable yet (or any more).
    pub partial: Vec<Mac>,
    /// The VPC's blocks.
    pub vpc_cidrs: Vec<Ipv4Net>,
}

/// The metadata port. Each call answers within the driver's timeout.
pub trait Imds: Send + Sync + 'static {
    /// Who this node is.
    fn node(&self) -> BoxFuture<'static, Result<NodeFacts, Cause>>;

    /// What it says is attached.
    fn interfaces(&self) -> BoxFuture<'static, Result<ImdsInterfaces, Cause>>;
}
