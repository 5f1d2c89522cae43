//! The actions of the region, one table: name, parameters, whether it changes anything, what it does. An action sees checked
//! parameters and gives the members of its answer; it never sees faults, throttles or HTTP.

mod assign;
mod assign_ipv6;
mod attach;
mod create;
mod create_networks;
mod describe_attribute;
mod describe_groups;
mod describe_instance_types;
mod describe_instances;
mod describe_interfaces;
mod describe_networks;
mod describe_tags;
mod describe_zones;

pub(crate) use filter::matches as filter_matches;
mod filter;
mod modify;
mod new_interface;
mod page;
mod run_instances;
mod tags;
mod trunk;
mod wanted;

use crate::error::ApiError;
use crate::params::{Param, Params};
use crate::region::Region;

/// One action.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Action {
    pub(crate) name: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) run: fn(&mut Region, &Params) -> Result<Done, ApiError>,
}

/// What an action gave.
#[derive(Debug)]
pub(crate) struct Done {
    /// The answer's members, as XML.
    pub(crate) members: String,
    pub(crate) mutated: bool,
}

/// Every action. The order is that of the wire reference.
const ACTIONS: &[&Action] = &[
    &create::CREATE_NETWORK_INTERFACE,
    &attach::ATTACH_NETWORK_INTERFACE,
    &attach::DETACH_NETWORK_INTERFACE,
    &attach::DELETE_NETWORK_INTERFACE,
    &modify::MODIFY_NETWORK_INTERFACE_ATTRIBUTE,
    &describe_interfaces::DESCRIBE_NETWORK_INTERFACES,
    &describe_attribute::DESCRIBE_NETWORK_INTERFACE_ATTRIBUTE,
    &assign::ASSIGN_PRIVATE_IP_ADDRESSES,
    &assign::UNASSIGN_PRIVATE_IP_ADDRESSES,
    &assign_ipv6::ASSIGN_IPV6_ADDRESSES,
    &assign_ipv6::UNASSIGN_IPV6_ADDRESSES,
    &describe_instances::DESCRIBE_INSTANCES,
    &describe_instance_types::DESCRIBE_INSTANCE_TYPES,
    &describe_networks::DESCRIBE_SUBNETS,
    &describe_groups::DESCRIBE_SECURITY_GROUPS,
    &describe_networks::DESCRIBE_VPCS,
    &describe_tags::DESCRIBE_TAGS,
    &tags::CREATE_TAGS,
    &tags::DELETE_TAGS,
    &trunk::ASSOCIATE_TRUNK_INTERFACE,
    &trunk::DISASSOCIATE_TRUNK_INTERFACE,
    &trunk::DESCRIBE_TRUNK_INTERFACE_ASSOCIATIONS,
    &run_instances::RUN_INSTANCES,
    &run_instances::TERMINATE_INSTANCES,
    &create_networks::CREATE_VPC,
    &create_networks::CREATE_SUBNET,
    &create_networks::CREATE_SECURITY_GROUP,
    &describe_zones::DESCRIBE_AVAILABILITY_ZONES,
];

/// The names of all of them.
pub fn names() -> impl Iterator<Item = &'static str> {
    ACTIONS.iter().map(|action| action.name)
}

/// The action with this name.
pub(crate) fn find(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.name == name).copied()
}

// === impl Done ===

impl Done {
    /// The answer of a change that has nothing to tell.
    pub(crate) fn changed() -> Self {
        Self::told("<return>true</return>".to_owned(), true)
    }

    pub(crate) fn told(members: String, mutated: bool) -> Self {
        Self { members, mutated }
    }
}
