//! RunInstances and TerminateInstances: what a node group does, over the wire. Instances run at once, and end at once.

use std::collections::BTreeSet;

use super::describe_instances::{write, write_state};
use super::new_interface;
use super::tags::specified_of;
use super::{Action, Done};
use crate::error::{ApiError, RegionError};
use crate::ids::{InstanceId, SubnetId};
use crate::imds::IMAGE;
use crate::launch::{Plan, PlannedInterface};
use crate::params::{DRY_RUN, Params, boolean, integer, not_simulated, text};
use crate::region::Region;
use crate::tags::Tags;
use crate::xml::Xml;

pub(crate) const RUN_INSTANCES: Action = Action {
    name: "RunInstances",
    params: &[
        text("ImageId").required(),
        text("InstanceType").required(),
        integer("MinCount").required(),
        integer("MaxCount").required(),
        text("SubnetId"),
        text("SecurityGroupId.N"),
        text("PrivateIpAddress"),
        integer("Ipv6AddressCount"),
        text("Placement.AvailabilityZone"),
        text("IamInstanceProfile.Arn"),
        text("IamInstanceProfile.Name"),
        text("TagSpecification.N.ResourceType"),
        text("TagSpecification.N.Tag.N.Key"),
        text("TagSpecification.N.Tag.N.Value"),
        text("ClientToken"),
        integer("NetworkInterface.N.DeviceIndex"),
        integer("NetworkInterface.N.NetworkCardIndex"),
        boolean("NetworkInterface.N.DeleteOnTermination"),
        text("NetworkInterface.N.Description"),
        text("NetworkInterface.N.InterfaceType"),
        text("NetworkInterface.N.SubnetId"),
        text("NetworkInterface.N.SecurityGroupId.N"),
        text("NetworkInterface.N.PrivateIpAddress"),
        boolean("NetworkInterface.N.PrivateIpAddresses.N.Primary"),
        text("NetworkInterface.N.PrivateIpAddresses.N.PrivateIpAddress"),
        integer("NetworkInterface.N.SecondaryPrivateIpAddressCount"),
        text("NetworkInterface.N.Ipv4Prefix.N.Ipv4Prefix"),
        integer("NetworkInterface.N.Ipv4PrefixCount"),
        text("NetworkInterface.N.Ipv6Addresses.N.Ipv6Address"),
        integer("NetworkInterface.N.Ipv6AddressCount"),
        text("NetworkInterface.N.Ipv6Prefix.N.Ipv6Prefix"),
        integer("NetworkInterface.N.Ipv6PrefixCount"),
        not_simulated("KeyName"),
        not_simulated("Placement.AvailabilityZoneId"),
        not_simulated("SecurityGroup.N"),
        not_simulated("UserData"),
        not_simulated("NetworkInterface.N.AssociateCarrierIpAddress"),
        not_simulated("NetworkInterface.N.AssociatePublicIpAddress"),
        not_simulated("NetworkInterface.N.EnaQueueCount"),
        not_simulated("NetworkInterface.N.Ipv6Addresses.N.IsPrimaryIpv6"),
        not_simulated("NetworkInterface.N.NetworkInterfaceId"),
        not_simulated("NetworkInterface.N.PrimaryIpv6"),
        DRY_RUN,
    ],
    run,
};

pub(crate) const TERMINATE_INSTANCES: Action = Action {
    name: "TerminateInstances",
    params: &[text("InstanceId.N").required(), boolean("Force"), boolean("SkipOsShutdown"), DRY_RUN],
    run: terminate,
};

/// Instances of one call: as many as an account may have on demand of the larger types.
const COUNT_MAX: u32 = 100;

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let now = region.clock;
    if let Some(known) = region.launch_tokens.recall(params, now)? {
        return answer(region, &known, false);
    }
    let image = params.required("ImageId")?;
    if image != IMAGE {
        let message = format!("The image id '[{image}]' does not exist");
        return Err(ApiError::new("InvalidAMIID.NotFound", message));
    }
    let (least, most) = (counted(params, "MinCount")?, counted(params, "MaxCount")?);
    if least > most {
        return Err(ApiError::combination("MinCount may not be greater than MaxCount."));
    }
    let plan = plan(region, params)?;
    let launched = launch(region, &plan, least, most)?;
    region.launch_tokens.remember(params, launched.clone(), now);
    answer(region, &launched, true)
}

fn counted(params: &Params, name: &str) -> Result<u32, ApiError> {
    let count = params.integer(name).ok_or_else(|| ApiError::missing(name))?;
    if (1..=COUNT_MAX).contains(&count) {
        return Ok(count);
    }
    Err(ApiError::invalid_value(format!("Value ({count}) for parameter {name} is invalid.")))
}

/// As many as can be had, or none if they are fewer than the least.
fn launch(region: &mut Region, plan: &Plan, least: u32, most: u32) -> Result<Vec<InstanceId>, ApiError> {
    let before = region.effects.len();
    let mut launched: Vec<InstanceId> = Vec::new();
    for _ in 0..most {
        match region.launch(plan.clone(), launched.first()) {
            Ok((id, _)) => launched.push(id),
            Err(_) if launched.len() >= least as usize => break,
            Err(error) => {
                for id in &launched {
                    region.undo_launch(id);
                }
                region.effects.truncate(before);
                return Err(refusal(error));
            }
        }
    }
    Ok(launched)
}

