//! What can be wrong with the pod's side of an attachment, and which of it is: the result of the ADD against what the kernel
//! shows. Pure. Everything that is wrong is told, each with a label of its own.

use std::net::Ipv4Addr;

use crate::netlink::{Link, LinkAddress, Neighbour, Route};
use crate::plan::Mac;

/// The next hop of every pod: an address that exists nowhere, behind a permanent neighbour entry.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The pod has no such interface.
    #[error("{0} is not in the pod's namespace")]
    PodLinkMissing(String),
    /// The host has no such link.
    #[error("{0} is not on the host")]
    HostLinkMissing(String),
    /// The two are not one pair.
    #[error("{ifname} in the pod and {host_veth} on the host are not the two ends of one pair")]
    PairBroken {
        /// The pod's end.
        ifname: String,
        /// The host's end.
        host_veth: String,
    },
    /// The pod's end is down.
    #[error("{0} is down")]
    PodLinkDown(String),
    /// The pod's end has another MTU than it was given, or than the host's end has.
    #[error("{ifname} has MTU {has}, expected {expected}")]
    PodMtu {
        /// The pod's end.
        ifname: String,
        /// Bytes.
        has: u32,
        /// Bytes.
        expected: u32,
    },
    /// The address is gone.
    #[error("{ifname} does not carry {address}")]
    PodAddressMissing {
        /// The pod's end.
        ifname: String,
        /// The pod's address.
        address: Ipv4Addr,
    },
    /// The route to the next hop is gone.
    #[error("the pod has no route to its next hop {GATEWAY}")]
    PodGatewayRouteMissing,
    /// The default route is gone, or leads elsewhere.
    #[error("the pod has no default route via {GATEWAY}")]
    PodDefaultRouteMissing,
    /// Nobody knows the next hop's MAC for good.
    #[error("the pod has no permanent neighbour entry for its next hop {GATEWAY}")]
    PodNeighbourMissing,
    /// Packets would go to another MAC than the host's end has.
    #[error("the pod's neighbour entry for {GATEWAY} has MAC {}, and the host's end {}", mac(.has), mac(.expected))]
    PodNeighbourWrong {
        /// In the pod.
        has: Mac,
        /// On the host.
        expected: Mac,
    },
}

/// What should stand.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// The pod's end.
    pub ifname: &'a str,
    /// The host's end.
    pub host_veth: &'a str,
    /// The pod's address.
    pub address: Ipv4Addr,
    /// MTU of the pod's end, bytes, where it is known; else both ends must agree.
    pub mtu_bytes: Option<u32>,
    /// The default route is ours.
    pub default_route: bool,
}

/// What the kernel shows.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The pod's end, by its name.
    pub inside: Option<Link>,
    /// The host's end, by its name.
    pub outside: Option<Link>,
    /// They are the two ends of one pair.
    pub paired: bool,
    /// Addresses of the pod's end.
    pub addresses: Vec<LinkAddress>,
    /// Routes of the pod.
    pub routes: Vec<Route>,
    /// Neighbours of the pod.
    pub neighbours: Vec<Neighbour>,
}

// === impl Damage ===

impl Damage {
    /// One word for it.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::PodLinkMissing(_) => "PodLinkMissing",
            Self::HostLinkMissing(_) => "HostLinkMissing",
            Self::PairBroken { .. } => "PairBroken",
            Self::PodLinkDown(_) => "PodLinkDown",
            Self::PodMtu { .. } => "PodMtu",
            Self::PodAddressMissing { .. } => "PodAddressMissing",
            Self::PodGatewayRouteMissing => "PodGatewayRouteMissing",
            Self::PodDefaultRouteMissing => "PodDefaultRouteMissing",
            Self::PodNeighbourMissing => "PodNeighbourMissing",
            Self::PodNeighbourWrong { .. } => "PodNeighbourWrong",
        }
    }
}

/// All that is wrong. Without its interface a pod has nothing else that could be looked at.
#[must_use]
pub fn judge(expected: Expected<'_>, seen: &Seen) -> Vec<Damage> {
    let (ifname, host_veth) = (expected.ifname.to_owned(), expected.host_veth.to_owned());
    let mut found = Vec::new();
    if seen.outside.is_none() {
        found.push(Damage::HostLinkMissing(host_veth.clone()));
    }
    let Some(inside) = &seen.inside else {
        found.insert(0, Damage::PodLinkMissing(ifname));
        return found;
    };
    if seen.outside.is_some() && !seen.paired {
        found.push(Damage::PairBroken { ifname: ifname.clone(), host_veth });
    }
    if !inside.up {
        found.push(Damage::PodLinkDown(ifname.clone()));
    }
    let outside = seen.outside.as_ref().filter(|_| seen.paired);
    let mtu = expected.mtu_bytes.or(outside.map(|outside| outside.mtu_bytes));
    if let Some(expected) = mtu.filter(|mtu| *mtu != inside.mtu_bytes) {
        found.push(Damage::PodMtu { ifname: ifname.clone(), has: inside.mtu_bytes, expected });
    }
    if !seen.addresses.iter().any(|on| on.address == expected.address) {
        found.push(Damage::PodAddressMissing { ifname, address: expected.address });
    }
    found.extend(judge_routes(expected, inside.index, &seen.routes));
    found.extend(judge_next_hop(inside.index, outside, &seen.neighbours));
    found
}

