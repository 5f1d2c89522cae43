//! To SubnetScout: what happened when somebody asked a subnet for addresses, and where the node is.

use crate::causes::Cause;
use crate::model::{SubnetId, VpcId};

/// Where the node's subnets are to be looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The VPC.
    pub vpc: VpcId,
    /// The availability zone.
    pub availability_zone: String,
    /// The subnet of the primary ENI.
    pub primary: SubnetId,
}

/// Mail for SubnetScout.
#[derive(Debug)]
pub enum SubnetMail {
    /// EniManager has learned where the node is.
    Place(Place),
    /// An allocation failed in this subnet for lack of room.
    NoRoom {
        /// Where.
        subnet: SubnetId,
        /// What EC2 said.
        cause: Cause,
    },
    /// An allocation worked in this subnet.
    Room {
        /// Where.
        subnet: SubnetId,
    },
}
