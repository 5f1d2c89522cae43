//! DescribeSecurityGroups. Rules are not modelled, and left out.

use super::describe_interfaces::write_tags;
use super::filter::Filters;
use super::page::PageRule;
use super::{Action, Done};
use crate::error::ApiError;
use crate::ids::SecurityGroupId;
use crate::params::{DRY_RUN, Params, integer, text};
use crate::region::Region;
use crate::security_group::SecurityGroup;
use crate::xml::Xml;

pub(crate) const DESCRIBE_SECURITY_GROUPS: Action = Action {
    name: "DescribeSecurityGroups",
    params: &[
        text("GroupId.N"),
        text("GroupName.N"),
        text("Filter.N.Name"),
        text("Filter.N.Value.N"),
        integer("MaxResults"),
        text("NextToken"),
        DRY_RUN,
    ],
    run,
};

const FILTERS: &[&str] = &["description", "group-id", "group-name", "owner-id", "tag:", "tag-key", "vpc-id"];

const PAGES: PageRule = PageRule {
    action: "DescribeSecurityGroups",
    ids: &["GroupId", "GroupName"],
    default_size: None,
    size_max: 1_000,
};

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, FILTERS)?;
    let ids = params.list("GroupId");
    let ids = ids.into_iter().map(SecurityGroupId::parse).collect::<Result<Vec<_>, _>>()?;
    if let Some(unknown) = ids.iter().find(|id| !region.groups.contains_key(*id)) {
        return Err(unknown.not_found());
    }
    // Names are those of the default VPC, which this account does not have.
    if let Some(name) = params.list("GroupName").first() {
        return Err(ApiError::group_not_found(name));
    }
    let named = region.groups.values().filter(|group| ids.is_empty() || ids.contains(&group.id));
    let found: Vec<&SecurityGroup> =
        named.filter(|group| filters.pass(&group.tags, |name| facts(region, group, name))).collect();
    let page = PAGES.page(params, found, |group| group.id.to_string())?;
    let members = Xml::of(|xml| {
        xml.list("securityGroupInfo", page.items, |xml, group| write(xml, region, group));
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn facts(region: &Region, group: &SecurityGroup, filter: &str) -> Vec<String> {
    vec![match filter {
        "description" => group.description.clone(),
        "group-id" => group.id.to_string(),
        "group-name" => group.name.clone(),
        "owner-id" => region.spec.account.clone(),
        _ => group.vpc.to_string(),
    }]
}

fn write(xml: &mut Xml, region: &Region, group: &SecurityGroup) {
    xml.leaf("ownerId", &region.spec.account);
    xml.leaf("groupId", &group.id);
    xml.leaf("groupName", &group.name);
    xml.leaf("groupDescription", &group.description);
    xml.leaf("vpcId", &group.vpc);
    xml.leaf("securityGroupArn", region.arn("security-group", &group.id));
    write_tags(xml, &group.tags);
}
