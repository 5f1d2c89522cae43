//! IPv4 addresses: of our own links, and of the links of another namespace, which the kernel tells a holder of
//! CAP_NET_ADMIN who names that namespace by its id.

use std::net::{IpAddr, Ipv4Addr};

use contract::ports::host::HostError;
use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::address::{AddressAttribute, AddressMessage, AddressScope};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::io::Errno;

use super::channel::{Channel, Deadline};
use crate::error::ensured;

/// The widest prefix that has no broadcast address.
const PREFIX_WITHOUT_BROADCAST: u8 = 31;

/// An address and the link it is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SeenAddress {
    /// The link, in the namespace that was asked about.
    pub(crate) ifindex: u32,
    /// The address.
    pub(crate) address: Ipv4Addr,
    /// Its prefix length.
    pub(crate) prefix_length: u8,
    /// Reachable from other hosts.
    pub(crate) global: bool,
}

/// All addresses of our own namespace, and whether none is missing.
pub(crate) async fn dump(
    channel: &Channel,
    deadline: Deadline,
) -> Result<(Vec<SeenAddress>, bool), HostError> {
    read(channel, "read addresses", None, deadline).await
}

/// All addresses of another namespace, and whether all that the kernel would tell was told. `None` where it would not, or was
/// interrupted: the second says which.
pub(crate) async fn dump_elsewhere(
    channel: &Channel,
    namespace: i32,
    deadline: Deadline,
) -> Result<(Option<Vec<SeenAddress>>, bool), HostError> {
    let what = format!("read the addresses of namespace {namespace}");
    match read(channel, &what, Some(namespace), deadline).await {
        Ok((addresses, whole)) => Ok((whole.then_some(addresses), whole)),
        // Gone meanwhile, or not ours to see.
        Err(HostError::Refused { error, .. }) => {
            tracing::debug!(namespace, error, "the kernel does not tell what is behind a veth");
            Ok((None, true))
        }
        Err(other) => Err(other),
    }
}

/// Gives a link an address; one that has it already is well.
pub(crate) async fn add(
    channel: &Channel,
    what: &str,
    ifindex: u32,
    address: Ipv4Addr,
    prefix_length: u8,
    deadline: Deadline,
) -> Result<(), HostError> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.index = ifindex;
    message.header.prefix_len = prefix_length;
    message.attributes.push(AddressAttribute::Address(address.into()));
    message.attributes.push(AddressAttribute::Local(address.into()));
    if prefix_length < PREFIX_WITHOUT_BROADCAST {
        let host_bits = u32::MAX.checked_shr(u32::from(prefix_length)).unwrap_or(0);
        let broadcast = Ipv4Addr::from_bits(address.to_bits() | host_bits);
        message.attributes.push(AddressAttribute::Broadcast(broadcast));
    }
    let done = channel
        .change(what, RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL, deadline)
        .await;
    ensured(done, &[Errno::EXIST])
}

async fn read(
    channel: &Channel,
    what: &str,
    namespace: Option<i32>,
    deadline: Deadline,
) -> Result<(Vec<SeenAddress>, bool), HostError> {
    let mut question = AddressMessage::default();
    question.header.family = AddressFamily::Inet;
    question.attributes.extend(namespace.map(AddressAttribute::TargetNetNsId));
    let dump = channel.dump(what, &RouteNetlinkMessage::GetAddress(question), deadline).await?;
    let addresses = dump
        .messages
        .iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewAddress(address) => parse(address),
            _ => None,
        })
        .collect();
    Ok((addresses, dump.is_whole()))
}

/// What an address message says, if it is of IPv4.
pub(crate) fn parse(message: &AddressMessage) -> Option<SeenAddress> {
    // LOCAL is ours; ADDRESS is the other end's on a point-to-point link.
    let address = message.attributes.iter().find_map(|attribute| match attribute {
        AddressAttribute::Local(IpAddr::V4(address)) => Some(*address),
        _ => None,
    })?;
    Some(SeenAddress {
        ifindex: message.header.index,
        address,
        prefix_length: message.header.prefix_len,
        global: message.header.scope == AddressScope::Universe,
    })
}
