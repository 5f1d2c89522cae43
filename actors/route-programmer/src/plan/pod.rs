//! A pod's host side: the route to it, the rule to it, the rule from it; for a new pod, for repair, and for taking it down.

use std::net::Ipv4Addr;

use contract::causes::Cause;
use contract::model::{HostSide, PodWiring, RulePriority, TableId};
use contract::ports::host::{HostChange, HostSnapshot, Link, Route, Rule};

use super::DesiredPod;
use super::seen::{PodRule, Seen, is_pod_route, pod_rule};

/// What to do for a pod that is to be wired.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum WireStep {
    /// Make these changes; none if all stands.
    Change(Vec<HostChange>),
    /// The link was not among those that could be read: read again.
    ReadAgain(Cause),
    /// It cannot be done.
    Refuse(Cause),
}

fn refusal(step: &str, detail: String) -> Cause {
    Cause::HostWiring { step: step.to_owned(), detail }
}

/// The changes for a pod whose inside stands. The link is the one the shim found, and it has to be what it should be. `just_read`
/// is that link as it was read by itself, after the others.
pub(crate) fn wire(
    wiring: &PodWiring,
    side: &HostSide,
    just_read: Option<&Link>,
    host: &HostSnapshot,
) -> WireStep {
    let seen = Seen::of(host);
    if let Some(link) = seen.carrier(wiring.address) {
        let detail = format!("{} is the host's own, on {}", wiring.address, link.name);
        return WireStep::Refuse(refusal("check the pod's address", detail));
    }
    let Some(link) = just_read.or_else(|| seen.link(side.ifindex)) else {
        let cause = refusal("find the host link", format!("no link has index {}", side.ifindex));
        return if host.complete { WireStep::Refuse(cause) } else { WireStep::ReadAgain(cause) };
    };
    if let Some(detail) = stranger(wiring, side, link) {
        return WireStep::Refuse(refusal("check the host link", detail));
    }
    let pod = Place { address: wiring.address, table: Some(wiring.table), certain: true, link };
    let mut changes = stand(&pod, &seen, just_read.is_some());
    if link.mtu_bytes != wiring.mtu_bytes {
        changes.push(HostChange::SetMtu { ifindex: link.ifindex, mtu_bytes: wiring.mtu_bytes });
    }
    WireStep::Change(changes)
}

/// Why this link is not the one that was made for this pod.
fn stranger(wiring: &PodWiring, side: &HostSide, link: &Link) -> Option<String> {
    let index = link.ifindex;
    if link.mac != Some(wiring.host_mac) || side.mac != wiring.host_mac {
        let has = link.mac.map_or_else(|| "none".to_owned(), |mac| mac.to_string());
        return Some(format!(
            "link {index} has MAC {has}, the shim saw {}, expected {}",
            side.mac, wiring.host_mac
        ));
    }
    if link.name != wiring.host_veth.as_str() {
        return Some(format!("link {index} is named {}, expected {}", link.name, wiring.host_veth));
    }
    if !link.veth_to_elsewhere {
        return Some(format!("link {index} ({}) does not lead into another namespace", link.name));
    }
    None
}

/// The changes for a pod that is wired; none if its link cannot be told for certain.
pub(super) fn repair(pod: &DesiredPod, seen: &Seen<'_>) -> Vec<HostChange> {
    host_link(pod, seen)
        .map(|link| {
            let DesiredPod { address, table, certain, .. } = *pod;
            stand(&Place { address, table, certain, link }, seen, false)
        })
        .unwrap_or_default()
}