fn judge_routes(expected: Expected<'_>, index: u32, routes: &[Route]) -> Vec<Damage> {
    let to_next_hop = Route { to: GATEWAY, prefix_bits: 32, via: None, index };
    let default = Route { to: Ipv4Addr::UNSPECIFIED, prefix_bits: 0, via: Some(GATEWAY), index };
    let mut found = Vec::new();
    if !routes.contains(&to_next_hop) {
        found.push(Damage::PodGatewayRouteMissing);
    }
    if expected.default_route && !routes.contains(&default) {
        found.push(Damage::PodDefaultRouteMissing);
    }
    found
}

fn judge_next_hop(index: u32, outside: Option<&Link>, neighbours: &[Neighbour]) -> Option<Damage> {
    let entry = neighbours.iter().find(|of| of.index == index && of.address == GATEWAY && of.permanent);
    let Some(has) = entry.and_then(|entry| entry.mac) else {
        return Some(Damage::PodNeighbourMissing);
    };
    let expected = outside?.mac;
    (has != expected).then_some(Damage::PodNeighbourWrong { has, expected })
}

fn mac(mac: &Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);
    const HOST_MAC: Mac = [2, 0, 0, 0, 0, 1];

    fn expected() -> Expected<'static> {
        Expected {
            ifname: "eth0",
            host_veth: "enicc21c2d7785",
            address: ADDRESS,
            mtu_bytes: None,
            default_route: true,
        }
    }

    fn whole() -> Seen {
        let end = |name: &str, index, mac| Link {
            index,
            name: name.to_owned(),
            mac,
            mtu_bytes: 9001,
            up: true,
            veth: true,
            ..Link::default()
        };
        let default = Ipv4Addr::UNSPECIFIED;
        Seen {
            inside: Some(end("eth0", 2, [2, 0, 0, 0, 0, 2])),
            outside: Some(end("enicc21c2d7785", 9, HOST_MAC)),
            paired: true,
            addresses: vec![LinkAddress { address: ADDRESS, prefix_bits: 32 }],
            routes: vec![
                Route { to: GATEWAY, prefix_bits: 32, via: None, index: 2 },
                Route { to: default, prefix_bits: 0, via: Some(GATEWAY), index: 2 },
            ],
            neighbours: vec![Neighbour { index: 2, address: GATEWAY, mac: Some(HOST_MAC), permanent: true }],
        }
    }

    fn labels(expected: Expected<'_>, spoil: impl FnOnce(&mut Seen)) -> Vec<&'static str> {
        let mut seen = whole();
        spoil(&mut seen);
        judge(expected, &seen).iter().map(Damage::label).collect()
    }

    #[test]
    fn a_pod_as_its_add_left_it_is_whole_and_what_others_added_is_theirs() {
        assert_eq!(labels(expected(), |_| {}), [""; 0]);
        let with_more = |seen: &mut Seen| {
            seen.addresses.push(LinkAddress { address: Ipv4Addr::new(10, 9, 9, 9), prefix_bits: 24 });
            let there = Ipv4Addr::new(10, 9, 0, 0);
            seen.routes.push(Route { to: there, prefix_bits: 16, via: None, index: 3 });
        };
        assert_eq!(labels(expected(), with_more), [""; 0]);
        let theirs = Expected { default_route: false, ..expected() };
        assert_eq!(labels(theirs, |seen| seen.routes.truncate(1)), [""; 0]);
    }

    #[test]
    fn each_damage_is_named_alone() {
        type Spoil = fn(&mut Seen);
        let table: [(&str, Spoil); 10] = [
            ("PodLinkMissing", |seen| seen.inside = None),
            ("HostLinkMissing", |seen| seen.outside = None),
            ("PairBroken", |seen| seen.paired = false),
            ("PodLinkDown", |seen| seen.inside.as_mut().unwrap().up = false),
            ("PodMtu", |seen| seen.inside.as_mut().unwrap().mtu_bytes = 1500),
            ("PodAddressMissing", |seen| seen.addresses.clear()),
            ("PodGatewayRouteMissing", |seen| seen.routes[0].index = 3),
            ("PodDefaultRouteMissing", |seen| seen.routes[1].via = Some(ADDRESS)),
            ("PodNeighbourMissing", |seen| seen.neighbours[0].permanent = false),
            ("PodNeighbourWrong", |seen| seen.outside.as_mut().unwrap().mac = [2; 6]),
        ];
        for (label, spoil) in table {
            assert_eq!(labels(expected(), spoil), [label]);
        }
    }

    #[test]
    fn an_mtu_that_the_result_names_is_held_against_it_and_not_against_the_other_end() {
        let named = Expected { mtu_bytes: Some(1500), ..expected() };
        assert_eq!(labels(named, |_| {}), ["PodMtu"]);
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let emptied = |seen: &mut Seen| {
            seen.routes.clear();
            seen.neighbours.clear();
        };
        assert_eq!(
            labels(expected(), emptied),
            ["PodGatewayRouteMissing", "PodDefaultRouteMissing", "PodNeighbourMissing"]
        );
    }
}
