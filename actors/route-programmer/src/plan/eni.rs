//! An ENI's own side: link up, its address, its table's two routes, its rule. The primary ENI is the node's: only its MTU is
//! ours. rp_filter is left as it is.

use contract::model::{Eni, RulePriority, TableId};
use contract::ports::host::{HostChange, Link, Route, Rule};
use std::net::Ipv4Addr;

use super::seen::Seen;

/// The changes that make the ENI's own side stand; empty when it does.
pub(super) fn own_side(eni: &Eni, link: &Link, seen: &Seen<'_>) -> Vec<HostChange> {
    if eni.is_primary() {
        return Vec::new();
    }
    let ifindex = link.ifindex;
    let prefix_length = eni.subnet_cidr.prefix_len();
    let mut changes = Vec::new();
    if !link.up {
        changes.push(HostChange::LinkUp { ifindex });
    }
    if !link.addresses.contains(&(eni.primary_address, prefix_length)) {
        changes.push(HostChange::AddAddress { ifindex, address: eni.primary_address, prefix_length });
    }
    // The kernel makes this route whenever the address is added or the link comes up. In main it would send the node's own
    // traffic for that subnet out of the wrong ENI.
    let connected =
        Route { table: TableId::MAIN, to: eni.subnet_cidr.network(), prefix_length, via: None, ifindex };
    if !changes.is_empty() || seen.has_route(&connected) {
        changes.push(HostChange::RemoveRoute(connected));
    }
    let gateway = eni.gateway();
    let table = eni.table();
    let to_gateway = Route { table, to: gateway, prefix_length: 32, via: None, ifindex };
    let default = Route { table, to: Ipv4Addr::UNSPECIFIED, prefix_length: 0, via: Some(gateway), ifindex };
    for route in [to_gateway, default] {
        // A link that was down has lost its routes, whatever an older reading says.
        if !link.up || !seen.has_route(&route) {
            changes.push(HostChange::PutRoute(route));
        }
    }
    let from_eni = from_eni(eni);
    if !seen.has_rule(&from_eni) {
        changes.push(HostChange::AddRule(from_eni));
    }
    changes
}

/// What is sent from a secondary ENI's own address leaves by that ENI.
pub(crate) fn from_eni(eni: &Eni) -> Rule {
    Rule {
        priority: RulePriority::FROM_ENI,
        from: Some(eni.primary_address),
        to: None,
        mark: None,
        table: eni.table(),
    }
}

/// The MTU comes last and by itself: a driver that refuses it must not keep the ENI from standing.
pub(super) fn mtu(link: &Link, mtu_bytes: u32) -> Option<HostChange> {
    (link.mtu_bytes != mtu_bytes).then_some(HostChange::SetMtu { ifindex: link.ifindex, mtu_bytes })
}
