//! DescribeInstanceTypes: the limits table, told as EC2 tells it. What the table does not know is left out, not made up.

use super::filter::Filters;
use super::page::PageRule;
use super::{Action, Done};
use crate::error::ApiError;
use crate::limits::{Limits, instance_types, limits_of};
use crate::params::{DRY_RUN, Params, boolean, integer, text};
use crate::region::Region;
use crate::tags::Tags;
use crate::xml::Xml;

pub(crate) const DESCRIBE_INSTANCE_TYPES: Action = Action {
    name: "DescribeInstanceTypes",
    params: &[
        text("InstanceType.N"),
        text("Filter.N.Name"),
        text("Filter.N.Value.N"),
        integer("MaxResults"),
        text("NextToken"),
        boolean("IncludeUnsupportedInRegion"),
        DRY_RUN,
    ],
    run,
};

const FILTERS: &[&str] = &[
    "bare-metal",
    "hypervisor",
    "instance-type",
    "network-info.ipv4-addresses-per-interface",
    "network-info.ipv6-addresses-per-interface",
    "network-info.ipv6-supported",
    "network-info.maximum-network-cards",
    "network-info.maximum-network-interfaces",
];

const PAGES: PageRule = PageRule {
    action: "DescribeInstanceTypes",
    ids: &["InstanceType"],
    default_size: Some(100),
    size_max: 100,
};

fn run(_: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, FILTERS)?;
    let named = params.list("InstanceType");
    let unknown: Vec<&str> = named.iter().copied().filter(|name| limits_of(name).is_none()).collect();
    if !unknown.is_empty() {
        let message = format!("The following supplied instance types do not exist: [{}]", unknown.join(", "));
        return Err(ApiError::new("InvalidInstanceType", message));
    }
    let mut types: Vec<(&str, &Limits)> =
        instance_types().filter(|(name, _)| named.is_empty() || named.contains(name)).collect();
    types.retain(|(name, limits)| filters.pass(&Tags::new(), |filter| facts(name, limits, filter)));
    let page = PAGES.page(params, types, |(name, _)| (*name).to_owned())?;
    let members = Xml::of(|xml| {
        xml.list("instanceTypeSet", page.items, |xml, (name, limits)| write(xml, name, limits));
        xml.maybe("nextToken", page.next_token.as_ref());
    });
    Ok(Done::told(members, false))
}

fn facts(name: &str, limits: &Limits, filter: &str) -> Vec<String> {
    vec![match filter {
        "bare-metal" => limits.bare_metal.to_string(),
        "hypervisor" => limits.hypervisor.clone(),
        "network-info.ipv4-addresses-per-interface" => limits.ipv4_per_eni.to_string(),
        "network-info.ipv6-addresses-per-interface" => limits.ipv6_per_eni(name).to_string(),
        "network-info.ipv6-supported" => (limits.ipv6_per_eni(name) > 0).to_string(),
        "network-info.maximum-network-cards" => limits.network_cards.len().to_string(),
        "network-info.maximum-network-interfaces" => limits.enis().to_string(),
        _ => name.to_owned(),
    }]
}

fn write(xml: &mut Xml, name: &str, limits: &Limits) {
    xml.leaf("instanceType", name);
    xml.leaf("bareMetal", limits.bare_metal);
    if ["nitro", "xen"].contains(&limits.hypervisor.as_str()) {
        xml.leaf("hypervisor", &limits.hypervisor);
    }
    xml.node("networkInfo", |xml| {
        xml.leaf("maximumNetworkInterfaces", limits.enis());
        xml.leaf("maximumNetworkCards", limits.network_cards.len());
        xml.leaf("defaultNetworkCardIndex", 0);
        xml.list("networkCards", limits.network_cards.iter().enumerate(), |xml, (card, enis)| {
            xml.leaf("networkCardIndex", card);
            xml.leaf("maximumNetworkInterfaces", enis);
        });
        xml.leaf("ipv4AddressesPerInterface", limits.ipv4_per_eni);
        xml.leaf("ipv6AddressesPerInterface", limits.ipv6_per_eni(name));
        xml.leaf("ipv6Supported", limits.ipv6_per_eni(name) > 0);
    });
}
