//! A snapshot, indexed for the questions the planner asks. It decides only which link is meant.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use contract::model::{Mac, RulePriority, TableId};
use contract::ports::host::{HostSnapshot, Link, Route, Rule};

use super::node::is_node_rule;

/// The snapshot by the keys that matter here.
pub(super) struct Seen<'a> {
    links: BTreeMap<u32, &'a Link>,
    first_of_mac: BTreeMap<Mac, &'a Link>,
    behind: BTreeMap<Ipv4Addr, Vec<&'a Link>>,
    routes: BTreeSet<Route>,
    pod_routes: BTreeMap<Ipv4Addr, Vec<Route>>,
    rules: BTreeSet<Rule>,
    to_pod: BTreeMap<Ipv4Addr, Vec<Rule>>,
    from_pod: BTreeMap<Ipv4Addr, Vec<Rule>>,
    node_rules: Vec<Rule>,
    from_eni: BTreeMap<Ipv4Addr, Vec<Rule>>,
}

/// Tables that an ENI on card 0 can have, beside main: no instance type has more ENIs on a card.
pub(crate) const TABLES: std::ops::RangeInclusive<u32> = 2..=100;

/// The address of a to-pod or from-pod rule of our shape, and which of the two it is.
pub(super) enum PodRule {
    To(Ipv4Addr),
    From(Ipv4Addr),
}

/// Recognises the two rules a pod has. Anything with another priority or more conditions belongs to somebody else.
pub(super) fn pod_rule(rule: &Rule) -> Option<PodRule> {
    match *rule {
        Rule { priority: RulePriority::TO_POD, from: None, to: Some(to), mark: None, .. } => {
            (to.prefix_len() == 32).then(|| PodRule::To(to.addr()))
        }
        Rule { priority: RulePriority::FROM_POD, from: Some(from), to: None, mark: None, .. } => {
            Some(PodRule::From(from))
        }
        _ => None,
    }
}

/// Whether a route has the shape of a pod's: one address, on the link, in the main table.
pub(super) fn is_pod_route(route: &Route) -> bool {
    route.table == TableId::MAIN && route.prefix_length == 32 && route.via.is_none()
}

impl<'a> Seen<'a> {
    pub(super) fn of(host: &'a HostSnapshot) -> Self {
        let mut seen = Self {
            links: BTreeMap::new(),
            first_of_mac: BTreeMap::new(),
            behind: BTreeMap::new(),
            routes: host.routes.iter().copied().collect(),
            pod_routes: BTreeMap::new(),
            rules: host.rules.iter().copied().collect(),
            to_pod: BTreeMap::new(),
            from_pod: BTreeMap::new(),
            from_eni: BTreeMap::new(),
            node_rules: host.rules.iter().filter(|rule| is_node_rule(rule)).copied().collect(),
        };
        for link in &host.links {
            seen.links.insert(link.ifindex, link);
            seen.note_mac(link);
            for address in link.behind.iter().flatten() {
                seen.behind.entry(*address).or_default().push(link);
            }
        }
        for route in host.routes.iter().filter(|route| is_pod_route(route)) {
            seen.pod_routes.entry(route.to).or_default().push(*route);
        }
        for rule in &host.rules {
            match pod_rule(rule) {
                Some(PodRule::To(address)) => seen.to_pod.entry(address).or_default().push(*rule),
                Some(PodRule::From(address)) => seen.from_pod.entry(address).or_default().push(*rule),
                None => seen.note_eni_rule(rule),
            }
        }
        seen
    }

    /// Other agents use this priority too, with tables of their own numbers.
    fn note_eni_rule(&mut self, rule: &Rule) {
        if let Rule { priority: RulePriority::FROM_ENI, from: Some(from), to: None, mark: None, table } =
            *rule
            && TABLES.contains(&table.0)
        {
            self.from_eni.entry(from).or_default().push(*rule);
        }
    }

    /// A VLAN or macvlan link made on an ENI carries the ENI's MAC too; the ENI was there first, so its index is lower.
    fn note_mac(&mut self, link: &'a Link) {
        let Some(mac) = link.mac else {
            return;
        };
        let first = self.first_of_mac.entry(mac).or_insert(link);
        if link.ifindex < first.ifindex {
            *first = link;
        }
    }

    pub(super) fn link_of(&self, mac: Mac) -> Option<&'a Link> {
        self.first_of_mac.get(&mac).copied()
    }

    pub(super) fn link(&self, ifindex: u32) -> Option<&'a Link> {
        self.links.get(&ifindex).copied()
    }

    pub(super) fn links_before(&self, address: Ipv4Addr) -> &[&'a Link] {
        self.behind.get(&address).map_or(&[], Vec::as_slice)
    }

    /// The link of the host's own namespace that carries this address.
    pub(super) fn carrier(&self, address: Ipv4Addr) -> Option<&'a Link> {
        self.links.values().copied().find(|link| link.addresses.iter().any(|(own, _)| *own == address))
    }

    pub(super) fn has_route(&self, route: &Route) -> bool {
        self.routes.contains(route)
    }

    pub(super) fn pod_routes(&self, address: Ipv4Addr) -> &[Route] {
        self.pod_routes.get(&address).map_or(&[], Vec::as_slice)
    }

    pub(super) fn has_rule(&self, rule: &Rule) -> bool {
        self.rules.contains(rule)
    }

    pub(super) fn node_rules(&self) -> &[Rule] {
        &self.node_rules
    }

    pub(super) fn rules_to(&self, address: Ipv4Addr) -> &[Rule] {
        self.to_pod.get(&address).map_or(&[], Vec::as_slice)
    }

    /// Rules as a secondary ENI has them, for this address.
    pub(super) fn rules_of_eni(&self, address: Ipv4Addr) -> &[Rule] {
        self.from_eni.get(&address).map_or(&[], Vec::as_slice)
    }

    pub(super) fn rules_from(&self, address: Ipv4Addr) -> &[Rule] {
        self.from_pod.get(&address).map_or(&[], Vec::as_slice)
    }
}
