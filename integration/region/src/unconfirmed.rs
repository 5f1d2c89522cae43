//! Refusals that EC2 surely gives, in a code and words that no source confirms. They are kept apart so that whoever meets the
//! real ones knows what to change, and that no scenario is built on their text.

use crate::error::ApiError;
use crate::ids::{EniId, InstanceId, VlanId};

impl ApiError {
    pub(crate) fn no_ipv6_block() -> Self {
        Self::invalid_value("The specified subnet does not have an IPv6 CIDR block.")
    }

    pub(crate) fn ipv6_limit() -> Self {
        Self::new("PrivateIpAddressLimitExceeded", "Number of IPv6 addresses will exceed limit.")
    }

    pub(crate) fn no_primary_interface() -> Self {
        Self::invalid_value("The network interfaces do not include one at device index 0.")
    }

    pub(crate) fn no_trunking(instance_type: &str) -> Self {
        Self::combination(format!("Instance type {instance_type} does not support trunk network interfaces."))
    }

    pub(crate) fn second_trunk(instance: &InstanceId) -> Self {
        Self::combination(format!("Instance '{instance}' already has a trunk network interface."))
    }

    pub(crate) fn branch_attached(branch: &EniId) -> Self {
        let message =
            format!("Network interface '{branch}' is a branch and cannot be attached to an instance.");
        Self::new("OperationNotPermitted", message)
    }

    pub(crate) fn trunk_has_branches(trunk: &EniId) -> Self {
        let message =
            format!("Network interface '{trunk}' has branch network interfaces and cannot be detached.");
        Self::new("OperationNotPermitted", message)
    }

    pub(crate) fn wrong_kind(eni: &EniId, kind: &str) -> Self {
        Self::invalid_value(format!("Network interface '{eni}' is not of the type {kind}."))
    }

    pub(crate) fn trunk_elsewhere() -> Self {
        Self::combination(
            "Branch and trunk network interfaces must be in the same VPC and availability zone.",
        )
    }

    pub(crate) fn trunk_not_attached(trunk: &EniId) -> Self {
        Self::new(
            "IncorrectState",
            format!("Trunk network interface '{trunk}' is not attached to an instance."),
        )
    }

    pub(crate) fn vlan_in_use(vlan: VlanId, trunk: &EniId) -> Self {
        Self::invalid_value(format!("VLAN id {vlan} is already in use on trunk network interface '{trunk}'."))
    }

    pub(crate) fn branch_limit(limit: u32, instance_type: &str) -> Self {
        let message = format!("Branch interface count exceeds the limit of {limit} for {instance_type}");
        Self::new("AttachmentLimitExceeded", message)
    }
}
