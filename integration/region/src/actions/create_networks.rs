//! CreateVpc, CreateSubnet, CreateSecurityGroup: parameters in, what EC2 allows of blocks elsewhere.

use ipnet::{Ipv4Net, Ipv6Net};

use super::describe_interfaces::write_tags;
use super::describe_networks::{write_subnet, write_vpc};
use super::tags::specified;
use super::{Action, Done};
use crate::error::{ApiError, RegionError};
use crate::ids::VpcId;
use crate::params::{DRY_RUN, Params, boolean, not_simulated, parsed, text};
use crate::region::Region;
use crate::xml::Xml;

pub(crate) const CREATE_VPC: Action = Action {
    name: "CreateVpc",
    params: &[
        text("CidrBlock").required(),
        boolean("AmazonProvidedIpv6CidrBlock"),
        text("TagSpecification.N.ResourceType"),
        text("TagSpecification.N.Tag.N.Key"),
        text("TagSpecification.N.Tag.N.Value"),
        not_simulated("InstanceTenancy"),
        not_simulated("Ipv4IpamPoolId"),
        not_simulated("Ipv4NetmaskLength"),
        not_simulated("Ipv6CidrBlock"),
        not_simulated("Ipv6CidrBlockNetworkBorderGroup"),
        not_simulated("Ipv6IpamPoolId"),
        not_simulated("Ipv6NetmaskLength"),
        not_simulated("Ipv6Pool"),
        DRY_RUN,
    ],
    run: vpc,
};

pub(crate) const CREATE_SUBNET: Action = Action {
    name: "CreateSubnet",
    params: &[
        text("VpcId").required(),
        text("CidrBlock").required(),
        text("Ipv6CidrBlock"),
        text("AvailabilityZone"),
        text("AvailabilityZoneId"),
        text("TagSpecification.N.ResourceType"),
        text("TagSpecification.N.Tag.N.Key"),
        text("TagSpecification.N.Tag.N.Value"),
        not_simulated("Ipv4IpamPoolId"),
        not_simulated("Ipv4NetmaskLength"),
        not_simulated("Ipv6IpamPoolId"),
        not_simulated("Ipv6Native"),
        not_simulated("Ipv6NetmaskLength"),
        not_simulated("OutpostArn"),
        DRY_RUN,
    ],
    run: subnet,
};

pub(crate) const CREATE_SECURITY_GROUP: Action = Action {
    name: "CreateSecurityGroup",
    params: &[
        text("GroupName").required(),
        text("GroupDescription").required(),
        text("VpcId"),
        text("TagSpecification.N.ResourceType"),
        text("TagSpecification.N.Tag.N.Key"),
        text("TagSpecification.N.Tag.N.Value"),
        DRY_RUN,
    ],
    run: security_group,
};

/// Characters of a group's name and of its description (EC2's bound).
const GROUP_CHARACTERS_MAX: usize = 255;

fn vpc(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let cidr: Ipv4Net = parsed(params.required("CidrBlock")?, "IPv4 CIDR block")?;
    let tags = specified(region, params, "vpc")?;
    let id = region.add_vpc(&[cidr]).map_err(|error| refusal(error, "InvalidVpc.Range"))?;
    if params.boolean("AmazonProvidedIpv6CidrBlock") == Some(true) {
        let block = region.mint.ipv6_block();
        region.add_vpc_ipv6(&id, block).map_err(|error| refusal(error, "InvalidVpc.Range"))?;
    }
    let vpc = region.vpcs.get_mut(&id).ok_or_else(|| id.not_found())?;
    vpc.tags = tags;
    let vpc = vpc.clone();
    Ok(Done::told(Xml::of(|xml| xml.node("vpc", |xml| write_vpc(xml, region, &vpc))), true))
}

