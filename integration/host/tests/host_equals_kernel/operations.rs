//! What is done to both, at random: every change of the port, and what makes and unmakes links, pods and settings.

use std::net::Ipv4Addr;

use contract::model::{Fwmark, Mac, POD_GATEWAY, RulePriority, TableId, WiringOperation, WiringPlan};
use contract::ports::host::{HostChange, Route, RouteQuestion, Rule};
use host::{Neighbour, Setting, Whose};
use ipnet::Ipv4Net;
use proptest::prelude::*;
use proptest::sample::select;

/// Namespaces beside the host's.
pub(crate) const PODS: usize = 2;
const LINKS: std::ops::RangeInclusive<u32> = 1..=4;
/// Names of links; the first two are pods' ends, the others hosts'.
const NAMES: [&str; 4] = ["eth0", "eth1", "eni1", "eni2"];

/// A place: 0 is the host's namespace, the others are pods'.
pub(crate) type Place = usize;

#[derive(Debug, Clone)]
pub(crate) enum Operation {
    Open(Place),
    Close(Place),
    /// A veth pair, by name and place of each end, and MTU.
    Pair([(Place, &'static str); 2], u32),
    /// A plan in a pod's namespace, by the names of both ends.
    Wire(Place, [&'static str; 2], WiringPlan),
    Strip(Place, &'static str),
    Change(Place, HostChange),
    /// One of the routes that are there, or of the rules, goes: by chance alone few would.
    RemoveOne(Place, bool, usize),
    Down(Place, u32),
    RemoveAddress(Place, u32, Ipv4Addr, u8),
    DeleteLink(Place, u32),
    SetMac(Place, u32, Mac),
    PutNeighbour(Place, Neighbour),
    RemoveNeighbour(Place, u32, Ipv4Addr),
    Set(Place, Whose, Setting, u32),
}

fn place() -> impl Strategy<Value = Place> {
    prop_oneof![3 => Just(0), 2 => 1..=PODS]
}

fn some_address() -> impl Strategy<Value = (Ipv4Addr, u8)> {
    (1..3_u8, 1..4_u8, prop_oneof![Just(24_u8), Just(32)])
        .prop_map(|(net, last, prefix_length)| (Ipv4Addr::new(10, net, 0, last), prefix_length))
}

fn some_mac() -> impl Strategy<Value = Mac> {
    // One in four can be no link's.
    (prop_oneof![3 => Just(2_u8), 1 => Just(3)], 1..4_u8)
        .prop_map(|(first, last)| Mac([first, 0, 0, 9, 0, last]))
}

fn some_route() -> impl Strategy<Value = Route> {
    let table = prop_oneof![Just(254_u32), Just(7), Just(70_000)];
    let to = select(vec![
        (Ipv4Addr::UNSPECIFIED, 0_u8),
        (Ipv4Addr::new(10, 1, 0, 2), 32),
        (Ipv4Addr::new(10, 3, 0, 1), 32),
        (Ipv4Addr::new(10, 3, 0, 0), 24),
        (Ipv4Addr::new(10, 3, 0, 1), 24),
    ]);
    let via = prop_oneof![
        2 => Just(None),
        2 => Just(Some(Ipv4Addr::new(169, 254, 1, 1))),
        1 => some_address().prop_map(|(address, _)| Some(address)),
    ];
    (table, to, via, LINKS).prop_map(|(table, (to, prefix_length), via, ifindex)| Route {
        table: TableId(table),
        to,
        prefix_length,
        via,
        ifindex,
    })
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let address = || prop::option::of(some_address().prop_map(|(address, _)| address));
    let mark = prop::option::of(prop_oneof![Just(0_u32), Just(0x80), Just(0x100)]);
    let table = prop_oneof![Just(254_u32), Just(7), Just(70_000)];
    // The last two are none that the kernel has.
    let to = prop::option::of((some_address(), select(vec![32_u8, 32, 24, 9, 0])).prop_map(
        |((address, _), length)| {
            let network = Ipv4Net::new(address, length).unwrap();
            if length == 9 { network } else { network.trunc() }
        },
    ));
    (512..514_u32, address(), to, mark, table).prop_map(|(priority, from, to, mark, table)| Rule {
        priority: RulePriority(priority),
        from,
        to,
        mark: mark.map(Fwmark),
        table: TableId(table),
    })
}

fn some_change() -> impl Strategy<Value = HostChange> {
    let mtu_bytes = prop_oneof![4 => 1280..1500_u32, 1 => Just(70_000)];
    prop_oneof![
        1 => (LINKS, mtu_bytes).prop_map(|(ifindex, mtu_bytes)| HostChange::SetMtu { ifindex, mtu_bytes }),
        1 => (LINKS, 0..3_u32).prop_map(|(ifindex, value)| HostChange::SetRpFilter { ifindex, value }),
        4 => LINKS.prop_map(|ifindex| HostChange::LinkUp { ifindex }),
        4 => (LINKS, some_address()).prop_map(|(ifindex, (address, prefix_length))| HostChange::AddAddress {
            ifindex,
            address,
            prefix_length,
        }),
        5 => some_route().prop_map(HostChange::PutRoute),
        2 => some_route().prop_map(HostChange::RemoveRoute),
        2 => some_rule().prop_map(HostChange::AddRule),
        2 => some_rule().prop_map(HostChange::RemoveRule),
    ]
}

/// The daemon's plan, at times with an operation left out, doubled, or out of its order.
pub(crate) fn some_plan() -> impl Strategy<Value = WiringPlan> {
    let spoil = prop_oneof![
        6 => Just(None),
        1 => (0..6_usize, 0..7_usize).prop_map(Some),
    ];
    let first = prop_oneof![6 => Just(2_u8), 1 => 0..4_u8];
    let mtu_bytes = prop_oneof![6 => 1280..1500_u32, 1 => Just(575_u32), 1 => Just(9002)];
    (1..4_u8, first, mtu_bytes, some_address(), spoil).prop_map(
        |(last, first, mtu_bytes, (address, _), spoil)| {
            let host_mac = Mac([first, 1, 2, 3, 4, last]);
            let mut operations = vec![
                WiringOperation::Veth { host_mac, mtu_bytes },
                WiringOperation::QuietHostVeth,
                WiringOperation::LinkRoute { to: POD_GATEWAY },
                WiringOperation::DefaultRoute { via: POD_GATEWAY },
                WiringOperation::Address { address },
                WiringOperation::Neighbour { address: POD_GATEWAY, mac: host_mac },
            ];
            if let Some((from, to)) = spoil {
                let moved = operations.remove(from);
                if to < operations.len() {
                    operations.insert(to, moved);
                } else if from % 2 == 0 {
                    operations.extend([moved.clone(), moved]);
                }
            }
            WiringPlan { operations }
        },
    )
}

fn some_setting() -> impl Strategy<Value = (Whose, Setting, u32)> {
    let whose =
        prop_oneof![2 => Just(Whose::All), 1 => Just(Whose::Default), 4 => LINKS.prop_map(Whose::Link)];
    let of_ipv4 = prop_oneof![
        (Just(Setting::RpFilter), 0..3_u32),
        (Just(Setting::Forwarding), 0..2_u32),
        (Just(Setting::SourceValidMark), 0..2_u32),
    ];
    let of_ipv6 = prop_oneof![
        (Just(Setting::AcceptRa), 0..3_u32),
        (Just(Setting::AcceptRedirects), 0..2_u32),
        (Just(Setting::ForwardingV6), 0..2_u32),
    ];
    prop_oneof![
        4 => (whose, of_ipv4).prop_map(|(whose, (setting, value))| (whose, setting, value)),
        1 => (LINKS, of_ipv6).prop_map(|(ifindex, (setting, value))| (Whose::Link(ifindex), setting, value)),
    ]
}

fn some_neighbour() -> impl Strategy<Value = Neighbour> {
    let address = prop_oneof![1 => Just(POD_GATEWAY), 1 => some_address().prop_map(|(address, _)| address)];
    // Not on `lo`, which is not modelled.
    (2..=*LINKS.end(), address, 1..3_u8).prop_map(|(ifindex, address, last)| Neighbour {
        ifindex,
        address,
        mac: Mac([2, 0, 0, 7, 0, last]),
    })
}

pub(crate) fn some_operation() -> impl Strategy<Value = Operation> {
    let pod = || 1..=PODS;
    let ends = (place(), select(&NAMES[..]), place(), select(&NAMES[..]));
    let mtu_bytes = prop_oneof![9 => Just(1400_u32), 1 => Just(67), 1 => Just(65_536)];
    prop_oneof![
        3 => pod().prop_map(Operation::Open),
        1 => pod().prop_map(Operation::Close),
        4 => (ends, mtu_bytes)
            .prop_map(|((a, one, b, other), mtu_bytes)| Operation::Pair([(a, one), (b, other)], mtu_bytes)),
        5 => (pod(), select(&NAMES[..2]), select(&NAMES[1..]), some_plan())
            .prop_map(|(pod, inside, outside, plan)| Operation::Wire(pod, [inside, outside], plan)),
        1 => (pod(), select(&NAMES[..2])).prop_map(|(pod, inside)| Operation::Strip(pod, inside)),
        24 => (place(), some_change()).prop_map(|(place, change)| Operation::Change(place, change)),
        2 => (place(), any::<bool>(), 0..8_usize)
            .prop_map(|(place, route, index)| Operation::RemoveOne(place, route, index)),
        1 => (place(), LINKS).prop_map(|(place, ifindex)| Operation::Down(place, ifindex)),
        2 => (place(), LINKS, some_address())
            .prop_map(|(place, ifindex, (address, length))| Operation::RemoveAddress(place, ifindex, address, length)),
        1 => (place(), LINKS).prop_map(|(place, ifindex)| Operation::DeleteLink(place, ifindex)),
        1 => (place(), LINKS, some_mac()).prop_map(|(place, ifindex, mac)| Operation::SetMac(place, ifindex, mac)),
        3 => (place(), some_neighbour()).prop_map(|(place, neighbour)| Operation::PutNeighbour(place, neighbour)),
        1 => (place(), some_neighbour())
            .prop_map(|(place, known)| Operation::RemoveNeighbour(place, known.ifindex, known.address)),
        4 => (place(), some_setting())
            .prop_map(|(place, (whose, setting, value))| Operation::Set(place, whose, setting, value)),
    ]
}

/// A node with two links, a default route by each, and a mark that decides: so that what comes in is judged by more than the
/// routes that chance makes.
pub(crate) fn node() -> Vec<Operation> {
    let route = |table, ifindex| {
        let via = Some(POD_GATEWAY);
        let to = Ipv4Addr::UNSPECIFIED;
        HostChange::PutRoute(Route { table: TableId(table), to, prefix_length: 0, via, ifindex })
    };
    let address = |ifindex, address: [u8; 4]| HostChange::AddAddress {
        ifindex,
        address: address.into(),
        prefix_length: 24,
    };
    let marked = Rule {
        priority: RulePriority(512),
        from: None,
        to: None,
        mark: Some(Fwmark(0x80)),
        table: TableId(7),
    };
    let changes = [
        HostChange::LinkUp { ifindex: 2 },
        HostChange::LinkUp { ifindex: 3 },
        address(2, [10, 1, 0, 1]),
        address(3, [10, 2, 0, 2]),
        route(254, 2),
        route(7, 3),
        HostChange::AddRule(marked),
        HostChange::SetRpFilter { ifindex: 3, value: 1 },
    ];
    let mut node = vec![Operation::Open(1), Operation::Open(2)];
    node.extend([1, 2].map(|pod| Operation::Pair([(0, ["eni1", "eni2"][pod - 1]), (pod, "eth0")], 1400)));
    node.extend(changes.map(|change| Operation::Change(0, change)));
    node.push(Operation::Set(0, Whose::All, Setting::Forwarding, 1));
    node
}

/// Every question that is asked, of packets made here and of packets that came in.
pub(crate) fn questions() -> Vec<RouteQuestion> {
    let to = [
        [10, 1, 0, 1],
        [10, 1, 0, 2],
        [10, 2, 0, 3],
        [10, 2, 0, 255],
        [10, 3, 0, 1],
        [10, 3, 0, 9],
        [8, 8, 8, 8],
    ];
    let from = [None, Some([10, 1, 0, 1]), Some([10, 2, 0, 2]), Some([10, 3, 0, 1])];
    let mark = [None, Some(0x80), Some(0x180)];
    let in_by = [None, Some(1), Some(2), Some(3)];
    let mut all = Vec::new();
    for to in to {
        for from in from {
            for in_by in in_by {
                all.extend(mark.map(|mark| RouteQuestion {
                    to: to.into(),
                    from: from.map(Into::into),
                    in_by,
                    mark: mark.map(Fwmark),
                }));
            }
        }
    }
    all
}
