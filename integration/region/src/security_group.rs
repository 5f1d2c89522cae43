//! A security group, as far as ENIs need one: its names and its VPC. Rules are not modelled.

use crate::ids::{SecurityGroupId, VpcId};
use crate::tags::Tags;

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: String,
    /// The VPC it belongs to.
    pub vpc: VpcId,
    /// Its tags.
    pub tags: Tags,
}
