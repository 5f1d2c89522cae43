//! What a snapshot looks like after a change that was made, or that the kernel told of. It keeps the held snapshot near the truth
//! between two readings. Doing it twice is doing it once, and what it makes of news that are out of date a reading corrects.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use contract::ports::host::{HostChange, HostEvent, HostSnapshot, Link, Route};

/// What an event is to the snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    /// It was so already.
    None,
    /// Something came.
    More,
    /// Something is gone, or is not what it was.
    Less,
}

/// Folds a change that was made into the snapshot.
pub(crate) fn fold(host: &mut HostSnapshot, change: &HostChange) {
    match change {
        HostChange::SetMtu { ifindex, mtu_bytes } => {
            with(host, *ifindex, |link| link.mtu_bytes = *mtu_bytes);
        }
        HostChange::LinkUp { ifindex } => with(host, *ifindex, |link| link.up = true),
        HostChange::AddAddress { ifindex, address, prefix_length } => with(host, *ifindex, |link| {
            add(&mut link.addresses, (*address, *prefix_length));
        }),
        HostChange::PutRoute(route) => {
            host.routes.retain(|old| leads(old) != leads(route));
            host.routes.push(*route);
        }
        HostChange::RemoveRoute(route) => host.routes.retain(|old| old != route),
        HostChange::AddRule(rule) => drop(add(&mut host.rules, *rule)),
        HostChange::RemoveRule(rule) => host.rules.retain(|old| old != rule),
        HostChange::SetRpFilter { ifindex, value } => {
            with(host, *ifindex, |link| link.rp_filter = Some(*value));
        }
    }
}

/// Folds what the kernel told into the snapshot.
pub(crate) fn hear(host: &mut HostSnapshot, event: &HostEvent) -> Difference {
    match event {
        HostEvent::Link(link) => meet(host, link),
        HostEvent::LinkGone(ifindex) => {
            let link = lose(&mut host.links, |link| link.ifindex == *ifindex);
            link.or(forget_routes(host, *ifindex))
        }
        HostEvent::Address { ifindex, address, prefix_length } => {
            let on = |link: &mut Link| add(&mut link.addresses, (*address, *prefix_length));
            host.links.iter_mut().find(|link| link.ifindex == *ifindex).map_or(Difference::None, on)
        }
        HostEvent::AddressGone { ifindex, address, prefix_length } => {
            address_gone(host, *ifindex, (*address, *prefix_length))
        }
        HostEvent::Route(route) => add(&mut host.routes, *route),
        HostEvent::RouteGone(route) => lose(&mut host.routes, |old| old == route),
        HostEvent::RoutesReplaced { table, to, prefix_length } => {
            lose(&mut host.routes, |old| leads(old) == (table.0, *to, *prefix_length))
        }
        HostEvent::Rule(rule) => add(&mut host.rules, *rule),
        HostEvent::RuleGone(rule) => lose(&mut host.rules, |old| old == rule),
        HostEvent::RpFilter { ifindex, value } => {
            let link = host.links.iter_mut().find(|link| link.ifindex == *ifindex);
            match link.filter(|link| link.rp_filter != Some(*value)) {
                Some(link) => {
                    link.rp_filter = Some(*value);
                    Difference::Less
                }
                None => Difference::None,
            }
        }
        HostEvent::NftTable | HostEvent::Lost => Difference::None,
    }
}

/// Takes a link that was told of, or read by itself, into the snapshot. What else is known of it stays: its addresses, and those
/// behind it.
pub(crate) fn meet(host: &mut HostSnapshot, link: &Link) -> Difference {
    let mut met = link.clone();
    let old = host.links.iter().position(|old| old.ifindex == link.ifindex);
    let old = old.map(|position| host.links.swap_remove(position));
    if let Some(old) = &old {
        met.addresses.clone_from(&old.addresses);
        met.rp_filter = link.rp_filter.or(old.rp_filter);
        if link.veth_to_elsewhere {
            met.behind.clone_from(&old.behind);
        }
    }
    let difference = match &old {
        Some(old) if *old == met => Difference::None,
        Some(_) => Difference::Less,
        None => Difference::More,
    };
    // A link that is taken down loses its routes, and nobody is told.
    if !met.up {
        forget_routes(host, met.ifindex);
    }
    host.links.push(met);
    difference
}

/// What was known to be behind the links stays known in a reading that did not ask for it.
pub(crate) fn keep_behind(host: &mut HostSnapshot, before: &HostSnapshot) {
    let known: BTreeMap<u32, &Link> = before.links.iter().map(|link| (link.ifindex, link)).collect();
    for link in host.links.iter_mut().filter(|link| link.veth_to_elsewhere) {
        link.behind = known.get(&link.ifindex).and_then(|old| old.behind.clone());
    }
}

/// An address came or went with its pod: what is behind a link that had it, and behind the pod's own, is not known any more.
pub(crate) fn forget_behind(host: &mut HostSnapshot, address: Ipv4Addr, own: Option<u32>) {
    for link in &mut host.links {
        let had_it = link.behind.as_ref().is_some_and(|behind| behind.contains(&address));
        if had_it || own == Some(link.ifindex) {
            link.behind = None;
        }
    }
}

/// With its last address a link loses its routes, and nobody is told.
fn address_gone(host: &mut HostSnapshot, ifindex: u32, gone: (Ipv4Addr, u8)) -> Difference {
    let Some(link) = host.links.iter_mut().find(|link| link.ifindex == ifindex) else {
        return forget_routes(host, ifindex);
    };
    let difference = lose(&mut link.addresses, |address| *address == gone);
    if link.addresses.is_empty() { difference.or(forget_routes(host, ifindex)) } else { difference }
}

fn forget_routes(host: &mut HostSnapshot, ifindex: u32) -> Difference {
    lose(&mut host.routes, |route| route.ifindex == ifindex)
}

impl Difference {
    fn or(self, other: Self) -> Self {
        if self == Self::None { other } else { self }
    }
}

fn with(host: &mut HostSnapshot, ifindex: u32, change: impl FnOnce(&mut Link)) {
    if let Some(link) = host.links.iter_mut().find(|link| link.ifindex == ifindex) {
        change(link);
    }
}

/// Of which routes one replaces another.
fn leads(route: &Route) -> (u32, Ipv4Addr, u8) {
    (route.table.0, route.to, route.prefix_length)
}

fn add<T: PartialEq>(all: &mut Vec<T>, new: T) -> Difference {
    if all.contains(&new) {
        return Difference::None;
    }
    all.push(new);
    Difference::More
}

fn lose<T>(all: &mut Vec<T>, is_gone: impl Fn(&T) -> bool) -> Difference {
    let before = all.len();
    all.retain(|one| !is_gone(one));
    if all.len() == before { Difference::None } else { Difference::Less }
}
