//! A datagram that the kernel sent unasked, in the port's words. What the port has no word for is left out; what has one and does
//! not decode is told as lost.

use contract::ports::host::HostEvent;
use netlink_packet_core::{
    NLM_F_REPLACE, NetlinkBuffer, NetlinkDeserializable, NetlinkHeader, NlasIterator, Parseable,
};
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::address::{self, SeenAddress};
use super::{link, route, rule};

/// `RTM_NEWNETCONF` of linux/rtnetlink.h.
const NEW_NETCONF: u16 = 80;

/// Bytes of `struct netconfmsg`, and of `struct nfgenmsg`, with their padding.
const FAMILY_HEADER_BYTES: usize = 4;

/// `NLMSG_ALIGNTO` of linux/netlink.h.
const MESSAGE_ALIGNMENT_BYTES: usize = 4;

/// `NETCONFA_IFINDEX` and `NETCONFA_RP_FILTER` of linux/netconf.h.
const NETCONF_IFINDEX: u16 = 1;
const NETCONF_RP_FILTER: u16 = 3;

/// The table's name, in the messages of tables, chains, rules, sets and elements alike (`NFTA_TABLE_NAME`, `NFTA_CHAIN_TABLE`, ...).
const NFT_TABLE: u16 = 1;

/// The subsystem of a netfilter message is its type's upper byte; this one is nftables.
const NFT_SUBSYSTEM: u16 = 10;

/// `RTM_NEWROUTE` of linux/rtnetlink.h.
const NEW_ROUTE: u16 = 24;

/// Messages whose kind has a word in the port: links, addresses, routes, rules.
const WATCHED: [u16; 8] = [16, 17, 20, 21, NEW_ROUTE, 25, 32, 33];

/// What a datagram of rtnetlink tells.
pub(crate) fn of_route(bytes: &[u8]) -> Vec<HostEvent> {
    Messages(bytes).flat_map(|(header, payload)| told(&header, payload)).collect()
}

/// Whether a datagram of nftables tells of this table.
pub(crate) fn of_nft(bytes: &[u8], table: &str) -> Vec<HostEvent> {
    let is_of_table = |(header, payload): (NetlinkHeader, &[u8])| {
        let name = || attribute(payload, NFT_TABLE);
        header.message_type >> 8 == NFT_SUBSYSTEM
            && name().is_some_and(|name| name.strip_suffix(&[0]) == Some(table.as_bytes()))
    };
    if Messages(bytes).any(is_of_table) { vec![HostEvent::NftTable] } else { Vec::new() }
}

fn told(header: &NetlinkHeader, payload: &[u8]) -> Vec<HostEvent> {
    if header.message_type == NEW_NETCONF {
        return rp_filter(payload).into_iter().collect();
    }
    if !WATCHED.contains(&header.message_type) {
        return Vec::new();
    }
    match RouteNetlinkMessage::deserialize(header, payload) {
        Err(_) => vec![HostEvent::Lost],
        Ok(RouteNetlinkMessage::NewRoute(route)) => {
            // What it replaced comes first.
            let (table, to, prefix_length) = route::leads(&route);
            let replaces = header.flags & NLM_F_REPLACE != 0;
            let replaced = replaces.then_some(HostEvent::RoutesReplaced { table, to, prefix_length });
            replaced.into_iter().chain(route::shape(&route).map(HostEvent::Route)).collect()
        }
        Ok(message) => event(message).into_iter().collect(),
    }
}

fn rp_filter(payload: &[u8]) -> Option<HostEvent> {
    let number = |kind| Some(u32::from_ne_bytes(attribute(payload, kind)?.try_into().ok()?));
    // Settings of all links together are told under negative indexes.
    let ifindex = number(NETCONF_IFINDEX).filter(|ifindex| i32::try_from(*ifindex).is_ok())?;
    Some(HostEvent::RpFilter { ifindex, value: number(NETCONF_RP_FILTER)? })
}

fn event(message: RouteNetlinkMessage) -> Option<HostEvent> {
    // The ports of a bridge are told of as links once more, in its own family.
    let own = |link: &LinkMessage| link.header.interface_family == AddressFamily::Unspec;
    match message {
        RouteNetlinkMessage::NewLink(link) => {
            own(&link).then(|| HostEvent::Link(Box::new(link::parse(&link).link)))
        }
        RouteNetlinkMessage::DelLink(link) => own(&link).then_some(HostEvent::LinkGone(link.header.index)),
        RouteNetlinkMessage::NewAddress(address) => {
            let SeenAddress { ifindex, address, prefix_length, .. } = address::parse(&address)?;
            Some(HostEvent::Address { ifindex, address, prefix_length })
        }
        RouteNetlinkMessage::DelAddress(address) => {
            let SeenAddress { ifindex, address, prefix_length, .. } = address::parse(&address)?;
            Some(HostEvent::AddressGone { ifindex, address, prefix_length })
        }
        RouteNetlinkMessage::DelRoute(route) => route::shape(&route).map(HostEvent::RouteGone),
        RouteNetlinkMessage::NewRule(rule) => rule::shape(&rule).map(HostEvent::Rule),
        RouteNetlinkMessage::DelRule(rule) => rule::shape(&rule).map(HostEvent::RuleGone),
        _ => None,
    }
}

/// The messages of a datagram, each with its header and what follows; it ends where one is cut off.
struct Messages<'a>(&'a [u8]);

impl<'a> Iterator for Messages<'a> {
    type Item = (NetlinkHeader, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let message = NetlinkBuffer::new_checked(self.0).ok()?;
        let header = NetlinkHeader::parse(&message).ok()?;
        let length = usize::try_from(message.length()).ok()?.next_multiple_of(MESSAGE_ALIGNMENT_BYTES);
        self.0 = self.0.get(length..).unwrap_or_default();
        Some((header, message.payload()))
    }
}

/// The attribute of this kind, after the header that names a family.
fn attribute(payload: &[u8], kind: u16) -> Option<Vec<u8>> {
    let attributes = NlasIterator::new(payload.get(FAMILY_HEADER_BYTES..)?);
    attributes.flatten().find(|attribute| attribute.kind() == kind).map(|found| found.value().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(16 + payload.len()).unwrap();
        let mut bytes = length.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    fn of_table(name: &[u8]) -> Vec<u8> {
        let mut payload = vec![2, 0, 0, 0];
        payload.extend(u16::try_from(4 + name.len()).unwrap().to_ne_bytes());
        payload.extend(NFT_TABLE.to_ne_bytes());
        payload.extend(name);
        message(NFT_SUBSYSTEM << 8 | 8, &payload)
    }

    #[test]
    fn of_nft_only_the_table_that_is_asked_for_is_told() {
        let both = [of_table(b"kube-proxy\0"), of_table(b"enid\0")].concat();
        assert_eq!(of_nft(&both, "enid"), [HostEvent::NftTable]);
        for other in
            [of_table(b"enid"), of_table(b"enid2\0"), message(NFT_SUBSYSTEM << 8 | 8, &[]), vec![1, 2]]
        {
            assert_eq!(of_nft(&other, "enid"), []);
        }
    }

    #[test]
    fn what_does_not_decode_is_lost_and_what_has_no_word_is_left_out() {
        let (cut, foreign) = (message(24, &[2]), message(28, &[2]));
        assert_eq!(of_route(&[foreign, cut].concat()), [HostEvent::Lost]);
    }
}
