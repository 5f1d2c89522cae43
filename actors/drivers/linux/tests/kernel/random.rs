//! Any sequence of changes: afterwards the kernel shows what a naive model of it says.

use std::net::Ipv4Addr;

use contract::ports::host::{Host, HostChange, HostError, HostSnapshot, Link, Route, Rule};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::place::{default_route, in_namespace, needs_root, route, rule};

const EBUSY: i32 = 16;

/// The indexes of the links are 2 and 3 in a namespace with one pair.
const LINKS: std::ops::RangeInclusive<u32> = 2..=3;

fn some_route() -> impl Strategy<Value = Route> {
    let table = prop_oneof![Just(254_u32), Just(7), Just(70_000)];
    (table, 0..4_u8, prop::option::of(200..203_u8), LINKS).prop_map(|(table, to, via, ifindex)| match to {
        0 => default_route(table, via.unwrap_or(200), ifindex),
        to => route(table, to, via, ifindex),
    })
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let one_of_two = || prop::option::of(1..3_u8);
    let mark = prop::option::of(prop_oneof![Just(0x80_u32), Just(0x100)]);
    let table = prop_oneof![Just(254_u32), Just(70_000)];
    (512..514_u32, one_of_two(), one_of_two(), mark, table)
        .prop_map(|(priority, from, to, mark, table)| rule(priority, from, to, mark, table))
}

fn some_change() -> impl Strategy<Value = HostChange> {
    prop_oneof![
        1 => (LINKS, 1280..1500_u32).prop_map(|(ifindex, mtu_bytes)| HostChange::SetMtu { ifindex, mtu_bytes }),
        1 => (LINKS, 0..3_u32).prop_map(|(ifindex, value)| HostChange::SetRpFilter { ifindex, value }),
        1 => (1..=3_u32).prop_map(|ifindex| HostChange::LinkUp { ifindex }),
        1 => (LINKS, 100..103_u8).prop_map(|(ifindex, last)| HostChange::AddAddress {
            ifindex,
            address: Ipv4Addr::new(10, 9, 0, last),
            prefix_length: 32,
        }),
        3 => some_route().prop_map(HostChange::PutRoute),
        2 => some_route().prop_map(HostChange::RemoveRoute),
        3 => some_rule().prop_map(HostChange::AddRule),
        3 => some_rule().prop_map(HostChange::RemoveRule),
    ]
}

/// What the kernel does with a change; false when the driver must refuse it.
fn model(state: &mut HostSnapshot, change: &HostChange) -> bool {
    match change {
        HostChange::SetMtu { ifindex, mtu_bytes } => link(state, *ifindex).mtu_bytes = *mtu_bytes,
        HostChange::SetRpFilter { ifindex, value } => link(state, *ifindex).rp_filter = Some(*value),
        HostChange::LinkUp { ifindex } => link(state, *ifindex).up = true,
        HostChange::AddAddress { ifindex, address, prefix_length } => {
            let addresses = &mut link(state, *ifindex).addresses;
            addresses.retain(|known| *known != (*address, *prefix_length));
            addresses.push((*address, *prefix_length));
        }
        HostChange::PutRoute(route) => {
            let place = |route: &Route| (route.table, route.to, route.prefix_length);
            state.routes.retain(|known| place(known) != place(route));
            state.routes.push(*route);
        }
        HostChange::RemoveRoute(route) => state.routes.retain(|known| known != route),
        HostChange::AddRule(rule) if state.rules.contains(rule) => {}
        HostChange::AddRule(rule) => {
            let at = state.rules.partition_point(|known| known.priority <= rule.priority);
            state.rules.insert(at, *rule);
        }
        HostChange::RemoveRule(rule) => return remove_rule(&mut state.rules, rule),
    }
    true
}

fn link(state: &mut HostSnapshot, ifindex: u32) -> &mut Link {
    state.links.iter_mut().find(|link| link.ifindex == ifindex).unwrap()
}

fn remove_rule(rules: &mut Vec<Rule>, rule: &Rule) -> bool {
    let in_the_way = |known: &&Rule| {
        (known.priority, known.table) == (rule.priority, rule.table)
            && rule.from.is_none_or(|from| known.from == Some(from))
            && rule.to.is_none_or(|to| known.to == Some(to))
            && rule.mark.is_none_or(|mark| known.mark == Some(mark))
    };
    if !rules.contains(rule) {
        return true;
    }
    if rules.iter().find(in_the_way) != Some(rule) {
        return false;
    }
    rules.retain(|known| known != rule);
    true
}

fn ordered(mut state: HostSnapshot) -> HostSnapshot {
    state.routes.sort();
    for link in &mut state.links {
        link.addresses.sort();
    }
    state
}

fn check(changes: Vec<HostChange>) {
    in_namespace(|place| async move {
        let (one, other) = place.pair("one", "other").await;
        assert_eq!((one.min(other), one.max(other)), (*LINKS.start(), *LINKS.end()));
        let mut expected = place.snapshot().await;
        for change in changes {
            let allowed = model(&mut expected, &change);
            match place.host.apply(vec![change.clone()]).await {
                (1, None) if allowed => {}
                (0, Some(HostError::Refused { errno: EBUSY, .. })) if !allowed => {}
                other => panic!("{change:?}: {other:?}"),
            }
        }
        assert_eq!(ordered(place.snapshot().await), ordered(expected));
    });
}

#[test]
fn after_any_sequence_of_changes_the_kernel_shows_what_the_model_says() {
    if needs_root() {
        return;
    }
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let changes = prop::collection::vec(some_change(), 1..60);
    TestRunner::new(config)
        .run(&changes, |changes| {
            check(changes);
            Ok(())
        })
        .unwrap();
}
