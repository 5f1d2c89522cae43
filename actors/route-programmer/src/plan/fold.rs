//! What a snapshot looks like after a change that was made. It keeps the held snapshot near the truth between two readings.

use contract::ports::host::{HostChange, HostSnapshot, Link};

/// Folds a change that was made into the snapshot. Doing it twice is doing it once.
pub(crate) fn fold(host: &mut HostSnapshot, change: &HostChange) {
    match change {
        HostChange::SetMtu { ifindex, mtu_bytes } => {
            with(host, *ifindex, |link| link.mtu_bytes = *mtu_bytes);
        }
        HostChange::LinkUp { ifindex } => with(host, *ifindex, |link| link.up = true),
        HostChange::AddAddress { ifindex, address, prefix_length } => with(host, *ifindex, |link| {
            if !link.addresses.contains(&(*address, *prefix_length)) {
                link.addresses.push((*address, *prefix_length));
            }
        }),
        HostChange::PutRoute(new) => {
            host.routes.retain(|old| {
                (old.table, old.to, old.prefix_length) != (new.table, new.to, new.prefix_length)
            });
            host.routes.push(*new);
        }
        HostChange::RemoveRoute(route) => host.routes.retain(|old| old != route),
        HostChange::AddRule(rule) => {
            if !host.rules.contains(rule) {
                host.rules.push(*rule);
            }
        }
        HostChange::RemoveRule(rule) => host.rules.retain(|old| old != rule),
        HostChange::SetRpFilter { ifindex, value } => {
            with(host, *ifindex, |link| link.rp_filter = Some(*value));
        }
    }
}

/// Takes a link that was read by itself into the snapshot. What is behind it is not known.
pub(crate) fn meet(host: &mut HostSnapshot, link: &Link) {
    host.links.retain(|old| old.ifindex != link.ifindex);
    host.links.push(link.clone());
}

fn with(host: &mut HostSnapshot, ifindex: u32, change: impl FnOnce(&mut Link)) {
    if let Some(link) = host.links.iter_mut().find(|link| link.ifindex == ifindex) {
        change(link);
    }
}
