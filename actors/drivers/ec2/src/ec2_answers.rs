//! EC2's answers as the contract's nouns. Pure.
//!
//! What may be left out, and what may not: the list of attached ENIs is the truth by which others forget, so an ENI or an
//! address in it that cannot be understood makes the whole answer unusable. A subnet or a tag that cannot be understood is
//! merely not used, and is left out with a warning.

use aws_sdk_ec2::types::{AttachmentStatus, InstanceTypeInfo, NetworkInterface, Subnet, Tag};
use contract::model::{AttachmentId, EniId, InstanceId, Mac, SecurityGroupId, SubnetId};
use contract::ports::ec2::{
    AttachmentState, EniAttachment, EniDescription, InstanceLimits, SubnetDescription,
};
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// A described ENI; `None` for one without any IPv4 address (EFA-only, or IPv6 alone), which can carry no pod of ours.
pub(crate) fn eni(found: &NetworkInterface) -> Result<Option<EniDescription>, String> {
    let id = required("networkInterfaceId", found.network_interface_id())?;
    let Some(primary_address) = found.private_ip_address() else {
        return match found.private_ip_addresses() {
            [] => Ok(None),
            _ => Err(format!("{id} has addresses, and no privateIpAddress")),
        };
    };
    let in_it = |problem: String| format!("{id}: {problem}");
    let primary_address = address(primary_address).map_err(in_it)?;
    let mut secondary_addresses = Vec::new();
    for entry in found.private_ip_addresses() {
        let text = required("privateIpAddress", entry.private_ip_address()).map_err(in_it)?;
        let address = address(text).map_err(in_it)?;
        if address != primary_address && entry.primary() != Some(true) {
            secondary_addresses.push(address);
        }
    }
    secondary_addresses.sort_unstable();
    secondary_addresses.dedup();
    let mac = required("macAddress", found.mac_address()).map_err(in_it)?;
    Ok(Some(EniDescription {
        id: EniId::new(id),
        mac: mac.parse::<Mac>().map_err(|error| in_it(format!("macAddress: {error}")))?,
        subnet: SubnetId::new(required("subnetId", found.subnet_id()).map_err(in_it)?),
        primary_address,
        secondary_addresses,
        groups: found
            .groups()
            .iter()
            .filter_map(|group| group.group_id())
            .map(SecurityGroupId::new)
            .collect(),
        attachment: attachment(found).map_err(in_it)?,
        tags: tags(found.tag_set()),
    }))
}

/// A described subnet; `Ok(None)` for one of IPv6 alone.
pub(crate) fn subnet(found: &Subnet) -> Result<Option<SubnetDescription>, String> {
    let id = required("subnetId", found.subnet_id())?;
    let Some(cidr) = found.cidr_block() else {
        return Ok(None);
    };
    let cidr = cidr.parse::<Ipv4Net>().map_err(|_| format!("{id}: cidrBlock `{cidr}` is no block"))?;
    let free = required("availableIpAddressCount", found.available_ip_address_count())
        .map_err(|problem| format!("{id}: {problem}"))?;
    Ok(Some(SubnetDescription {
        id: SubnetId::new(id),
        cidr: cidr.trunc(),
        // A subnet that is over-full tells a negative number.
        free_addresses: u32::try_from(free).unwrap_or(0),
        tags: tags(found.tags()),
    }))
}

/// What a type allows on its default card.
pub(crate) fn limits(found: &InstanceTypeInfo) -> Result<InstanceLimits, String> {
    let network = required("networkInfo", found.network_info())?;
    let default_card = network.default_network_card_index().unwrap_or(0);
    let on_card = network
        .network_cards()
        .iter()
        .find(|card| card.network_card_index() == Some(default_card))
        .and_then(|card| card.maximum_network_interfaces());
    // Types of one card need not list it.
    let enis = on_card.or(network.maximum_network_interfaces());
    Ok(InstanceLimits {
        enis: positive("maximumNetworkInterfaces", enis)?,
        addresses_per_eni: positive("ipv4AddressesPerInterface", network.ipv4_addresses_per_interface())?,
    })
}

/// An address as EC2 writes one.
pub(crate) fn address(text: &str) -> Result<Ipv4Addr, String> {
    text.parse().map_err(|_| format!("`{text}` is no IPv4 address"))
}

/// A member that must be there. An empty text is not.
pub(crate) fn required<T: PartialEq + MaybeEmpty>(member: &str, value: Option<T>) -> Result<T, String> {
    value.filter(|value| !value.is_empty()).ok_or_else(|| format!("it has no {member}"))
}

/// What can be there and say nothing.
pub(crate) trait MaybeEmpty {
    fn is_empty(&self) -> bool {
        false
    }
}

impl MaybeEmpty for &str {
    fn is_empty(&self) -> bool {
        str::is_empty(self)
    }
}

impl MaybeEmpty for i32 {}

impl<T> MaybeEmpty for &T {}

fn attachment(found: &NetworkInterface) -> Result<Option<EniAttachment>, String> {
    let Some(found) = found.attachment() else {
        return Ok(None);
    };
    let index = |member: &str, value: i32| {
        u32::try_from(value).map_err(|_| format!("attachment: {member} is {value}"))
    };
    let device = required("attachment deviceIndex", found.device_index())?;
    Ok(Some(EniAttachment {
        id: AttachmentId::new(required("attachment attachmentId", found.attachment_id())?),
        instance: InstanceId::new(required("attachment instanceId", found.instance_id())?),
        // Not told where the type has one card.
        card: index("networkCardIndex", found.network_card_index().unwrap_or(0))?,
        device: index("deviceIndex", device)?,
        state: state(found.status()),
        delete_on_termination: found.delete_on_termination().unwrap_or(false),
    }))
}

/// Only what EC2 calls attached is; a word we do not know is not.
fn state(told: Option<&AttachmentStatus>) -> AttachmentState {
    match told {
        Some(AttachmentStatus::Attached) => AttachmentState::Attached,
        Some(AttachmentStatus::Detaching) => AttachmentState::Detaching,
        Some(AttachmentStatus::Detached) => AttachmentState::Detached,
        _ => AttachmentState::Attaching,
    }
}

fn tags(found: &[Tag]) -> Vec<(String, String)> {
    found
        .iter()
        .filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())))
        .collect()
}

fn positive(member: &str, value: Option<i32>) -> Result<u32, String> {
    let value = required(member, value)?;
    match u32::try_from(value) {
        Ok(value) if value > 0 => Ok(value),
        _ => Err(format!("{member} is {value}")),
    }
}

#[cfg(test)]
#[path = "ec2_answers_tests.rs"]
mod tests;
