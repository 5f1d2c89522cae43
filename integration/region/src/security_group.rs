//! A security group, as far as ENIs need one: its id, name and VPC. Rules are not modelled.

use crate::ids::{SecurityGroupId, VpcId};
use crate::tags::Tags;

/// A security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: SecurityGroupId,
    /// Its name.
    pub name: String,
    /// The VPC it belongs to.
    pub vpc: VpcId,
    /// Its tags.
    pub tags: Tags,
}
