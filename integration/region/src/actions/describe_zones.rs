//! DescribeAvailabilityZones.

use std::collections::BTreeSet;

use super::filter::Filters;
use super::{Action, Done};
use crate::error::ApiError;
use crate::params::{DRY_RUN, Params, boolean, text};
use crate::region::Region;
use crate::tags::Tags;
use crate::xml::Xml;

pub(crate) const DESCRIBE_AVAILABILITY_ZONES: Action = Action {
    name: "DescribeAvailabilityZones",
    params: &[
        text("ZoneName.N"),
        text("ZoneId.N"),
        boolean("AllAvailabilityZones"),
        text("Filter.N.Name"),
        text("Filter.N.Value.N"),
        DRY_RUN,
    ],
    run,
};

const FILTERS: &[&str] =
    &["group-name", "opt-in-status", "region-name", "state", "zone-id", "zone-name", "zone-type"];

/// Zones that are there before any subnet is.
const LETTERS: [&str; 3] = ["a", "b", "c"];

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let filters = Filters::read(params, FILTERS)?;
    let (names, ids) = (params.list("ZoneName"), params.list("ZoneId"));
    let zones = region.zones();
    let unknown_name = names.iter().find(|name| !zones.contains(**name));
    let unknown_id = ids.iter().find(|id| !zones.iter().any(|zone| region.zone_id(zone) == **id));
    if let Some(unknown) = unknown_name.or(unknown_id) {
        return Err(ApiError::invalid_value(format!("Invalid availability zone: [{unknown}]")));
    }
    let named = |zone: &str| {
        names.is_empty() && ids.is_empty()
            || names.contains(&zone)
            || ids.contains(&region.zone_id(zone).as_str())
    };
    let found = zones
        .iter()
        .filter(|zone| named(zone) && filters.pass(&Tags::new(), |name| vec![fact(region, zone, name)]));
    let members =
        Xml::of(|xml| xml.list("availabilityZoneInfo", found, |xml, zone| write(xml, region, zone)));
    Ok(Done::told(members, false))
}

fn fact(region: &Region, zone: &str, filter: &str) -> String {
    match filter {
        "opt-in-status" => "opt-in-not-required".to_owned(),
        "state" => "available".to_owned(),
        "zone-id" => region.zone_id(zone),
        "zone-name" => zone.to_owned(),
        "zone-type" => "availability-zone".to_owned(),
        _ => region.spec.name.clone(),
    }
}

fn write(xml: &mut Xml, region: &Region, zone: &str) {
    xml.leaf("zoneState", "available");
    xml.leaf("optInStatus", "opt-in-not-required");
    xml.empty_list("messageSet");
    xml.leaf("regionName", &region.spec.name);
    xml.leaf("zoneName", zone);
    xml.leaf("zoneId", region.zone_id(zone));
    xml.leaf("groupName", &region.spec.name);
    xml.leaf("networkBorderGroup", &region.spec.name);
    xml.leaf("zoneType", "availability-zone");
}

// === impl Region: zones ===

impl Region {
    /// Its zones by name: a, b and c, and wherever a subnet is.
    pub(crate) fn zones(&self) -> BTreeSet<String> {
        let own = LETTERS.iter().map(|letter| format!("{}{letter}", self.spec.name));
        own.chain(self.subnets.values().map(|subnet| subnet.zone.clone())).collect()
    }
}
