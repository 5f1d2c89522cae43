//! CreateNetworkInterface, and what a ClientToken promises: the same call again gives the same ENI.

use std::time::Duration;

use super::describe_interfaces::write_interface;
use super::tags::specified;
use super::{Action, Done, new_interface};
use crate::error::ApiError;
use crate::ids::{EniId, SubnetId};
use crate::interface::NewInterface;
use crate::knobs::after_or_never;
use crate::params::{Params, boolean, integer, not_simulated, text};
use crate::region::{Region, Remembered};
use crate::xml::Xml;

/// How long a token is remembered (EC2 promises at least a day).
const TOKEN_KEPT: Duration = Duration::from_hours(24);
/// Characters of a token (EC2's bound).
const TOKEN_CHARACTERS_MAX: usize = 64;

pub(crate) const CREATE_NETWORK_INTERFACE: Action = Action {
    name: "CreateNetworkInterface",
    params: &[
        text("SubnetId").required(),
        text("Description"),
        text("PrivateIpAddress"),
        text("SecurityGroupId.N"),
        boolean("PrivateIpAddresses.N.Primary"),
        text("PrivateIpAddresses.N.PrivateIpAddress"),
        integer("SecondaryPrivateIpAddressCount"),
        integer("Ipv4PrefixCount"),
        text("Ipv4Prefix.N.Ipv4Prefix"),
        integer("Ipv6AddressCount"),
        text("Ipv6Addresses.N.Ipv6Address"),
        integer("Ipv6PrefixCount"),
        text("Ipv6Prefix.N.Ipv6Prefix"),
        text("TagSpecification.N.ResourceType"),
        text("TagSpecification.N.Tag.N.Key"),
        text("TagSpecification.N.Tag.N.Value"),
        text("ClientToken"),
        not_simulated("InterfaceType"),
        not_simulated("EnablePrimaryIpv6"),
        not_simulated("Ipv6Addresses.N.IsPrimaryIpv6"),
        not_simulated("Operator.Principal"),
    ],
    run,
};

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let token = params.text("ClientToken").filter(|token| !token.is_empty());
    if token.is_some_and(|token| token.chars().count() > TOKEN_CHARACTERS_MAX) {
        return Err(ApiError::invalid_value("The ClientToken exceeds 64 characters"));
    }
    let asked = params.without(&["ClientToken", "DryRun"]);
    let clock = region.clock;
    region.client_tokens.retain(|_, known| clock.saturating_sub(known.at) < TOKEN_KEPT);
    if let Some(known) = token.and_then(|token| region.client_tokens.get(token)) {
        if known.params != asked {
            return Err(ApiError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            ));
        }
        let eni = known.eni.clone();
        return answer(region, &eni, token, false);
    }
    let new = read(region, params)?;
    let visible_at = after_or_never(clock, region.knobs.create_visible_milliseconds);
    let eni = region.create_interface(new, visible_at)?;
    if let Some(token) = token {
        region
            .client_tokens
            .insert(token.to_owned(), Remembered { params: asked, eni: eni.clone(), at: clock });
    }
    answer(region, &eni, token, true)
}

fn answer(region: &Region, id: &EniId, token: Option<&str>, mutated: bool) -> Result<Done, ApiError> {
    // A token outlives its ENI: EC2 then knows the call but not the thing.
    let eni = region.enis.get(id).ok_or_else(|| id.not_found())?;
    let members = Xml::of(|xml| {
        xml.node("networkInterface", |xml| write_interface(xml, region, eni));
        if let Some(token) = token {
            xml.leaf("clientToken", token);
        }
    });
    Ok(Done::told(members, mutated))
}

fn read(region: &Region, params: &Params) -> Result<NewInterface, ApiError> {
    let subnet = SubnetId::parse(params.required("SubnetId")?)?;
    if !region.subnets.contains_key(&subnet) {
        return Err(subnet.not_found());
    }
    let tags = specified(region, params, "network-interface")?;
    new_interface::read(params, subnet, tags)
}
