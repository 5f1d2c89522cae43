//! Instances, and what a plain call says to launch one. Which ENIs an instance has is the ENIs' to say.

use std::time::Duration;

use crate::eni::InterfaceKind;
use crate::error::ApiError;
use crate::ids::{InstanceId, SecurityGroupId, SubnetId, VpcId};
use crate::limits::Limits;
use crate::tags::Tags;

/// Where an instance is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// It runs.
    Running,
    /// It was told to stop: it still runs, and takes no more ENIs.
    Stopping,
    /// It is gone; EC2 still tells of it.
    Terminated,
}

/// An instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Its id.
    pub id: InstanceId,
    /// The first of those that the same call launched: it itself, if it came alone.
    pub launched_with: InstanceId,
    /// Its type.
    pub instance_type: String,
    /// What its type allows.
    pub limits: &'static Limits,
    /// The VPC of its primary ENI.
    pub vpc: VpcId,
    /// The subnet of its primary ENI.
    pub subnet: SubnetId,
    /// Its availability zone.
    pub zone: String,
    /// Where it is in its life.
    pub state: InstanceState,
    /// The role its metadata service hands credentials for; `None`: no profile attached.
    pub role: Option<String>,
    /// When it was launched, since the region's start.
    pub launched_at: Duration,
    /// Credentials of its role from before this time are nobody's.
    pub credentials_since: Duration,
    /// Its tags.
    pub tags: Tags,
}

/// An instance to launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceSpec {
    /// Its type, one of the limits table.
    pub instance_type: String,
    /// The subnet of its primary ENI.
    pub subnet: SubnetId,
    /// Groups of its primary ENI; empty: the VPC's default group.
    pub groups: Vec<SecurityGroupId>,
    /// Secondary addresses the primary ENI has from the start.
    pub secondary_addresses: u32,
    /// Prefixes the primary ENI has from the start.
    pub prefixes: u32,
    /// IPv6 addresses the primary ENI has from the start.
    pub ipv6_addresses: u32,
    /// IPv6 prefixes the primary ENI has from the start.
    pub ipv6_prefixes: u32,
    /// More ENIs, attached from the start.
    pub interfaces: Vec<InterfaceSpec>,
    /// The role of its profile.
    pub role: Option<String>,
    /// Its tags.
    pub tags: Tags,
}

/// An ENI beyond the primary one, there from the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InterfaceSpec {
    /// What it is for.
    pub kind: InterfaceKind,
    /// Device index on its card.
    pub device_index: u32,
    /// Network card.
    pub card: u32,
    /// Its subnet; `None`: the primary ENI's.
    pub subnet: Option<SubnetId>,
    /// Its groups; empty: the VPC's default group.
    pub groups: Vec<SecurityGroupId>,
    /// Secondary addresses.
    pub secondary_addresses: u32,
    /// Prefixes.
    pub prefixes: u32,
    /// IPv6 addresses.
    pub ipv6_addresses: u32,
    /// IPv6 prefixes.
    pub ipv6_prefixes: u32,
    /// Its description.
    pub description: String,
    /// Whether it goes with the instance.
    pub delete_on_termination: bool,
    /// Its tags.
    pub tags: Tags,
}

// === impl InstanceState ===

impl InstanceState {
    /// Whether its ENIs and its metadata service are there.
    pub(crate) fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Stopping)
    }
}

// === impl Instance ===

impl Instance {
    /// EC2's refusal of a call that its state does not allow. `IncorrectInstanceState` is what a stopping one is said to get.
    pub(crate) fn not_valid_for_this(&self) -> ApiError {
        let message = format!("Instance '{}' is not in a valid state for this operation", self.id);
        if self.state == InstanceState::Stopping {
            ApiError::new("IncorrectInstanceState", message)
        } else {
            ApiError::new("IncorrectState", message)
        }
    }

    /// EC2's name for the call that launched it.
    pub(crate) fn reservation(&self) -> String {
        self.launched_with.as_str().replacen(InstanceId::PREFIX, "r-", 1)
    }
}

// === impl InstanceSpec ===

impl InstanceSpec {
    /// The plainest instance: one ENI with one address, the role `node`.
    #[must_use]
    pub fn new(instance_type: impl Into<String>, subnet: &SubnetId) -> Self {
        Self {
            instance_type: instance_type.into(),
            subnet: subnet.clone(),
            groups: Vec::new(),
            secondary_addresses: 0,
            prefixes: 0,
            ipv6_addresses: 0,
            ipv6_prefixes: 0,
            interfaces: Vec::new(),
            role: Some("node".to_owned()),
            tags: Tags::new(),
        }
    }

    /// With so many secondary addresses on the primary ENI.
    #[must_use]
    pub fn with_secondary_addresses(mut self, count: u32) -> Self {
        self.secondary_addresses = count;
        self
    }

    /// With one more ENI.
    #[must_use]
    pub fn with_interface(mut self, interface: InterfaceSpec) -> Self {
        self.interfaces.push(interface);
        self
    }
}
