//! DescribeInstances: instances with their ENIs, one reservation each.

use super::describe_interfaces::{write_addresses, write_attachment, write_groups, write_tags};
use super::filter::Filters;
use super::page::PageRule;
use super::{Action, Done};
use crate::eni::Eni;
use crate::error::ApiError;
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::instant;
use crate::params::{Params, boolean, integer, text};
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
    ],
    run,
};

const FILTERS: &[&str] =
    &["availability-zone", "instance-id", "instance-state-name", "instance-type", "subnet-id", "vpc-id"];

const PAGES: PageRule =
    PageRule { action: "DescribeInstances", ids: "InstanceId", default_size: None, size_max: 1_000 };

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, FILTERS)?;
    let ids = params.list("InstanceId").into_iter().map(InstanceId::parse).collect::<Result<Vec<_>, _>>()?;
    if let Some(unknown) = ids.iter().find(|id| !region.instances.contains_key(*id)) {
        return Err(unknown.not_found());
    }
    let named = region.instances.values().filter(|instance| ids.is_empty() || ids.contains(&instance.id));
    let found: Vec<&Instance> =
        named.filter(|instance| filters.pass(&instance.tags, |name| facts(instance, name))).collect();
    let page = PAGES.page(params, found, |instance| instance.id.to_string())?;
    let members = Xml::of(|xml| {
        xml.list("reservationSet", page.items, |xml, instance| {
            xml.leaf("reservationId", instance.id.as_str().replacen("i-", "r-", 1));
            xml.leaf("ownerId", &region.spec.account);
            xml.list("groupSet", std::iter::empty::<()>(), |_, ()| {});
            xml.list("instancesSet", [instance], |xml, instance| write(xml, region, instance));
        });
        if let Some(token) = &page.next_token {
            xml.leaf("nextToken", token);
        }
    });
    Ok(Done::told(members, false))
}

fn facts(instance: &Instance, filter: &str) -> Vec<String> {
    vec![match filter {
        "availability-zone" => instance.zone.clone(),
        "instance-id" => instance.id.to_string(),
        "instance-state-name" => state(instance).1.to_owned(),
        "instance-type" => instance.instance_type.clone(),
        "subnet-id" => instance.subnet.to_string(),
        "vpc-id" => instance.vpc.to_string(),
        _ => return Vec::new(),
    }]
}

fn state(instance: &Instance) -> (u32, &'static str) {
    match instance.state {
        InstanceState::Running => (16, "running"),
        InstanceState::Stopping => (64, "stopping"),
        InstanceState::Terminated => (48, "terminated"),
    }
}

fn write(xml: &mut Xml, region: &Region, instance: &Instance) {
    let enis = region.enis_of(&instance.id);
    let (code, name) = state(instance);
    xml.leaf("instanceId", &instance.id);
    xml.leaf("imageId", crate::imds::IMAGE);
    xml.node("instanceState", |xml| {
        xml.leaf("code", code);
        xml.leaf("name", name);
    });
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
    xml.leaf("interfaceType", "interface");
}
