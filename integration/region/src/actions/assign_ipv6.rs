//! AssignIpv6Addresses and UnassignIpv6Addresses: as their IPv4 siblings, all or nothing, without reassignment.

use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use super::wanted::{self, IPV6};
use super::{Action, Done};
use crate::effect::Effect;
use crate::eni::Eni;
use crate::error::ApiError;
use crate::ids::EniId;
use crate::limits;
use crate::params::{Params, integer, text};
use crate::region::Region;
use crate::want::{Granted6, Want6};
use crate::xml::Xml;

pub(crate) const ASSIGN_IPV6_ADDRESSES: Action = Action {
    name: "AssignIpv6Addresses",
    params: &[
        text("NetworkInterfaceId").required(),
        text("Ipv6Addresses.N"),
        integer("Ipv6AddressCount"),
        text("Ipv6Prefix.N"),
        integer("Ipv6PrefixCount"),
    ],
    run: assign,
};

pub(crate) const UNASSIGN_IPV6_ADDRESSES: Action = Action {
    name: "UnassignIpv6Addresses",
    params: &[text("NetworkInterfaceId").required(), text("Ipv6Addresses.N"), text("Ipv6Prefix.N")],
    run: unassign,
};

fn assign(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let id = EniId::parse(params.required("NetworkInterfaceId")?)?;
    let mut want: Want6 = wanted::assigned(params, &IPV6)?;
    let eni = region.visible_eni(&id)?;
    want.addresses.retain(|address| !eni.ipv6_addresses.contains(address));
    if eni.ipv6_slots().saturating_add(want.slots()) > region.ipv6_slots_max_of(eni) {
        return Err(ApiError::ipv6_limit());
    }
    let subnet = eni.subnet.clone();
    let subnet = region.subnets.get_mut(&subnet).ok_or_else(|| subnet.not_found())?;
    let granted = subnet.allocate6(&want)?;
    region.give6(&id, &granted);
    let members = Xml::of(|xml| {
        xml.leaf("networkInterfaceId", &id);
        xml.texts("assignedIpv6Addresses", &granted.addresses);
        xml.texts("assignedIpv6PrefixSet", &granted.prefixes);
    });
    Ok(Done::told(members, true))
}

fn unassign(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let id = EniId::parse(params.required("NetworkInterfaceId")?)?;
    let (addresses, prefixes): (Vec<Ipv6Addr>, Vec<Ipv6Net>) = wanted::unassigned(params, &IPV6)?;
    let eni = region.visible_eni(&id)?;
    let has_all = addresses.iter().all(|address| eni.ipv6_addresses.contains(address))
        && prefixes.iter().all(|prefix| eni.ipv6_prefixes.contains(prefix));
    if !has_all {
        return Err(ApiError::not_assigned(&id));
    }
    region.take_back6(&id, &addresses, &prefixes)?;
    let members = Xml::of(|xml| {
        xml.leaf("networkInterfaceId", &id);
        xml.texts("unassignedIpv6Addresses", &addresses);
        xml.texts("unassignedIpv6PrefixSet", &prefixes);
    });
    Ok(Done::told(members, true))
}

// === impl Region: IPv6 addresses of an ENI ===

impl Region {
    /// IPv6 slots this ENI may fill: its instance's limit, or the largest there is while it is attached to nothing.
    fn ipv6_slots_max_of(&self, eni: &Eni) -> u32 {
        let attachment = eni.attachment.as_ref();
        let instance = attachment.and_then(|attachment| self.instances.get(&attachment.instance));
        instance.map_or_else(limits::ipv6_slots_max, |instance| {
            instance.limits.ipv6_per_eni(&instance.instance_type)
        })
    }

    fn give6(&mut self, id: &EniId, granted: &Granted6) {
        let Some(eni) = self.enis.get_mut(id) else { return };
        eni.ipv6_addresses.extend(&granted.addresses);
        eni.ipv6_prefixes.extend(&granted.prefixes);
        let added = blocks(&granted.addresses, &granted.prefixes);
        self.effects.extend(added.map(|address| Effect::Ipv6Added { eni: id.clone(), address }));
        self.publish_change(id);
    }

    fn take_back6(
        &mut self,
        id: &EniId,
        addresses: &[Ipv6Addr],
        prefixes: &[Ipv6Net],
    ) -> Result<(), ApiError> {
        let eni = self.eni_mut(id)?;
        eni.ipv6_addresses.retain(|held| !addresses.contains(held));
        eni.ipv6_prefixes.retain(|held| !prefixes.contains(held));
        let subnet = eni.subnet.clone();
        if let Some(subnet) = self.subnets.get_mut(&subnet) {
            subnet.release6(addresses, prefixes);
        }
        let removed = blocks(addresses, prefixes);
        self.effects.extend(removed.map(|address| Effect::Ipv6Removed { eni: id.clone(), address }));
        self.publish_change(id);
        Ok(())
    }
}

fn blocks(addresses: &[Ipv6Addr], prefixes: &[Ipv6Net]) -> impl Iterator<Item = Ipv6Net> {
    addresses.iter().map(|address| Ipv6Net::from(*address)).chain(prefixes.iter().copied())
}
