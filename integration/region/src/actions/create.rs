//! CreateNetworkInterface, and what a ClientToken promises: the same call again gives the same ENI.

use super::describe_interfaces::write_interface;
use super::tags::specified;
use super::{Action, Done, new_interface};
use crate::client_tokens;
use crate::error::ApiError;
use crate::ids::{EniId, SubnetId};
use crate::interface::NewInterface;
use crate::knobs::after_or_never;
use crate::params::{DRY_RUN, Params, boolean, integer, not_simulated, text};
use crate::region::Region;
use crate::xml::Xml;

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
        text("InterfaceType"),
        not_simulated("EnablePrimaryIpv6"),
        not_simulated("Ipv6Addresses.N.IsPrimaryIpv6"),
        not_simulated("Operator.Principal"),
        DRY_RUN,
    ],
    run,
};

fn run(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let clock = region.clock;
    if let Some(known) = region.create_tokens.recall(params, clock)? {
        return answer(region, &known, params, false);
    }
    let new = read(region, params)?;
    let visible_at = after_or_never(clock, region.knobs.create_visible_milliseconds);
    let eni = region.create_interface(new, visible_at)?;
    region.create_tokens.remember(params, eni.clone(), clock);
    answer(region, &eni, params, true)
}

fn answer(region: &Region, id: &EniId, params: &Params, mutated: bool) -> Result<Done, ApiError> {
    // A token outlives its ENI: EC2 then knows the call but not the thing.
    let eni = region.enis.get(id).ok_or_else(|| id.not_found())?;
    let members = Xml::of(|xml| {
        xml.node("networkInterface", |xml| write_interface(xml, region, eni));
        xml.maybe("clientToken", client_tokens::token(params));
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
