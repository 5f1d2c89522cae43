//! What each kind of news makes of a snapshot.

use super::*;
use crate::plan::fold::{Difference, hear, meet};
use contract::ports::host::HostEvent;

/// Two ENIs, and a pod's link 50 with an address of its own and a route to the pod.
fn host() -> HostSnapshot {
    let mut host = node(2);
    let pod = Link { addresses: vec![HERE], behind: Some(vec![address(1, 10)]), ..veth(&wiring(1, 10), 50) };
    host.links.push(pod);
    host.routes.push(to_pod());
    host
}

const HERE: (Ipv4Addr, u8) = (Ipv4Addr::new(169, 254, 9, 9), 16);
const THERE: (Ipv4Addr, u8) = (Ipv4Addr::new(169, 254, 9, 8), 16);

fn to_pod() -> Route {
    Route { table: TableId::MAIN, to: address(1, 10), prefix_length: 32, via: None, ifindex: 50 }
}

/// What the news make of the snapshot; told again they are no news.
fn after(event: &HostEvent, expected: Difference) -> HostSnapshot {
    let mut host = host();
    assert_eq!(hear(&mut host, event), expected, "{event:?}");
    let once = host.clone();
    assert_eq!(hear(&mut host, event), Difference::None, "{event:?} again");
    assert_eq!(host, once, "{event:?} again");
    once
}

fn pods_link(host: &HostSnapshot) -> &Link {
    host.links.iter().find(|link| link.ifindex == 50).unwrap()
}

fn leads_to_pod(host: &HostSnapshot) -> bool {
    host.routes.contains(&to_pod())
}

#[test]
fn addresses_come_and_go_and_the_last_one_takes_the_links_routes_along() {
    let (address, prefix_length) = THERE;
    let host = after(&HostEvent::Address { ifindex: 50, address, prefix_length }, Difference::More);
    assert_eq!(pods_link(&host).addresses, [HERE, THERE]);
    let unknown = after(&HostEvent::AddressGone { ifindex: 50, address, prefix_length }, Difference::None);
    assert!(leads_to_pod(&unknown));
    let (address, prefix_length) = HERE;
    let host = after(&HostEvent::AddressGone { ifindex: 50, address, prefix_length }, Difference::Less);
    assert!(pods_link(&host).addresses.is_empty() && !leads_to_pod(&host));
    after(&HostEvent::Address { ifindex: 99, address, prefix_length }, Difference::None);
}

#[test]
fn a_link_that_is_gone_takes_its_routes_along() {
    let host = after(&HostEvent::LinkGone(50), Difference::Less);
    assert!(!host.links.iter().any(|link| link.ifindex == 50) && !leads_to_pod(&host));
    after(&HostEvent::LinkGone(99), Difference::None);
}

#[test]
fn the_reverse_path_filter_of_a_link_is_not_what_it_was() {
    let host = after(&HostEvent::RpFilter { ifindex: 50, value: 2 }, Difference::Less);
    assert_eq!(pods_link(&host).rp_filter, Some(2));
    after(&HostEvent::RpFilter { ifindex: 99, value: 2 }, Difference::None);
}

#[test]
fn a_link_that_is_told_of_keeps_what_the_news_say_nothing_of() {
    let told = Link {
        rp_filter: None,
        addresses: Vec::new(),
        behind: None,
        mtu_bytes: 1400,
        ..veth(&wiring(1, 10), 50)
    };
    let before = host();
    let host = after(&HostEvent::Link(Box::new(told.clone())), Difference::Less);
    let known = pods_link(&before);
    assert_eq!(
        pods_link(&host),
        &Link {
            rp_filter: known.rp_filter,
            addresses: vec![HERE],
            behind: known.behind.clone(),
            ..told.clone()
        }
    );
    assert!(leads_to_pod(&host));
    // Once it is no pod's link any more, nothing is behind it.
    let host = after(
        &HostEvent::Link(Box::new(Link { veth_to_elsewhere: false, ..told.clone() })),
        Difference::Less,
    );
    assert_eq!(pods_link(&host).behind, None);
    assert!(!leads_to_pod(&after(
        &HostEvent::Link(Box::new(Link { up: false, ..told.clone() })),
        Difference::Less
    )));
    assert_eq!(meet(&mut node(2), &told), Difference::More);
}

#[test]
fn routes_and_rules_come_and_go() {
    let other = Route { to: address(1, 11), ..to_pod() };
    assert!(after(&HostEvent::Route(other), Difference::More).routes.contains(&other));
    assert!(!leads_to_pod(&after(&HostEvent::RouteGone(to_pod()), Difference::Less)));
    after(&HostEvent::RouteGone(other), Difference::None);
    let Route { table, to, prefix_length, .. } = to_pod();
    assert!(!leads_to_pod(&after(&HostEvent::RoutesReplaced { table, to, prefix_length }, Difference::Less)));
    let new = rule(512, None, Some(address(1, 11)), TableId::MAIN);
    assert!(after(&HostEvent::Rule(new), Difference::More).rules.contains(&new));
    let old = host().rules[0];
    assert!(!after(&HostEvent::RuleGone(old), Difference::Less).rules.contains(&old));
    assert_eq!(after(&HostEvent::Lost, Difference::None), host());
}
