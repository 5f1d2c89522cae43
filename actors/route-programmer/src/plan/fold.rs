//! What a snapshot looks like after a change that was made, or that the kernel told of. It keeps the held snapshot near the truth
//! between two readings. Doing it twice is doing it once, and what it makes of news that are out of date a reading corrects.

use std::collections::BTreeMap;

use contract::ports::host::{HostChange, HostEvent, HostSnapshot, Link, Route};

/// Something that happened to the host since a reading of it began.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// We did it.
    Made(HostChange),
    /// The kernel told of it.
    Heard(HostEvent),
}

/// Folds it into the snapshot; whether that makes a difference.
pub(crate) fn fold(host: &mut HostSnapshot, news: &News) -> bool {
    match news {
        News::Made(change) => made(host, change),
        News::Heard(event) => heard(host, event),
    }
}

fn made(host: &mut HostSnapshot, change: &HostChange) -> bool {
    match change {
        HostChange::SetMtu { ifindex, mtu_bytes } => {
            with(host, *ifindex, |link| replace(&mut link.mtu_bytes, *mtu_bytes))
        }
        HostChange::LinkUp { ifindex } => with(host, *ifindex, |link| replace(&mut link.up, true)),
        HostChange::AddAddress { ifindex, address, prefix_length } => {
            with(host, *ifindex, |link| add(&mut link.addresses, (*address, *prefix_length)))
        }
        HostChange::PutRoute(route) => put(&mut host.routes, route),
        HostChange::RemoveRoute(route) => remove(&mut host.routes, route),
        HostChange::AddRule(rule) => add(&mut host.rules, *rule),
        HostChange::RemoveRule(rule) => remove(&mut host.rules, rule),
        HostChange::SetRpFilter { ifindex, value } => {
            with(host, *ifindex, |link| replace(&mut link.rp_filter, Some(*value)))
        }
    }
}

fn heard(host: &mut HostSnapshot, event: &HostEvent) -> bool {
    match event {
        HostEvent::Link(link) => meet(host, link),
        HostEvent::LinkGone(ifindex) => {
            let before = host.links.len();
            host.links.retain(|link| link.ifindex != *ifindex);
            forget_routes(host, *ifindex) || host.links.len() != before
        }
        HostEvent::Address { ifindex, address, prefix_length } => {
            with(host, *ifindex, |link| add(&mut link.addresses, (*address, *prefix_length)))
        }
        HostEvent::AddressGone { ifindex, address, prefix_length } => {
            with(host, *ifindex, |link| remove(&mut link.addresses, &(*address, *prefix_length)))
        }
        HostEvent::Route(route) => put(&mut host.routes, route),
        HostEvent::RouteGone(route) => remove(&mut host.routes, route),
        HostEvent::Rule(rule) => add(&mut host.rules, *rule),
        HostEvent::RuleGone(rule) => remove(&mut host.rules, rule),
        HostEvent::RpFilter { ifindex, value } => {
            with(host, *ifindex, |link| replace(&mut link.rp_filter, Some(*value)))
        }
        HostEvent::NftTable | HostEvent::Lost => false,
    }
}

/// Takes a link that was told of, or read by itself, into the snapshot; whether that makes a difference. What else is known of it
/// stays: its addresses, and those behind it.
pub(crate) fn meet(host: &mut HostSnapshot, link: &Link) -> bool {
    let mut met = link.clone();
    let old = host.links.iter().position(|old| old.ifindex == link.ifindex);
    if let Some(old) = old.map(|position| host.links.swap_remove(position)) {
        met.addresses.clone_from(&old.addresses);
        met.rp_filter = link.rp_filter.or(old.rp_filter);
        if link.veth_to_elsewhere && link.mac == old.mac {
            met.behind.clone_from(&old.behind);
        }
        if met == old {
            host.links.push(old);
            return false;
        }
    }
    // A link that is taken down loses its routes, and nobody is told.
    if !met.up {
        forget_routes(host, met.ifindex);
    }
    host.links.push(met);
    true
}

/// What was known to be behind the links stays known in a reading that did not ask for it.
pub(crate) fn keep_behind(host: &mut HostSnapshot, before: &HostSnapshot) {
    let known: BTreeMap<u32, &Link> = before.links.iter().map(|link| (link.ifindex, link)).collect();
    for link in host.links.iter_mut().filter(|link| link.veth_to_elsewhere) {
        let same = known.get(&link.ifindex).filter(|old| old.mac == link.mac);
        link.behind = same.and_then(|old| old.behind.clone());
    }
}

fn forget_routes(host: &mut HostSnapshot, ifindex: u32) -> bool {
    let before = host.routes.len();
    host.routes.retain(|route| route.ifindex != ifindex);
    host.routes.len() != before
}

fn with(host: &mut HostSnapshot, ifindex: u32, change: impl FnOnce(&mut Link) -> bool) -> bool {
    host.links.iter_mut().find(|link| link.ifindex == ifindex).is_some_and(change)
}

fn replace<T: PartialEq>(old: &mut T, new: T) -> bool {
    let differs = *old != new;
    *old = new;
    differs
}

fn put(routes: &mut Vec<Route>, new: &Route) -> bool {
    if routes.contains(new) {
        return false;
    }
    routes.retain(|old| (old.table, old.to, old.prefix_length) != (new.table, new.to, new.prefix_length));
    routes.push(*new);
    true
}

fn add<T: PartialEq>(all: &mut Vec<T>, new: T) -> bool {
    let is_new = !all.contains(&new);
    if is_new {
        all.push(new);
    }
    is_new
}

fn remove<T: PartialEq>(all: &mut Vec<T>, gone: &T) -> bool {
    let before = all.len();
    all.retain(|one| one != gone);
    all.len() != before
}