fn subnet(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let vpc = VpcId::parse(params.required("VpcId")?)?;
    let cidr: Ipv4Net = parsed(params.required("CidrBlock")?, "IPv4 CIDR block")?;
    let ipv6 = params.text("Ipv6CidrBlock").map(|block| parsed::<Ipv6Net>(block, "IPv6 CIDR block"));
    let ipv6 = ipv6.transpose()?;
    let tags = specified(region, params, "subnet")?;
    let zone = zone(region, params)?;
    if let Some(block) = ipv6 {
        region.check_subnet_ipv6(&vpc, block).map_err(|error| refusal(error, "InvalidSubnet.Range"))?;
    }
    let letter = zone.strip_prefix(&region.spec.name).unwrap_or_default();
    let id = region.add_subnet(&vpc, cidr, letter).map_err(|error| refusal(error, "InvalidSubnet.Range"))?;
    let subnet = region.subnets.get_mut(&id).ok_or_else(|| id.not_found())?;
    subnet.tags = tags;
    if let Some(block) = ipv6 {
        subnet.set_ipv6(block);
    }
    let subnet = subnet.clone();
    Ok(Done::told(Xml::of(|xml| xml.node("subnet", |xml| write_subnet(xml, region, &subnet))), true))
}

/// The zone that was named one way or the other; the first one if none was.
fn zone(region: &Region, params: &Params) -> Result<String, ApiError> {
    let zones = region.zones();
    let (name, id) = (params.text("AvailabilityZone"), params.text("AvailabilityZoneId"));
    if name.is_some() && id.is_some() {
        let message = "The parameters AvailabilityZone and AvailabilityZoneId may not be specified together";
        return Err(ApiError::combination(message));
    }
    let fits = |zone: &&String| {
        name.is_none_or(|name| *zone == name) && id.is_none_or(|id| region.zone_id(zone) == id)
    };
    zones.iter().find(fits).cloned().ok_or_else(|| {
        let known = zones.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        ApiError::invalid_value(format!(
            "Value ({}) for parameter availabilityZone is invalid. Subnets can currently only be created in the following availability zones: {known}.",
            name.or(id).unwrap_or_default()
        ))
    })
}

fn security_group(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let (name, description) = (params.required("GroupName")?, params.required("GroupDescription")?);
    // The account has no default VPC that could be meant.
    let vpc = params.text("VpcId").ok_or_else(ApiError::no_default_vpc)?;
    let vpc = VpcId::parse(vpc)?;
    if !region.vpcs.contains_key(&vpc) {
        return Err(vpc.not_found());
    }
    for (parameter, text) in [("groupName", name), ("groupDescription", description)] {
        if text.is_empty() || text.chars().count() > GROUP_CHARACTERS_MAX {
            let message = format!(
                "Value ({text}) for parameter {parameter} is invalid. Character sets beyond 255 characters are not supported."
            );
            return Err(ApiError::invalid_value(message));
        }
    }
    let tags = specified(region, params, "security-group")?;
    if region.groups.values().any(|group| group.vpc == vpc && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(ApiError::new("InvalidGroup.Duplicate", message));
    }
    let id = region.put_group(&vpc, name, description);
    let members = Xml::of(|xml| {
        xml.leaf("groupId", &id);
        write_tags(xml, &tags);
        xml.leaf("securityGroupArn", region.arn("security-group", &id));
    });
    *region.tags_mut(id.as_str())? = tags;
    Ok(Done::told(members, true))
}

/// What EC2 says of a block that cannot be one; `range` is its code for a wrong size or place.
fn refusal(error: RegionError, range: &str) -> ApiError {
    match error {
        RegionError::Refused(refusal) => refusal,
        RegionError::Overlap { cidr, .. } => {
            let message = format!("The CIDR '{cidr}' conflicts with another subnet");
            ApiError::new("InvalidSubnet.Conflict", message)
        }
        RegionError::BlockSize { cidr } | RegionError::OutsideVpc { cidr, .. } => {
            ApiError::new(range, format!("The CIDR '{cidr}' is invalid."))
        }
        other => ApiError::invalid_value(other.to_string()),
    }
}
