//! AssignPrivateIpAddresses and UnassignPrivateIpAddresses: addresses and prefixes of an ENI that exists, all or nothing.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::wanted::{self, IPV4};
use super::{Action, Done};
use crate::effect::Effect;
use crate::eni::Eni;
use crate::error::ApiError;
use crate::ids::EniId;
use crate::limits;
use crate::params::{Params, boolean, integer, text};
use crate::region::Region;
use crate::want::{Granted, Want};
use crate::xml::Xml;

pub(crate) const ASSIGN_PRIVATE_IP_ADDRESSES: Action = Action {
    name: "AssignPrivateIpAddresses",
    params: &[
        text("NetworkInterfaceId").required(),
        text("PrivateIpAddress.N"),
        integer("SecondaryPrivateIpAddressCount"),
        text("Ipv4Prefix.N"),
        integer("Ipv4PrefixCount"),
        boolean("AllowReassignment"),
    ],
    run: assign,
};

pub(crate) const UNASSIGN_PRIVATE_IP_ADDRESSES: Action = Action {
    name: "UnassignPrivateIpAddresses",
    params: &[text("NetworkInterfaceId").required(), text("PrivateIpAddress.N"), text("Ipv4Prefix.N")],
    run: unassign,
};

fn assign(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let id = EniId::parse(params.required("NetworkInterfaceId")?)?;
    let mut want: Want = wanted::assigned(params, &IPV4)?;
    let eni = region.visible_eni(&id)?;
    // Asked again for what it already has: nothing to do for these, and no slot is filled.
    want.addresses.retain(|address| !eni.secondaries.contains(address));
    if eni.slots().saturating_add(want.slots()) > region.slots_max_of(eni) {
        return Err(ApiError::address_limit());
    }
    let subnet_id = eni.subnet.clone();
    let moved = if params.boolean("AllowReassignment") == Some(true) {
        let held = region.held_elsewhere(&id, &want.addresses);
        want.addresses.retain(|address| !held.iter().any(|(_, moved)| moved == address));
        held
    } else {
        Vec::new()
    };
    let subnet = region.subnets.get_mut(&subnet_id).ok_or_else(|| subnet_id.not_found())?;
    let mut granted = subnet.allocate(&want)?;
    for (holder, address) in moved {
        region.take_address(&holder, address);
        granted.addresses.push(address);
    }
    region.give(&id, &granted);
    Ok(Done::told(assigned(&id, &granted), true))
}

fn assigned(id: &EniId, granted: &Granted) -> String {
    Xml::of(|xml| {
        xml.leaf("networkInterfaceId", id);
        xml.list("assignedPrivateIpAddressesSet", &granted.addresses, |xml, address| {
            xml.leaf("privateIpAddress", address);
        });
        xml.list("assignedIpv4PrefixSet", &granted.prefixes, |xml, prefix| xml.leaf("ipv4Prefix", prefix));
    })
}

fn unassign(region: &mut Region, params: &Params) -> Result<Done, ApiError> {
    let id = EniId::parse(params.required("NetworkInterfaceId")?)?;
    let (addresses, prefixes): (Vec<Ipv4Addr>, Vec<Ipv4Net>) = wanted::unassigned(params, &IPV4)?;
    let eni = region.visible_eni(&id)?;
    if addresses.contains(&eni.primary) {
        return Err(ApiError::invalid_value(
            "The primary private IP address of a network interface cannot be unassigned.",
        ));
    }
    let has_all = addresses.iter().all(|address| eni.secondaries.contains(address))
        && prefixes.iter().all(|prefix| eni.prefixes.contains(prefix));
    if !has_all {
        return Err(ApiError::not_assigned(&id));
    }
    region.take_back(&id, &addresses, &prefixes)?;
    Ok(Done::changed())
}

// === impl Region: addresses of an ENI ===

impl Region {
    /// Slots this ENI may fill: its instance's limit, or the largest there is while it is attached to nothing.
    fn slots_max_of(&self, eni: &Eni) -> u32 {
        let attachment = eni.attachment.as_ref();
        let instance = attachment.and_then(|attachment| self.instances.get(&attachment.instance));
        instance.map_or_else(limits::slots_max, |instance| instance.limits.ipv4_per_eni)
    }

    /// Those addresses that are secondary ones of other ENIs in the same subnet, with their holders.
    fn held_elsewhere(&self, id: &EniId, addresses: &[Ipv4Addr]) -> Vec<(EniId, Ipv4Addr)> {
        let subnet = self.enis.get(id).map(|eni| &eni.subnet);
        let neighbours = self.enis.values().filter(|eni| eni.id != *id && Some(&eni.subnet) == subnet);
        let held =
            neighbours.flat_map(|eni| eni.secondaries.iter().map(|address| (eni.id.clone(), *address)));
        held.filter(|(_, address)| addresses.contains(address)).collect()
    }

    /// Takes an address from an ENI without giving it back to the subnet: another ENI gets it in this instant.
    fn take_address(&mut self, holder: &EniId, address: Ipv4Addr) {
        if let Some(eni) = self.enis.get_mut(holder) {
            eni.secondaries.retain(|held| *held != address);
        }
        self.effects.push(Effect::AddressRemoved { eni: holder.clone(), address: address.into() });
        self.publish_change(holder);
    }

    fn give(&mut self, id: &EniId, granted: &Granted) {
        let Some(eni) = self.enis.get_mut(id) else { return };
        eni.secondaries.extend(&granted.addresses);
        eni.prefixes.extend(&granted.prefixes);
        let singles = granted.addresses.iter().map(|address| Ipv4Net::from(*address));
        let blocks = singles.chain(granted.prefixes.iter().copied());
        let added = blocks.map(|address| Effect::AddressAdded { eni: id.clone(), address });
        self.effects.extend(added);
        self.publish_change(id);
    }

    fn take_back(
        &mut self,
        id: &EniId,
        addresses: &[Ipv4Addr],
        prefixes: &[Ipv4Net],
    ) -> Result<(), ApiError> {
        let eni = self.eni_mut(id)?;
        eni.secondaries.retain(|held| !addresses.contains(held));
        eni.prefixes.retain(|held| !prefixes.contains(held));
        let subnet = eni.subnet.clone();
        if let Some(subnet) = self.subnets.get_mut(&subnet) {
            subnet.release(addresses, prefixes);
        }
        let blocks = addresses.iter().map(|address| Ipv4Net::from(*address)).chain(prefixes.iter().copied());
        let removed = blocks.map(|address| Effect::AddressRemoved { eni: id.clone(), address });
        self.effects.extend(removed);
        self.publish_change(id);
        Ok(())
    }

    /// Tells the metadata service, in its own time, and the audit of what changed on an ENI.
    pub(crate) fn publish_change(&mut self, id: &EniId) {
        self.touch(id);
        if let Some(eni) = self.enis.get(id) {
            self.imds.changed(eni, self.clock, &self.knobs.imds);
        }
    }
}
