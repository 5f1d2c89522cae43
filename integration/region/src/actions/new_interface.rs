//! An ENI to make, read from a create or from one interface of a launch: both spell it alike.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::wanted::{self, IPV4, IPV6};
use crate::eni::InterfaceKind;
use crate::error::ApiError;
use crate::ids::{SecurityGroupId, SubnetId};
use crate::interface::NewInterface;
use crate::params::Params;
use crate::tags::Tags;
use crate::want::Want;

/// Characters of a description (EC2's bound).
const DESCRIPTION_CHARACTERS_MAX: usize = 255;

/// Reads it. What it is tagged with is told apart by the caller.
pub(super) fn read(params: &Params, subnet: SubnetId, tags: Tags) -> Result<NewInterface, ApiError> {
    let groups = params.list("SecurityGroupId");
    let groups = groups.into_iter().map(SecurityGroupId::parse).collect::<Result<_, _>>()?;
    let (primary, more) = ipv4(params)?;
    let named = params.records("Ipv6Addresses");
    let named = named.iter().map(|record| wanted::address(record.required("Ipv6Address")?, &IPV6));
    let named = named.collect::<Result<Vec<Ipv6Addr>, _>>()?;
    Ok(NewInterface {
        kind: kind(params.text("InterfaceType"))?,
        subnet,
        primary,
        more,
        more6: wanted::created(params, &IPV6, named)?,
        groups,
        description: description(params.text("Description").unwrap_or_default())?,
        tags,
    })
}

fn kind(named: Option<&str>) -> Result<InterfaceKind, ApiError> {
    match named {
        None | Some("interface") => Ok(InterfaceKind::Interface),
        Some("trunk") => Ok(InterfaceKind::Trunk),
        Some("branch") => Ok(InterfaceKind::Branch),
        Some(efa @ ("efa" | "efa-only")) => {
            Err(ApiError::not_simulated(&format!("interfaces of the type {efa}")))
        }
        Some(other) => {
            let message = format!("Value ({other}) for parameter InterfaceType is invalid.");
            Err(ApiError::invalid_value(message))
        }
    }
}

/// A description, if EC2 would take it.
pub(super) fn description(text: &str) -> Result<String, ApiError> {
    if text.chars().count() > DESCRIPTION_CHARACTERS_MAX {
        return Err(ApiError::invalid_value("The description exceeds 255 characters"));
    }
    Ok(text.to_owned())
}

/// The primary address, if it was named, and what else is wanted in IPv4.
fn ipv4(params: &Params) -> Result<(Option<Ipv4Addr>, Want), ApiError> {
    let mut primary =
        params.text("PrivateIpAddress").map(|value| wanted::address(value, &IPV4)).transpose()?;
    let mut addresses = Vec::new();
    for record in params.records("PrivateIpAddresses") {
        let named = wanted::address(record.required("PrivateIpAddress")?, &IPV4)?;
        if record.boolean("Primary") != Some(true) {
            addresses.push(named);
        } else if primary.replace(named).is_some() {
            return Err(ApiError::invalid_value("Only one primary private IP address can be specified."));
        }
    }
    Ok((primary, wanted::created(params, &IPV4, addresses)?))
}
