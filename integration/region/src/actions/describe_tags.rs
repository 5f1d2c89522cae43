//! DescribeTags: every tag of everything, by resource and key.

use super::filter::Filters;
use super::page::PageRule;
use super::{Action, Done};
use crate::error::ApiError;
use crate::params::{DRY_RUN, Params, integer, text};
use crate::region::Region;
use crate::tags::Tags;
use crate::xml::Xml;

pub(crate) const DESCRIBE_TAGS: Action = Action {
    name: "DescribeTags",
    params: &[
        text("Filter.N.Name"),
        text("Filter.N.Value.N"),
        integer("MaxResults"),
        text("NextToken"),
        DRY_RUN,
    ],
    run,
};

const FILTERS: &[&str] = &["key", "resource-id", "resource-type", "tag:", "value"];

const PAGES: PageRule = PageRule { action: "DescribeTags", ids: &[], default_size: None, size_max: 1_000 };

/// One tag of one resource.
struct Tagged<'a> {
    id: &'a str,
    resource_type: &'static str,
    key: &'a str,
    value: &'a str,
}

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, FILTERS)?;
    let mut found: Vec<Tagged> = region.tagged().flat_map(each).collect();
    found.retain(|tag| {
        let own = Tags::from([(tag.key.to_owned(), tag.value.to_owned())]);
        filters.pass(&own, |name| vec![tag.fact(name).to_owned()])
    });
    found.sort_by_key(Tagged::position);
    let page = PAGES.page(params, found, Tagged::position)?;
    let members = Xml::of(|xml| {
        xml.list("tagSet", page.items, |xml, tag| {
            xml.leaf("resourceId", tag.id);
            xml.leaf("resourceType", tag.resource_type);
            xml.leaf("key", tag.key);
            xml.leaf("value", tag.value);
        });
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn each<'a>(
    (id, resource_type, tags): (&'a str, &'static str, &'a Tags),
) -> impl Iterator<Item = Tagged<'a>> {
    tags.iter().map(move |(key, value)| Tagged { id, resource_type, key, value })
}

// === impl Tagged ===

impl Tagged<'_> {
    /// Ids have no space, so that no two tags share a position.
    fn position(&self) -> String {
        format!("{} {}", self.id, self.key)
    }

    fn fact(&self, filter: &str) -> &str {
        match filter {
            "key" => self.key,
            "resource-id" => self.id,
            "resource-type" => self.resource_type,
            _ => self.value,
        }
    }
}

// === impl Region: tags of everything ===

impl Region {
    /// Everything that can carry tags: its id, its type as EC2 calls it, its tags.
    fn tagged(&self) -> impl Iterator<Item = (&str, &'static str, &Tags)> {
        let enis = self.enis.values().filter(|eni| eni.visible_at <= self.clock);
        let enis = enis.map(|eni| (eni.id.as_str(), "network-interface", &eni.tags));
        let subnets = self.subnets.values().map(|subnet| (subnet.id.as_str(), "subnet", &subnet.tags));
        let vpcs = self.vpcs.values().map(|vpc| (vpc.id.as_str(), "vpc", &vpc.tags));
        let groups = self.groups.values().map(|group| (group.id.as_str(), "security-group", &group.tags));
        let instances = self.instances.values();
        let instances = instances.map(|instance| (instance.id.as_str(), "instance", &instance.tags));
        enis.chain(subnets).chain(vpcs).chain(groups).chain(instances)
    }
}
