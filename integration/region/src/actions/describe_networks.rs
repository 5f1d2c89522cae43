//! DescribeSubnets and DescribeVpcs: the ground that ENIs stand on.

use super::describe_interfaces::write_tags;
use super::filter::Filters;
use super::page::PageRule;
use super::{Action, Done};
use crate::error::ApiError;
use crate::ids::{SubnetId, VpcId};
use crate::params::{DRY_RUN, Params, integer, text};
use crate::region::Region;
use crate::subnet::Subnet;
use crate::vpc::Vpc;
use crate::xml::Xml;

pub(crate) const DESCRIBE_SUBNETS: Action = Action {
    name: "DescribeSubnets",
    params: &[
        text("SubnetId.N"),
        text("Filter.N.Name"),
        text("Filter.N.Value.N"),
        integer("MaxResults"),
        text("NextToken"),
        DRY_RUN,
    ],
    run: subnets,
};

pub(crate) const DESCRIBE_VPCS: Action = Action {
    name: "DescribeVpcs",
    params: &[
        text("VpcId.N"),
        text("Filter.N.Name"),
        text("Filter.N.Value.N"),
        integer("MaxResults"),
        text("NextToken"),
        DRY_RUN,
    ],
    run: vpcs,
};

const SUBNET_FILTERS: &[&str] = &[
    "availability-zone",
    "availability-zone-id",
    "available-ip-address-count",
    "cidr-block",
    "default-for-az",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-native",
    "map-public-ip-on-launch",
    "owner-id",
    "state",
    "subnet-arn",
    "subnet-id",
    "tag:",
    "tag-key",
    "vpc-id",
];
const VPC_FILTERS: &[&str] = &[
    "cidr",
    "cidr-block-association.cidr-block",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "is-default",
    "owner-id",
    "state",
    "tag:",
    "tag-key",
    "vpc-id",
];

const SUBNET_PAGES: PageRule =
    PageRule { action: "DescribeSubnets", ids: &["SubnetId"], default_size: None, size_max: 1_000 };
const VPC_PAGES: PageRule =
    PageRule { action: "DescribeVpcs", ids: &["VpcId"], default_size: None, size_max: 1_000 };

