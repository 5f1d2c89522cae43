//! The node itself and the ids EC2 gives things. Ids are opaque: we compare and print them, nothing else.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::Ipv4Addr;

use super::Mac;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the id as EC2 wrote it.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id as EC2 wrote it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// `eni-…`
    EniId;
    /// `eni-attach-…`
    AttachmentId;
    /// `i-…`
    InstanceId;
    /// `m5.large`, …
    InstanceType;
    /// `subnet-…`
    SubnetId;
    /// `sg-…`
    SecurityGroupId;
    /// `vpc-…`
    VpcId;
}

/// What the instance metadata service says about the node; fixed for the life of the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeFacts {
    /// This instance.
    pub instance: InstanceId,
    /// Its type, which decides the limits.
    pub instance_type: InstanceType,
    /// Its Region, `eu-west-1`.
    pub region: String,
    /// Its availability zone, `eu-west-1a`.
    pub availability_zone: String,
    /// The VPC of the primary ENI.
    pub vpc: VpcId,
    /// The subnet of the primary ENI.
    pub subnet: SubnetId,
    /// The MAC of the primary ENI.
    pub primary_mac: Mac,
    /// The node's own address: the primary address of the primary ENI.
    pub primary_address: Ipv4Addr,
}
