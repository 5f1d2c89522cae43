//! The host's side of a pod by blocking netlink: the route to it, the rule to it, and the two lookups that prove them. The
//! messages are those the daemon sends; nothing is read that it is not told.

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::rule::{RuleAction, RuleAttribute, RuleMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily as SocketFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send,
    socket_with,
};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;

/// Priority of the rule to a pod.
const TO_POD: u32 = 512;
const TABLE_MAIN: u8 = 254;
const HOST_PREFIX_BITS: u8 = 32;
/// An answer to one question fits many times.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// A socket in the host's namespace. A daemon's is open all the time, so opening it is not timed.
pub(crate) struct HostSide {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

impl HostSide {
    pub(crate) fn open() -> io::Result<Self> {
        let socket = socket_with(SocketFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
        connect(&socket, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self { socket, buffer: vec![0; ANSWER_BYTES_MAX] })
    }

    /// Route and rule.
    pub(crate) fn put(&mut self, pod: Ipv4Addr, ifindex: u32) -> io::Result<()> {
        let route = RouteNetlinkMessage::NewRoute(to_pod(pod, ifindex));
        self.exchange(route, NLM_F_CREATE | NLM_F_REPLACE)?;
        self.exchange(RouteNetlinkMessage::NewRule(rule_to(pod)), NLM_F_CREATE | NLM_F_EXCL)
    }

    /// Rule and route go. The link of the route may be gone, and has taken it along.
    pub(crate) fn remove(&mut self, pod: Ipv4Addr, ifindex: Option<u32>) -> io::Result<()> {
        self.exchange(RouteNetlinkMessage::DelRule(rule_to(pod)), 0)?;
        ifindex
            .map_or(Ok(()), |ifindex| self.exchange(RouteNetlinkMessage::DelRoute(to_pod(pod, ifindex)), 0))
    }

    /// The kernel has a way to the pod, and one from it to `gateway`.
    pub(crate) fn verify(&mut self, pod: Ipv4Addr, ifindex: u32, gateway: Ipv4Addr) -> io::Result<()> {
        let to = question(pod);
        let mut from = question(gateway);
        from.header.source_prefix_length = HOST_PREFIX_BITS;
        from.attributes.push(RouteAttribute::Source(RouteAddress::Inet(pod)));
        from.attributes.push(RouteAttribute::Iif(ifindex));
        self.exchange(RouteNetlinkMessage::GetRoute(to), 0)?;
        self.exchange(RouteNetlinkMessage::GetRoute(from), 0)
    }

    /// A request, and what the kernel says to it. Only one is under way on this socket.
    fn exchange(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        send(&self.socket, &bytes, SendFlags::empty())?;
        loop {
            let (length, _) = recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::empty())?;
            if let Some(end) = end(self.buffer.get(..length).unwrap_or_default())? {
                return end;
            }
        }
    }
}

/// The acknowledgement, if this datagram has it.
fn end(mut bytes: &[u8]) -> io::Result<Option<io::Result<()>>> {
    while !bytes.is_empty() {
        let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(bytes).map_err(io::Error::other)?;
        if let NetlinkPayload::Error(error) = &message.payload {
            return Ok(Some(if error.code.is_none() { Ok(()) } else { Err(error.to_io()) }));
        }
        let length = usize::try_from(message.header.length).unwrap_or(usize::MAX).next_multiple_of(4);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(None)
}

fn to_pod(pod: Ipv4Addr, ifindex: u32) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header = RouteHeader {
        address_family: AddressFamily::Inet,
        destination_prefix_length: HOST_PREFIX_BITS,
        table: TABLE_MAIN,
        protocol: RouteProtocol::Boot,
        scope: RouteScope::Link,
        kind: RouteType::Unicast,
        ..RouteHeader::default()
    };
    message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(pod)));
    message.attributes.push(RouteAttribute::Oif(ifindex));
    message
}

fn rule_to(pod: Ipv4Addr) -> RuleMessage {
    let mut message = RuleMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.action = RuleAction::ToTable;
    message.header.dst_len = HOST_PREFIX_BITS;
    message.attributes.push(RuleAttribute::Priority(TO_POD));
    message.attributes.push(RuleAttribute::Table(u32::from(TABLE_MAIN)));
    message.attributes.push(RuleAttribute::Destination(pod.into()));
    message
}

fn question(to: Ipv4Addr) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = HOST_PREFIX_BITS;
    message.header.flags = RouteFlags::LookupTable;
    message.attributes.push(RouteAttribute::Destination(RouteAddress::Inet(to)));
    message
}
