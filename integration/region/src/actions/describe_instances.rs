//! DescribeInstances: instances with their ENIs, by the call that launched them.

use std::collections::BTreeMap;

use super::describe_interfaces::{write_addresses, write_attachment, write_groups, write_tags};
use super::filter::Filters;
use super::page::PageRule;
use super::{Action, Done};
use crate::eni::Eni;
use crate::error::ApiError;
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::instant;
use crate::params::{DRY_RUN, Params, boolean, integer, text};
use crate::region::Region;
use crate::xml::Xml;

pub(crate) const DESCRIBE_INSTANCES: Action = Action {
    name: "DescribeInstances",
    params: &[
        text("InstanceId.N"),
        text("Filter.N.Name"),
        text("Filter.N.Value.N"),
        integer("MaxResults"),
        text("NextToken"),
        boolean("IncludeManagedResources"),
        DRY_RUN,
    ],
    run,
};

const FILTERS: &[&str] = &[
    "availability-zone",
    "image-id",
    "instance.group-id",
    "instance-id",
    "instance-state-code",
    "instance-state-name",
    "instance-type",
    "network-interface.network-interface-id",
    "owner-id",
    "private-ip-address",
    "reservation-id",
    "subnet-id",
    "tag:",
    "tag-key",
    "vpc-id",
];

const PAGES: PageRule =
    PageRule { action: "DescribeInstances", ids: &["InstanceId"], default_size: None, size_max: 1_000 };

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, FILTERS)?;
    let ids = params.list("InstanceId").into_iter().map(InstanceId::parse).collect::<Result<Vec<_>, _>>()?;
    if let Some(unknown) = ids.iter().find(|id| !region.instances.contains_key(*id)) {
        return Err(unknown.not_found());
    }
    let named = region.instances.values().filter(|instance| ids.is_empty() || ids.contains(&instance.id));
    let found: Vec<&Instance> =
        named.filter(|instance| filters.pass(&instance.tags, |name| facts(region, instance, name))).collect();
    let page = PAGES.page(params, found, |instance| instance.id.to_string())?;
    let mut reservations: BTreeMap<String, Vec<&Instance>> = BTreeMap::new();
    for instance in page.items {
        reservations.entry(instance.reservation()).or_default().push(instance);
    }
    let members = Xml::of(|xml| {
        xml.list("reservationSet", reservations, |xml, (reservation, instances)| {
            xml.leaf("reservationId", reservation);
            xml.leaf("ownerId", &region.spec.account);
            xml.empty_list("groupSet");
            xml.list("instancesSet", instances, |xml, instance| write(xml, region, instance));
        });
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn facts(region: &Region, instance: &Instance, filter: &str) -> Vec<String> {
    let enis = || region.enis_of(&instance.id);
    let primary = || enis().into_iter().next();
    match filter {
        "instance.group-id" => {
            primary().iter().flat_map(|eni| &eni.groups).map(ToString::to_string).collect()
        }
        "network-interface.network-interface-id" => enis().iter().map(|eni| eni.id.to_string()).collect(),
        "private-ip-address" => primary().iter().map(|eni| eni.primary.to_string()).collect(),
        _ => vec![match filter {
            "availability-zone" => instance.zone.clone(),
            "image-id" => crate::imds::IMAGE.to_owned(),
            "instance-id" => instance.id.to_string(),
            "instance-state-code" => state(instance.state).0.to_string(),
            "instance-state-name" => state(instance.state).1.to_owned(),
            "instance-type" => instance.instance_type.clone(),
            "owner-id" => region.spec.account.clone(),
            "reservation-id" => instance.reservation(),
            "subnet-id" => instance.subnet.to_string(),
            _ => instance.vpc.to_string(),
        }],
    }
}

fn state(state: InstanceState) -> (u32, &'static str) {
    match state {
        InstanceState::Running => (16, "running"),
        InstanceState::Stopping => (64, "stopping"),
        InstanceState::Terminated => (48, "terminated"),
    }
}

pub(super) fn write_state(xml: &mut Xml, of: InstanceState) {
    let (code, name) = state(of);
    xml.leaf("code", code);
    xml.leaf("name", name);
}

pub(super) fn write(xml: &mut Xml, region: &Region, instance: &Instance) {
    let enis = region.enis_of(&instance.id);
    xml.leaf("instanceId", &instance.id);
    xml.leaf("imageId", crate::imds::IMAGE);
    xml.node("instanceState", |xml| write_state(xml, instance.state));
    xml.leaf("amiLaunchIndex", 0);
    xml.leaf("instanceType", &instance.instance_type);
    xml.leaf("launchTime", instant::ec2(region.knobs.epoch_unix_seconds, instance.launched_at));
    xml.node("placement", |xml| {
        xml.leaf("availabilityZone", &instance.zone);
        xml.leaf("availabilityZoneId", region.zone_id(&instance.zone));
        xml.leaf("tenancy", "default");
    });
    if let Some(primary) = enis.first() {
        xml.leaf("privateDnsName", region.hostname(primary.primary));
        xml.leaf("subnetId", &instance.subnet);
        xml.leaf("vpcId", &instance.vpc);
        xml.leaf("privateIpAddress", primary.primary);
        if let Some(first) = primary.ipv6_addresses.first() {
            xml.leaf("ipv6Address", first);
        }
        xml.leaf("sourceDestCheck", primary.source_dest_check);
        write_groups(xml, region, &primary.groups);
    }
    write_tags(xml, &instance.tags);
    xml.list("networkInterfaceSet", enis, |xml, eni| write_interface(xml, region, eni));
}

fn write_interface(xml: &mut Xml, region: &Region, eni: &Eni) {
    xml.leaf("networkInterfaceId", &eni.id);
    xml.leaf("subnetId", &eni.subnet);
    xml.leaf("vpcId", &eni.vpc);
    xml.leaf("description", &eni.description);
    xml.leaf("ownerId", &region.spec.account);
    xml.leaf("status", eni.status());
    xml.leaf("macAddress", eni.mac);
    xml.leaf("privateIpAddress", eni.primary);
    xml.leaf("privateDnsName", region.hostname(eni.primary));
    xml.leaf("sourceDestCheck", eni.source_dest_check);
    write_groups(xml, region, &eni.groups);
    if let Some(attachment) = &eni.attachment {
        xml.node("attachment", |xml| {
            xml.leaf("attachmentId", &attachment.id);
            write_attachment(xml, region, attachment);
        });
    }
    write_addresses(xml, region, eni);
    xml.leaf("interfaceType", eni.kind.as_str());
}