/// The pod's link: the one that has the address behind it, else, while it is not known what is behind, the one its route already
/// uses, or the one we made for this pod. Of several that have it, the one we made. Never by name: a pod that came back under its
/// old name may have two for a while.
fn host_link<'a>(pod: &DesiredPod, seen: &Seen<'a>) -> Option<&'a Link> {
    let has_it = seen.links_before(pod.address);
    let routes = || seen.pod_routes(pod.address).iter().filter_map(|route| seen.link(route.ifindex));
    let unknown = |link: &&Link| link.veth_to_elsewhere && link.behind.is_none();
    let made = seen.link_of(pod.host_mac);
    match has_it {
        [] => routes().chain(made).find(unknown),
        // One that lingers has it, and what is behind the pod's own is not known.
        [only] if only.mac != Some(pod.host_mac) => made.filter(unknown).or(Some(only)),
        [only] => Some(only),
        several => several
            .iter()
            .find(|link| link.mac == Some(pod.host_mac))
            .or_else(|| several.iter().find(|link| routes().any(|used| used.ifindex == link.ifindex)))
            .copied(),
    }
}

/// Where a pod's packets come from and go to.
struct Place<'a> {
    address: Ipv4Addr,
    /// `None` while no known ENI carries the address.
    table: Option<TableId>,
    /// Only then a rule that says otherwise is removed.
    certain: bool,
    link: &'a Link,
}

/// Adds first, then removes what contradicts: at equal priority the older rule wins, so until it is gone the new one waits. With
/// `anyhow` it adds what is seen to stand, too: a rule that is gone meanwhile need not show in the proof.
fn stand(pod: &Place<'_>, seen: &Seen<'_>, anyhow: bool) -> Vec<HostChange> {
    let Place { address, table, certain, link } = *pod;
    let mut changes = Vec::new();
    if !link.up {
        changes.push(HostChange::LinkUp { ifindex: link.ifindex });
    }
    let route =
        Route { table: TableId::MAIN, to: address, prefix_length: 32, via: None, ifindex: link.ifindex };
    if anyhow || !link.up || !seen.has_route(&route) {
        changes.push(HostChange::PutRoute(route));
    }
    let to_pod = Rule {
        priority: RulePriority::TO_POD,
        from: None,
        to: Some(address.into()),
        mark: None,
        table: TableId::MAIN,
    };
    if anyhow || !seen.has_rule(&to_pod) {
        changes.push(HostChange::AddRule(to_pod));
    }
    let Some(table) = table else {
        return changes;
    };
    let from_pod =
        Rule { priority: RulePriority::FROM_POD, from: Some(address), to: None, mark: None, table };
    let wrong = |rule: &&Rule| rule.table != table;
    let contradicted = seen.rules_from(address).iter().any(|rule| rule.table != table);
    let stands = !anyhow && seen.has_rule(&from_pod);
    if table != TableId::MAIN && !stands && (certain || !contradicted) {
        changes.push(HostChange::AddRule(from_pod));
    }
    if certain {
        let from = seen.rules_from(address).iter().filter(wrong);
        let to = seen.rules_to(address).iter().filter(|rule| rule.table != TableId::MAIN);
        // What an ENI that is gone left behind for its own address, which is this pod's now.
        let of_eni = seen.rules_of_eni(address).iter().filter(wrong);
        changes.extend(from.chain(to).chain(of_eni).copied().map(HostChange::RemoveRule));
    }
    changes
}

/// The changes that leave nothing of this address: its rules whatever table they lead to, and its route to a pod. A route of
/// that shape over any other kind of link is somebody else's.
pub(crate) fn teardown(address: Ipv4Addr, host: &HostSnapshot) -> Vec<HostChange> {
    let rules = host
        .rules
        .iter()
        .filter(|rule| matches!(pod_rule(rule), Some(PodRule::To(of) | PodRule::From(of)) if of == address));
    let to_a_pod = |route: &Route| {
        let link = host.links.iter().find(|link| link.ifindex == route.ifindex);
        link.is_none_or(|link| link.veth_to_elsewhere)
    };
    let routes =
        host.routes.iter().filter(|route| is_pod_route(route) && route.to == address && to_a_pod(route));
    rules.copied().map(HostChange::RemoveRule).chain(routes.copied().map(HostChange::RemoveRoute)).collect()
}
