//! DescribeNetworkInterfaces, and how an ENI is written wherever a whole one is told.

use super::filter::Filters;
use super::page::PageRule;
use super::{Action, Done};
use crate::eni::{Attachment, Eni};
use crate::error::ApiError;
use crate::ids::{EniId, SecurityGroupId};
use crate::instant;
use crate::params::{DRY_RUN, Params, boolean, integer, text};
use crate::region::Region;
use crate::tags::Tags;
use crate::xml::Xml;

pub(crate) const DESCRIBE_NETWORK_INTERFACES: Action = Action {
    name: "DescribeNetworkInterfaces",
    params: &[
        text("NetworkInterfaceId.N"),
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
    "addresses.private-ip-address",
    "attachment.attachment-id",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.status",
    "availability-zone",
    "description",
    "group-id",
    "interface-type",
    "mac-address",
    "network-interface-id",
    "private-ip-address",
    "status",
    "subnet-id",
    "vpc-id",
];

const PAGES: PageRule = PageRule {
    action: "DescribeNetworkInterfaces",
    ids: &["NetworkInterfaceId"],
    default_size: None,
    size_max: 1_000,
};

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, FILTERS)?;
    let ids =
        params.list("NetworkInterfaceId").into_iter().map(EniId::parse).collect::<Result<Vec<_>, _>>()?;
    // One id that does not exist fails the whole call, and the first such is the only one that is named.
    let named = ids.iter().map(|id| region.visible_eni(id)).collect::<Result<Vec<_>, _>>()?;
    let mut enis = if ids.is_empty() {
        region.enis.values().filter(|eni| eni.visible_at <= region.clock).collect()
    } else {
        named
    };
    enis.sort_by_key(|eni| &eni.id);
    enis.dedup_by_key(|eni| &eni.id);
    enis.retain(|eni| filters.pass(&eni.tags, |name| facts(eni, name)));
    let page = PAGES.page(params, region.clock, enis, |eni| eni.id.to_string())?;
    let members = Xml::of(|xml| {
        xml.list("networkInterfaceSet", page.items, |xml, eni| write_interface(xml, region, eni));
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn facts(eni: &Eni, filter: &str) -> Vec<String> {
    let of = |fact: fn(&Attachment) -> String| eni.attachment.as_ref().map(fact).into_iter().collect();
    match filter {
        "addresses.private-ip-address" => eni.addresses().iter().map(ToString::to_string).collect(),
        "attachment.attachment-id" => of(|attachment| attachment.id.to_string()),
        "attachment.device-index" => of(|attachment| attachment.device_index.to_string()),
        "attachment.instance-id" => of(|attachment| attachment.instance.to_string()),
        "attachment.status" => of(|attachment| attachment.state.as_str().to_owned()),
        "availability-zone" => vec![eni.zone.clone()],
        "description" => vec![eni.description.clone()],
        "group-id" => eni.groups.iter().map(ToString::to_string).collect(),
        "interface-type" => vec![eni.kind.as_str().to_owned()],
        "mac-address" => vec![eni.mac.to_string()],
        "network-interface-id" => vec![eni.id.to_string()],
        "private-ip-address" => vec![eni.primary.to_string()],
        "status" => vec![eni.status().to_owned()],
        "subnet-id" => vec![eni.subnet.to_string()],
        "vpc-id" => vec![eni.vpc.to_string()],
        _ => Vec::new(),
    }
}

pub(crate) fn write_interface(xml: &mut Xml, region: &Region, eni: &Eni) {
    xml.leaf("networkInterfaceId", &eni.id);
    xml.leaf("subnetId", &eni.subnet);
    xml.leaf("vpcId", &eni.vpc);
    xml.leaf("availabilityZone", &eni.zone);
    xml.leaf("availabilityZoneId", region.zone_id(&eni.zone));
    xml.leaf("description", &eni.description);
    xml.leaf("ownerId", &region.spec.account);
    xml.leaf("requesterManaged", false);
    xml.leaf("status", eni.status());
    xml.leaf("macAddress", eni.mac);
    xml.leaf("privateIpAddress", eni.primary);
    xml.leaf("privateDnsName", region.hostname(eni.primary));
    xml.leaf("sourceDestCheck", eni.source_dest_check);
    write_groups(xml, region, &eni.groups);
    if let Some(attachment) = &eni.attachment {
        xml.node("attachment", |xml| {
            xml.leaf("attachmentId", &attachment.id);
            xml.leaf("instanceId", &attachment.instance);
            xml.leaf("instanceOwnerId", &region.spec.account);
            write_attachment(xml, region, attachment);
        });
    }
    write_tags(xml, &eni.tags);
    write_addresses(xml, region, eni);
    xml.leaf("interfaceType", eni.kind.as_str());
}

/// The members that DescribeNetworkInterfaces and DescribeInstances share.
pub(crate) fn write_attachment(xml: &mut Xml, region: &Region, attachment: &Attachment) {
    xml.leaf("deviceIndex", attachment.device_index);
    xml.leaf("networkCardIndex", attachment.card);
    xml.leaf("status", attachment.state.as_str());
    xml.leaf("attachTime", instant::ec2(region.knobs.epoch_unix_seconds, attachment.attach_time));
    xml.leaf("deleteOnTermination", attachment.delete_on_termination);
}

pub(crate) fn write_addresses(xml: &mut Xml, region: &Region, eni: &Eni) {
    xml.list("privateIpAddressesSet", eni.addresses(), |xml, address| {
        xml.leaf("privateIpAddress", address);
        xml.leaf("privateDnsName", region.hostname(address));
        xml.leaf("primary", address == eni.primary);
    });
    xml.list("ipv4PrefixSet", &eni.prefixes, |xml, prefix| xml.leaf("ipv4Prefix", prefix));
    xml.list("ipv6AddressesSet", &eni.ipv6_addresses, |xml, address| {
        xml.leaf("ipv6Address", address);
        xml.leaf("isPrimaryIpv6", false);
    });
    xml.list("ipv6PrefixSet", &eni.ipv6_prefixes, |xml, prefix| xml.leaf("ipv6Prefix", prefix));
}

pub(crate) fn write_groups(xml: &mut Xml, region: &Region, groups: &[SecurityGroupId]) {
    xml.list("groupSet", groups, |xml, id| {
        xml.leaf("groupId", id);
        xml.leaf("groupName", region.groups.get(id).map_or("", |group| group.name.as_str()));
    });
}

pub(crate) fn write_tags(xml: &mut Xml, tags: &Tags) {
    xml.list("tagSet", tags, |xml, (key, value)| {
        xml.leaf("key", key);
        xml.leaf("value", value);
    });
}
