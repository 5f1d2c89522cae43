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
    "addresses.primary",
    "addresses.private-ip-address",
    "attachment.attachment-id",
    "attachment.delete-on-termination",
    "attachment.device-index",
    "attachment.instance-id",
    "attachment.instance-owner-id",
    "attachment.network-card-index",
    "attachment.status",
    "availability-zone",
    "availability-zone-id",
    "description",
    "group-id",
    "group-name",
    "interface-type",
    "ipv6-addresses.ipv6-address",
    "mac-address",
    "network-interface-id",
    "owner-id",
    "private-dns-name",
    "private-ip-address",
    "requester-managed",
    "source-dest-check",
    "status",
    "subnet-id",
    "tag:",
    "tag-key",
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
    enis.retain(|eni| filters.pass(&eni.tags, |name| facts(region, eni, name)));
    let page = PAGES.page(params, enis, |eni| eni.id.to_string())?;
    let members = Xml::of(|xml| {
        xml.list("networkInterfaceSet", page.items, |xml, eni| write_interface(xml, region, eni));
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn facts(region: &Region, eni: &Eni, filter: &str) -> Vec<String> {
    if let Some(filter) = filter.strip_prefix("attachment.") {
        return eni.attachment.iter().map(|attachment| attachment_fact(region, attachment, filter)).collect();
    }
    match filter {
        "addresses.primary" => eni.addresses().iter().map(|own| (*own == eni.primary).to_string()).collect(),
        "addresses.private-ip-address" => eni.addresses().iter().map(ToString::to_string).collect(),
        "group-id" => eni.groups.iter().map(ToString::to_string).collect(),
        "group-name" => region.group_names(&eni.groups),
        "ipv6-addresses.ipv6-address" => eni.ipv6_addresses.iter().map(ToString::to_string).collect(),
        _ => vec![match filter {
            "availability-zone" => eni.zone.clone(),
            "availability-zone-id" => region.zone_id(&eni.zone),
            "description" => eni.description.clone(),
            "interface-type" => eni.kind.as_str().to_owned(),
            "mac-address" => eni.mac.to_string(),
            "network-interface-id" => eni.id.to_string(),
            "owner-id" => region.spec.account.clone(),
            "private-dns-name" => region.hostname(eni.primary),
            "private-ip-address" => eni.primary.to_string(),
            "requester-managed" => "false".to_owned(),
            "source-dest-check" => eni.source_dest_check.to_string(),
            "status" => eni.status().to_owned(),
            "subnet-id" => eni.subnet.to_string(),
            _ => eni.vpc.to_string(),
        }],
    }
}

fn attachment_fact(region: &Region, attachment: &Attachment, filter: &str) -> String {
    match filter {
        "attachment-id" => attachment.id.to_string(),
        "delete-on-termination" => attachment.delete_on_termination.to_string(),
        "device-index" => attachment.device_index.to_string(),
        "instance-id" => attachment.instance.to_string(),
        "instance-owner-id" => region.spec.account.clone(),
        "network-card-index" => attachment.card.to_string(),
        _ => attachment.state.as_str().to_owned(),
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
        write_attachment_of(xml, region, attachment);
    }
    write_tags(xml, &eni.tags);
    write_addresses(xml, region, eni);
    xml.leaf("interfaceType", eni.kind.as_str());
}

/// The attachment as the ENI's calls tell it.
pub(crate) fn write_attachment_of(xml: &mut Xml, region: &Region, attachment: &Attachment) {
    xml.node("attachment", |xml| {
        xml.leaf("attachmentId", &attachment.id);
        xml.leaf("instanceId", &attachment.instance);
        xml.leaf("instanceOwnerId", &region.spec.account);
        write_attachment(xml, region, attachment);
    });
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
