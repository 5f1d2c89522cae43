//! What is wrong with a pod's host side, by a reading of the host. It changes nothing, and names everything.

use std::net::Ipv4Addr;

use contract::model::{Damage, RulePriority, TableId};
use contract::ports::host::{HostSnapshot, Link, Route, Rule};

use super::seen::Seen;

/// All that is wrong with the host side of `address`, whose ENI has this table. `ifindex` is the host's end of its pair as the
/// shim found it; without one only the rules can be judged.
pub(crate) fn damages(
    address: Ipv4Addr,
    table: TableId,
    ifindex: Option<u32>,
    host: &HostSnapshot,
) -> Vec<Damage> {
    let seen = Seen::of(host);
    let mut found = Vec::new();
    if let Some(link) = seen.carrier(address) {
        found.push(Damage::AddressOnHost { address, link: link.name.clone() });
    }
    match ifindex.map(|ifindex| (ifindex, seen.link(ifindex))) {
        None => {}
        Some((ifindex, None)) => found.push(Damage::HostLinkMissing { ifindex }),
        Some((_, Some(link))) => found.extend(of_link(address, link, &seen)),
    }
    found.extend(of_rules(address, table, &seen));
    found
}

fn of_link(address: Ipv4Addr, link: &Link, seen: &Seen<'_>) -> Vec<Damage> {
    let mut found = Vec::new();
    if !link.veth_to_elsewhere {
        found.push(Damage::HostLinkForeign { link: link.name.clone() });
    }
    if !link.up {
        // The kernel takes its routes away with it.
        found.push(Damage::HostLinkDown { link: link.name.clone() });
    }
    let route =
        Route { table: TableId::MAIN, to: address, prefix_length: 32, via: None, ifindex: link.ifindex };
    if !seen.has_route(&route) {
        found.push(Damage::HostRouteMissing { address, link: link.name.clone() });
    }
    found
}

fn of_rules(address: Ipv4Addr, table: TableId, seen: &Seen<'_>) -> Vec<Damage> {
    let mut found = Vec::new();
    let to_pod = Rule {
        priority: RulePriority::TO_POD,
        from: None,
        to: Some(address.into()),
        mark: None,
        table: TableId::MAIN,
    };
    if !seen.has_rule(&to_pod) {
        found.push(Damage::ToRuleMissing { address });
    }
    let from = seen.rules_from(address);
    if table != TableId::MAIN && !from.iter().any(|rule| rule.table == table) {
        found.push(Damage::FromRuleMissing { address, table });
    }
    let astray = from.iter().filter(|rule| rule.table != table);
    let astray = astray.chain(seen.rules_to(address).iter().filter(|rule| rule.table != TableId::MAIN));
    found.extend(astray.map(|rule| Damage::RuleContradicts { address, table: rule.table }));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::model::Fwmark;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 7);
    const SECOND: TableId = TableId(2);

    fn rule(priority: RulePriority, to: bool, table: TableId) -> Rule {
        let (from, to) = if to { (None, Some(ADDRESS.into())) } else { (Some(ADDRESS), None) };
        Rule { priority, from, to, mark: None, table }
    }

    fn whole() -> HostSnapshot {
        let link = Link {
            ifindex: 9,
            name: "enicc21c2d7785".into(),
            mac: None,
            mtu_bytes: 9001,
            up: true,
            veth_to_elsewhere: true,
            rp_filter: None,
            addresses: Vec::new(),
            behind: Some(vec![ADDRESS]),
        };
        HostSnapshot {
            complete: true,
            links: vec![link],
            routes: vec![Route {
                table: TableId::MAIN,
                to: ADDRESS,
                prefix_length: 32,
                via: None,
                ifindex: 9,
            }],
            rules: vec![
                rule(RulePriority::TO_POD, true, TableId::MAIN),
                rule(RulePriority::FROM_POD, false, SECOND),
            ],
        }
    }

    fn labels(spoil: impl FnOnce(&mut HostSnapshot)) -> Vec<&'static str> {
        let mut host = whole();
        spoil(&mut host);
        damages(ADDRESS, SECOND, Some(9), &host).iter().map(Damage::label).collect()
    }

    #[test]
    fn a_host_side_that_stands_is_whole() {
        assert_eq!(labels(|_| {}), [""; 0]);
        let mut on_the_primary = whole();
        on_the_primary.rules.truncate(1);
        assert_eq!(damages(ADDRESS, TableId::MAIN, Some(9), &on_the_primary), []);
    }

    #[test]
    fn each_damage_is_named_alone() {
        type Spoil = fn(&mut HostSnapshot);
        let table: [(&str, Spoil); 8] = [
            ("AddressOnHost", |host| host.links[0].addresses.push((ADDRESS, 32))),
            ("HostLinkForeign", |host| host.links[0].veth_to_elsewhere = false),
            ("HostLinkDown", |host| host.links[0].up = false),
            ("HostRouteMissing", |host| host.routes[0].ifindex = 8),
            ("HostLinkMissing", |host| host.links.clear()),
            ("ToRuleMissing", |host| host.rules[0].mark = Some(Fwmark(0x80))),
            ("FromRuleMissing", |host| host.rules[1].from = None),
            ("RuleContradicts", |host| host.rules.push(rule(RulePriority::FROM_POD, false, TableId(3)))),
        ];
        for (label, spoil) in table {
            assert_eq!(labels(spoil), [label]);
        }
    }

    #[test]
    fn a_rule_that_leads_astray_is_not_the_one_that_is_missing() {
        let astray = |host: &mut HostSnapshot| host.rules[1].table = TableId(3);
        assert_eq!(labels(astray), ["FromRuleMissing", "RuleContradicts"]);
    }
}
