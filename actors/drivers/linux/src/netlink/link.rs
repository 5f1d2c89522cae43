//! Links: reading all of them, their MTU, bringing one up. A veth's other end is known by namespace id and index.

use contract::model::Mac;
use contract::ports::host::{HostError, Link};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkExtentMask, LinkFlags, LinkInfo, LinkMessage};
use rtnetlink::LinkUnspec;
use rustix::io::Errno;

use super::channel::{Channel, Deadline};
use super::rp_filter;

/// Where a veth's other end is: another namespace, by the id our namespace gave it, and the index there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    /// Namespace id; negative if the kernel has none to give.
    pub(crate) namespace: i32,
    /// Index of the other end, in that namespace.
    pub(crate) ifindex: u32,
}

/// A link as the dump shows it: no addresses yet.
#[derive(Debug, Clone)]
pub(crate) struct SeenLink {
    /// What the port says of it.
    pub(crate) link: Link,
    /// The other end, of a veth to elsewhere.
    pub(crate) peer: Option<Peer>,
}

/// All links by index, and whether none is missing.
pub(crate) async fn dump(channel: &Channel, deadline: Deadline) -> Result<(Vec<SeenLink>, bool), HostError> {
    let dump = channel.dump("read links", &question(0), deadline).await?;
    let whole = dump.is_whole();
    let mut links: Vec<SeenLink> = dump
        .messages
        .iter()
        .filter_map(|message| match message {
            RouteNetlinkMessage::NewLink(link) => Some(parse(link)),
            _ => None,
        })
        .collect();
    links.sort_by_key(|seen| seen.link.ifindex);
    Ok((links, whole))
}

/// The link of this index; `None` if there is none.
pub(crate) async fn one(
    channel: &Channel,
    ifindex: u32,
    deadline: Deadline,
) -> Result<Option<SeenLink>, HostError> {
    match channel.ask(&format!("read link {ifindex}"), question(ifindex), deadline).await {
        Ok(Some(RouteNetlinkMessage::NewLink(link))) => Ok(Some(parse(&link))),
        Ok(_) => Ok(None),
        Err(HostError::Refused { errno, .. }) if errno == Errno::NODEV.raw_os_error() => Ok(None),
        Err(other) => Err(other),
    }
}

/// For the link of this index; 0 is all of them.
fn question(ifindex: u32) -> RouteNetlinkMessage {
    let mut question = LinkMessage::default();
    question.header.index = ifindex;
    question.attributes.push(LinkAttribute::ExtMask(vec![LinkExtentMask::SkipStats]));
    RouteNetlinkMessage::GetLink(question)
}

/// Sets the MTU.
pub(crate) async fn set_mtu(
    channel: &Channel,
    what: &str,
    ifindex: u32,
    mtu_bytes: u32,
    deadline: Deadline,
) -> Result<(), HostError> {
    let message = LinkUnspec::new_with_index(ifindex).mtu(mtu_bytes).build();
    channel.change(what, RouteNetlinkMessage::SetLink(message), 0, deadline).await
}

/// Brings a link up.
pub(crate) async fn up(
    channel: &Channel,
    what: &str,
    ifindex: u32,
    deadline: Deadline,
) -> Result<(), HostError> {
    let message = LinkUnspec::new_with_index(ifindex).up().build();
    channel.change(what, RouteNetlinkMessage::SetLink(message), 0, deadline).await
}

/// Sets rp_filter.
pub(crate) async fn set_rp_filter(
    channel: &Channel,
    what: &str,
    ifindex: u32,
    value: u32,
    deadline: Deadline,
) -> Result<(), HostError> {
    let message = rp_filter::message(ifindex, value);
    channel.change(what, RouteNetlinkMessage::SetLink(message), 0, deadline).await
}

/// What a link message says.
pub(crate) fn parse(message: &LinkMessage) -> SeenLink {
    let mut link = Link {
        ifindex: message.header.index,
        name: String::new(),
        mac: None,
        mtu_bytes: 0,
        up: message.header.flags.contains(LinkFlags::Up),
        veth_to_elsewhere: false,
        rp_filter: rp_filter::read(&message.attributes),
        addresses: Vec::new(),
        behind: None,
    };
    let (mut is_veth, mut namespace, mut other_end) = (false, None, None);
    for attribute in &message.attributes {
        match attribute {
            LinkAttribute::IfName(name) => link.name.clone_from(name),
            LinkAttribute::Mtu(mtu_bytes) => link.mtu_bytes = *mtu_bytes,
            LinkAttribute::Address(bytes) => link.mac = mac(bytes),
            LinkAttribute::LinkNetNsId(id) => namespace = Some(*id),
            LinkAttribute::Link(ifindex) => other_end = Some(*ifindex),
            LinkAttribute::LinkInfo(infos) => is_veth = infos.contains(&LinkInfo::Kind(InfoKind::Veth)),
            _ => {}
        }
    }
    link.veth_to_elsewhere = is_veth && namespace.is_some();
    let peer = match (is_veth, namespace, other_end) {
        (true, Some(namespace), Some(ifindex)) => Some(Peer { namespace, ifindex }),
        _ => None,
    };
    SeenLink { link, peer }
}

/// Loopback shows six zeros, which is no address.
fn mac(bytes: &[u8]) -> Option<Mac> {
    let bytes: [u8; 6] = bytes.try_into().ok()?;
    (bytes != [0; 6]).then_some(Mac(bytes))
}