fn subnets(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, SUBNET_FILTERS)?;
    let ids = params.list("SubnetId").into_iter().map(SubnetId::parse).collect::<Result<Vec<_>, _>>()?;
    if let Some(unknown) = ids.iter().find(|id| !region.subnets.contains_key(*id)) {
        return Err(unknown.not_found());
    }
    let named = region.subnets.values().filter(|subnet| ids.is_empty() || ids.contains(&subnet.id));
    let found: Vec<&Subnet> = named
        .filter(|subnet| filters.pass(&subnet.tags, |name| subnet_facts(region, subnet, name)))
        .collect();
    let page = SUBNET_PAGES.page(params, found, |subnet| subnet.id.to_string())?;
    let members = Xml::of(|xml| {
        xml.list("subnetSet", page.items, |xml, subnet| write_subnet(xml, region, subnet));
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn subnet_facts(region: &Region, subnet: &Subnet, filter: &str) -> Vec<String> {
    vec![match filter {
        "availability-zone" => subnet.zone.clone(),
        "availability-zone-id" => region.zone_id(&subnet.zone),
        "available-ip-address-count" => subnet.free().to_string(),
        "cidr-block" => subnet.cidr.to_string(),
        "default-for-az" | "ipv6-native" | "map-public-ip-on-launch" => "false".to_owned(),
        "ipv6-cidr-block-association.ipv6-cidr-block" => {
            return subnet.ipv6_cidr().iter().map(ToString::to_string).collect();
        }
        "owner-id" => region.spec.account.clone(),
        "state" => "available".to_owned(),
        "subnet-arn" => region.arn("subnet", &subnet.id),
        "subnet-id" => subnet.id.to_string(),
        _ => subnet.vpc.to_string(),
    }]
}

pub(super) fn write_subnet(xml: &mut Xml, region: &Region, subnet: &Subnet) {
    xml.leaf("subnetId", &subnet.id);
    xml.leaf("subnetArn", region.arn("subnet", &subnet.id));
    xml.leaf("state", "available");
    xml.leaf("ownerId", &region.spec.account);
    xml.leaf("vpcId", &subnet.vpc);
    xml.leaf("cidrBlock", subnet.cidr);
    xml.list("ipv6CidrBlockAssociationSet", subnet.ipv6_cidr(), |xml, cidr| {
        xml.leaf("associationId", subnet.id.as_str().replacen("subnet-", "subnet-cidr-assoc-", 1));
        xml.leaf("ipv6CidrBlock", cidr);
        xml.node("ipv6CidrBlockState", |xml| xml.leaf("state", "associated"));
    });
    xml.leaf("availableIpAddressCount", subnet.free());
    xml.leaf("availabilityZone", &subnet.zone);
    xml.leaf("availabilityZoneId", region.zone_id(&subnet.zone));
    xml.leaf("defaultForAz", false);
    xml.leaf("mapPublicIpOnLaunch", false);
    xml.leaf("assignIpv6AddressOnCreation", false);
    xml.leaf("ipv6Native", false);
    write_tags(xml, &subnet.tags);
}

fn vpcs(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, VPC_FILTERS)?;
    let ids = params.list("VpcId").into_iter().map(VpcId::parse).collect::<Result<Vec<_>, _>>()?;
    if let Some(unknown) = ids.iter().find(|id| !region.vpcs.contains_key(*id)) {
        return Err(unknown.not_found());
    }
    let named = region.vpcs.values().filter(|vpc| ids.is_empty() || ids.contains(&vpc.id));
    let found: Vec<&Vpc> =
        named.filter(|vpc| filters.pass(&vpc.tags, |name| vpc_facts(region, vpc, name))).collect();
    let page = VPC_PAGES.page(params, found, |vpc| vpc.id.to_string())?;
    let members = Xml::of(|xml| {
        xml.list("vpcSet", page.items, |xml, vpc| write_vpc(xml, region, vpc));
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn vpc_facts(region: &Region, vpc: &Vpc, filter: &str) -> Vec<String> {
    match filter {
        "ipv6-cidr-block-association.ipv6-cidr-block" => {
            vpc.ipv6_cidrs.iter().map(ToString::to_string).collect()
        }
        "is-default" => vec!["false".to_owned()],
        "owner-id" => vec![region.spec.account.clone()],
        "cidr" => vpc.cidrs.first().map(ToString::to_string).into_iter().collect(),
        "cidr-block-association.cidr-block" => vpc.cidrs.iter().map(ToString::to_string).collect(),
        "state" => vec!["available".to_owned()],
        _ => vec![vpc.id.to_string()],
    }
}

pub(super) fn write_vpc(xml: &mut Xml, region: &Region, vpc: &Vpc) {
    xml.leaf("vpcId", &vpc.id);
    xml.leaf("ownerId", &region.spec.account);
    xml.leaf("state", "available");
    if let Some(first) = vpc.cidrs.first() {
        xml.leaf("cidrBlock", first);
    }
    xml.list("cidrBlockAssociationSet", vpc.cidrs.iter().enumerate(), |xml, (index, cidr)| {
        let association = vpc.id.as_str().replacen("vpc-", "vpc-cidr-assoc-", 1);
        xml.leaf("associationId", format!("{association}{index:x}"));
        xml.leaf("cidrBlock", cidr);
        xml.node("cidrBlockState", |xml| xml.leaf("state", "associated"));
    });
    xml.list("ipv6CidrBlockAssociationSet", vpc.ipv6_cidrs.iter().enumerate(), |xml, (index, cidr)| {
        let association = vpc.id.as_str().replacen("vpc-", "vpc-cidr-assoc-", 1);
        xml.leaf("associationId", format!("{association}6{index:x}"));
        xml.leaf("ipv6CidrBlock", cidr);
        xml.node("ipv6CidrBlockState", |xml| xml.leaf("state", "associated"));
        xml.leaf("networkBorderGroup", &region.spec.name);
        xml.leaf("ipv6Pool", "Amazon");
    });
    xml.leaf("dhcpOptionsId", "default");
    xml.leaf("instanceTenancy", "default");
    xml.leaf("isDefault", false);
    write_tags(xml, &vpc.tags);
}
