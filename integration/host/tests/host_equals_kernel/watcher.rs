//! A netlink watcher of a namespace: how many messages of each kind it heard, of the kinds that the model tells.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;

use host::{Event, Events};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

/// RTMGRP_LINK, _NEIGH, _IPV4_IFADDR, _IPV4_ROUTE and _IPV4_RULE of linux/rtnetlink.h.
const GROUPS: u32 = 0x1 | 0x4 | 0x10 | 0x40 | 0x80;
const HEADER_BYTES: usize = 16;
const AF_UNSPEC: u8 = 0;
const AF_INET: u8 = 2;
const TABLE_LOCAL: u8 = 255;
const UNICAST: u8 = 1;
/// Of linux/neighbour.h: the only entries that the model has.
const NUD_PERMANENT: u16 = 0x80;

/// Counts, by the name of the message.
pub(crate) type Heard = BTreeMap<&'static str, usize>;

#[derive(Debug)]
pub(crate) struct Watcher(OwnedFd);

impl Watcher {
    /// In the namespace of this thread.
    pub(crate) fn here() -> Self {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None).unwrap();
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS)).unwrap();
        Self(socket)
    }

    /// What came since the last call.
    pub(crate) fn heard(&self) -> Heard {
        let mut heard = Heard::new();
        let mut buffer = vec![0; 1 << 16];
        while let Ok((length, _)) = recv(&self.0, &mut buffer[..], RecvFlags::empty()) {
            let mut rest = &buffer[..length];
            while rest.len() > HEADER_BYTES {
                let length = u32::from_ne_bytes(rest[..4].try_into().unwrap());
                let length = usize::try_from(length).unwrap();
                let kind = u16::from_ne_bytes(rest[4..6].try_into().unwrap());
                if let Some(name) = name(kind, &rest[HEADER_BYTES..length]) {
                    *heard.entry(name).or_default() += 1;
                }
                rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
        heard
    }
}

fn name(kind: u16, body: &[u8]) -> Option<&'static str> {
    let route = || body[4] != TABLE_LOCAL && body[7] == UNICAST;
    // An entry that something still holds is told once more while it is removed, as one that has failed.
    let permanent = || u16::from_ne_bytes([body[8], body[9]]) & NUD_PERMANENT != 0;
    let (name, family, counts) = match kind {
        17 => ("RTM_DELLINK", AF_UNSPEC, true),
        20 => ("RTM_NEWADDR", AF_INET, true),
        21 => ("RTM_DELADDR", AF_INET, true),
        24 => ("RTM_NEWROUTE", AF_INET, route()),
        25 => ("RTM_DELROUTE", AF_INET, route()),
        28 => ("RTM_NEWNEIGH", AF_INET, permanent()),
        29 => ("RTM_DELNEIGH", AF_INET, true),
        32 => ("RTM_NEWRULE", AF_INET, true),
        33 => ("RTM_DELRULE", AF_INET, true),
        _ => return None,
    };
    (body[0] == family && counts).then_some(name)
}

/// The same of the model.
pub(crate) fn told(events: &Events) -> Heard {
    let mut heard = Heard::new();
    assert_eq!(events.lost, 0);
    for event in &events.events {
        let name = match event {
            Event::LinkGone(_) => "RTM_DELLINK",
            Event::Address(..) => "RTM_NEWADDR",
            Event::AddressGone(..) => "RTM_DELADDR",
            Event::Route(_) => "RTM_NEWROUTE",
            Event::RouteGone(_) => "RTM_DELROUTE",
            Event::Neighbour(_) => "RTM_NEWNEIGH",
            Event::NeighbourGone(_) => "RTM_DELNEIGH",
            Event::Rule(_) => "RTM_NEWRULE",
            Event::RuleGone(_) => "RTM_DELRULE",
        };
        *heard.entry(name).or_default() += 1;
    }
    heard
}
