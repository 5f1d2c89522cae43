//! What is asked of CreateNetworkInterface, exactly as it is sent: EC2 holds a token to the parameters it came with, so whoever
//! asks again, in this life of the daemon or the next, must have kept them all.

use serde::{Deserialize, Serialize};

use crate::model::{SecurityGroupId, SubnetId};

/// An ENI to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EniOrder {
    /// The ClientToken: no other order ever carries it. At most 64 characters.
    pub token: String,
    /// Where it is to live.
    pub subnet: SubnetId,
    /// How many addresses beside its own, of which EC2 gives all or makes nothing.
    pub secondary_addresses: u32,
    /// Ascending.
    pub groups: Vec<SecurityGroupId>,
    /// In words.
    pub description: String,
    /// As (key, value), by key.
    pub tags: Vec<(String, String)>,
}