fn refusal(error: RegionError) -> ApiError {
    match error {
        RegionError::Refused(refusal) => refusal,
        other => ApiError::invalid_value(other.to_string()),
    }
}

fn answer(region: &Region, launched: &[InstanceId], mutated: bool) -> Result<Done, ApiError> {
    let instances = launched.iter().map(|id| region.instances.get(id).ok_or_else(|| id.not_found()));
    let instances = instances.collect::<Result<Vec<_>, _>>()?;
    let members = Xml::of(|xml| {
        if let Some(first) = instances.first() {
            xml.leaf("reservationId", first.reservation());
        }
        xml.leaf("ownerId", &region.spec.account);
        xml.empty_list("groupSet");
        xml.list("instancesSet", instances, |xml, instance| write(xml, region, instance));
    });
    Ok(Done::told(members, mutated))
}

fn plan(region: &Region, params: &Params) -> Result<Plan, ApiError> {
    let types = ["instance", "network-interface"];
    let tags = specified_of(region, params, &types, "instance")?;
    let eni_tags = specified_of(region, params, &types, "network-interface")?;
    let instance_type = params.required("InstanceType")?.to_owned();
    if crate::limits::limits_of(&instance_type).is_none() {
        let message = format!("Invalid value '{instance_type}' for InstanceType.");
        return Err(ApiError::invalid_value(message));
    }
    let mut interfaces = interfaces(params, &eni_tags)?;
    interfaces.sort_by_key(|interface| (interface.card, interface.device_index));
    let primary = interfaces.first().filter(|first| (first.card, first.device_index) == (0, 0));
    let home = &primary.ok_or_else(ApiError::no_primary_interface)?.new.subnet;
    let zone = &region.subnets.get(home).ok_or_else(|| home.not_found())?.zone;
    if params.text("Placement.AvailabilityZone").is_some_and(|named| named != zone) {
        let message = format!("The subnet '{home}' is not in the specified availability zone.");
        return Err(ApiError::invalid_value(message));
    }
    let profile = params.text("IamInstanceProfile.Name").or(params.text("IamInstanceProfile.Arn"));
    let role = profile.map(|name| name.rsplit('/').next().unwrap_or(name).to_owned());
    Ok(Plan { instance_type, role, tags, interfaces })
}

fn interfaces(params: &Params, tags: &Tags) -> Result<Vec<PlannedInterface>, ApiError> {
    let records = params.records("NetworkInterface");
    let own = ["SubnetId", "SecurityGroupId.1", "PrivateIpAddress", "Ipv6AddressCount"];
    if records.is_empty() {
        let new = new_interface::read(params, subnet(params)?, tags.clone())?;
        return Ok(vec![PlannedInterface { new, card: 0, device_index: 0, delete_on_termination: true }]);
    }
    if let Some(name) = own.iter().find(|name| params.text(name).is_some()) {
        let what = if *name == "SubnetId" { "subnet ID" } else { name };
        return Err(ApiError::combination(format!(
            "Network interfaces and an instance-level {what} may not be specified on the same request"
        )));
    }
    let read = |record: &Params| {
        Ok(PlannedInterface {
            new: new_interface::read(record, subnet(record)?, tags.clone())?,
            card: record.integer("NetworkCardIndex").unwrap_or(0),
            device_index: record.integer("DeviceIndex").ok_or_else(|| ApiError::missing("DeviceIndex"))?,
            delete_on_termination: record.boolean("DeleteOnTermination").unwrap_or(true),
        })
    };
    records.iter().map(read).collect()
}

/// The subnet that was named: the account has no default VPC that could be meant.
fn subnet(params: &Params) -> Result<SubnetId, ApiError> {
    SubnetId::parse(params.text("SubnetId").ok_or_else(ApiError::no_default_vpc)?)
}

fn terminate(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let ids = params.list("InstanceId");
    let ids = ids.into_iter().map(InstanceId::parse).collect::<Result<BTreeSet<_>, _>>()?;
    if let Some(unknown) = ids.iter().find(|id| !region.instances.contains_key(*id)) {
        return Err(unknown.not_found());
    }
    let mut ended = Vec::new();
    for id in ids {
        let before = region.instances.get(&id).map(|instance| instance.state);
        region.terminate(&id)?;
        let after = region.instances.get(&id).map(|instance| instance.state);
        ended.push((id, before, after));
    }
    let members = Xml::of(|xml| {
        xml.list("instancesSet", ended, |xml, (id, before, after)| {
            xml.leaf("instanceId", id);
            for (name, state) in [("currentState", after), ("previousState", before)] {
                if let Some(state) = state {
                    xml.node(name, |xml| write_state(xml, state));
                }
            }
        });
    });
    Ok(Done::told(members, true))
}
