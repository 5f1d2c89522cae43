//! The planner by itself.

use super::*;
use crate::bench::*;
use contract::model::{HostSide, POD_GATEWAY, PodWiring, WiringOperation};
use contract::ports::host::{Link, Route};

mod news;
mod properties;

fn survey(view: &EniView, of: &[Lease], host: &HostSnapshot) -> Survey {
    // The node as a whole has tests of its own.
    let config = RouteConfig { snat: None, node_ports: false, ..config() };
    diff(&desired(&config, view, of.iter()), host)
}

fn words(changes: &[HostChange]) -> Vec<String> {
    changes.iter().map(in_words).collect()
}

/// The needs of the survey in words, all units after one another.
fn wanted(view: &EniView, of: &[Lease], host: &HostSnapshot) -> Vec<String> {
    survey(view, of, host).needs.values().flat_map(|changes| words(changes)).collect()
}

fn assigned(wiring: &PodWiring) -> Lease {
    lease(wiring.address, LeasePhase::Assigned)
}

/// Makes everything the survey wants, the way the kernel would.
fn made(view: &EniView, of: &[Lease], mut host: HostSnapshot) -> HostSnapshot {
    for change in survey(view, of, &host).needs.into_values().flatten() {
        make(&mut host, &change);
    }
    host
}

#[test]
fn a_bare_secondary_eni_gets_its_whole_own_side_and_the_primary_only_its_mtu() {
    assert_eq!(
        wanted(&enis(0..2), &[], &node(2)),
        [
            "set MTU 9001 on link 2",
            "bring link 3 up",
            "add address 10.0.1.5/24 to link 3",
            "remove route 10.0.1.0/24 by link 3 in table main",
            "put route 10.0.1.1/32 by link 3 in table 2",
            "put route 0.0.0.0/0 via 10.0.1.1 by link 3 in table 2",
            "add rule 32765: from 10.0.1.5 lookup 2",
            "set MTU 9001 on link 3",
        ]
    );
}

#[test]
fn an_eni_stands_without_its_mtu_and_not_without_its_rule() {
    let view = enis(0..2);
    let mut host = made(&view, &[], node(2));
    host.links[1].mtu_bytes = 1500;
    let found = survey(&view, &[], &host);
    assert_eq!(found.standing[&TableId(2)], Standing { ifindex: 3, gateway: address(1, 1) });
    assert_eq!(found.needs.len(), 1);
    host.rules.retain(|rule| rule.priority.0 != 32_765);
    assert!(!survey(&view, &[], &host).standing.contains_key(&TableId(2)));
}

#[test]
fn an_eni_whose_link_is_missing_is_named() {
    let found = survey(&enis(0..2), &[], &node(1));
    let cause = found.missing.get(&EniId::new("eni-1")).unwrap();
    assert_eq!(cause.to_string(), "eni-1 is attached, but its link 0a:00:00:00:01:01 is not on the host yet");
}

#[test]
fn a_vlan_with_the_mac_of_its_eni_is_not_taken_for_it() {
    let mut host = made(&enis(0..2), &[], node(2));
    host.links.insert(0, Link { ifindex: 40, name: "vlan.eth.1".into(), ..eni_link(1) });
    assert_eq!(wanted(&enis(0..2), &[], &host), Vec::<String>::new());
}

#[test]
fn a_link_of_ours_that_went_down_gets_its_routes_again() {
    let view = enis(0..2);
    let mut host = made(&view, &[], node(2));
    host.links[1].up = false;
    assert_eq!(
        wanted(&view, &[], &host),
        [
            "bring link 3 up",
            "remove route 10.0.1.0/24 by link 3 in table main",
            "put route 10.0.1.1/32 by link 3 in table 2",
            "put route 0.0.0.0/0 via 10.0.1.1 by link 3 in table 2",
        ]
    );
}

/// A node with two ENIs and one wired pod on the second.
fn wired() -> (EniView, PodWiring, HostSnapshot) {
    let (view, wiring) = (enis(0..2), wiring(1, 10));
    let mut host = node(2);
    host.links.push(veth(&wiring, 50));
    let host = made(&view, &[assigned(&wiring)], host);
    (view, wiring, host)
}

#[test]
fn a_pod_on_a_secondary_eni_has_a_route_and_two_rules_and_one_on_the_primary_has_no_from_rule() {
    let (view, pod, host) = wired();
    let mut bare = host.clone();
    bare.rules.retain(|rule| rule.to != Some(pod.address.into()) && rule.from != Some(pod.address));
    bare.routes.retain(|route| route.to != pod.address);
    let primary = wiring(0, 20);
    bare.links.push(veth(&primary, 51));
    assert_eq!(
        wanted(&view, &[assigned(&primary), assigned(&pod)], &bare),
        [
            "put route 10.0.0.20/32 by link 51 in table main",
            "add rule 512: to 10.0.0.20 lookup main",
            "put route 10.0.1.10/32 by link 50 in table main",
            "add rule 512: to 10.0.1.10 lookup main",
            "add rule 1536: from 10.0.1.10 lookup 2",
        ]
    );
}

#[test]
fn a_rule_of_our_shape_that_leads_elsewhere_is_removed_after_the_right_one_is_added() {
    let (view, pod, mut host) = wired();
    host.rules.retain(|rule| rule.from != Some(pod.address));
    host.rules.push(rule(1536, Some(pod.address), None, TableId(7)));
    host.rules.push(rule(1535, Some(pod.address), None, TableId(7)));
    assert_eq!(
        wanted(&view, &[assigned(&pod)], &host),
        ["add rule 1536: from 10.0.1.10 lookup 2", "remove rule 1536: from 10.0.1.10 lookup 7"]
    );
}

#[test]
fn a_contradiction_stays_while_the_view_is_not_confirmed() {
    let (mut view, pod, mut host) = wired();
    host.rules.retain(|rule| rule.from != Some(pod.address));
    host.rules.push(rule(1536, Some(pod.address), None, TableId(7)));
    view.complete = false;
    assert_eq!(wanted(&view, &[assigned(&pod)], &host), Vec::<String>::new());
}

#[test]
fn a_view_that_lacks_the_eni_takes_nothing_away() {
    let (_, pod, host) = wired();
    assert_eq!(wanted(&enis(0..1), &[assigned(&pod)], &host), Vec::<String>::new());
    assert_eq!(wanted(&enis(0..2), &[], &host), Vec::<String>::new());
    assert_eq!(wanted(&EniView::unknown(), &[], &host), Vec::<String>::new());
}

#[test]
fn a_pods_link_is_the_one_with_the_address_behind_it_whatever_its_name() {
    let (view, pod, mut host) = wired();
    let old = host.links.iter_mut().find(|link| link.ifindex == 50).unwrap();
    old.behind = Some(Vec::new());
    host.links.push(Link { name: "renamed".into(), ..veth(&pod, 60) });
    assert_eq!(wanted(&view, &[assigned(&pod)], &host), ["put route 10.0.1.10/32 by link 60 in table main"]);
}

#[test]
fn of_two_links_with_one_address_the_attachments_own_wins_and_strangers_change_nothing() {
    let (view, pod, mut host) = wired();
    let other = Link { mac: Some(Mac([2, 9, 9, 9, 9, 9])), ..veth(&pod, 60) };
    host.links.push(other.clone());
    assert_eq!(wanted(&view, &[assigned(&pod)], &host), Vec::<String>::new());
    // Both strangers: the one that the route uses stays.
    host.links.iter_mut().find(|link| link.ifindex == 50).unwrap().mac = Some(Mac([2, 8, 8, 8, 8, 8]));
    assert_eq!(wanted(&view, &[assigned(&pod)], &host), Vec::<String>::new());
    // And without a route nobody can tell.
    host.routes.retain(|route| route.to != pod.address);
    assert_eq!(wanted(&view, &[assigned(&pod)], &host), Vec::<String>::new());
}

#[test]
fn a_link_whose_inside_cannot_be_read_is_known_by_its_route() {
    let (view, pod, mut host) = wired();
    host.links.iter_mut().find(|link| link.ifindex == 50).unwrap().behind = None;
    host.rules.retain(|rule| rule.to != Some(pod.address.into()));
    assert_eq!(wanted(&view, &[assigned(&pod)], &host), ["add rule 512: to 10.0.1.10 lookup main"]);
}

#[test]
fn leases_that_are_only_reserved_or_already_releasing_are_not_repaired() {
    let (view, pod, mut host) = wired();
    host.rules.retain(|rule| rule.to != Some(pod.address.into()));
    for (phase, changes) in [
        (LeasePhase::Reserved, 0),
        (LeasePhase::Releasing, 0),
        (LeasePhase::Wired, 1),
        (LeasePhase::Assigned, 1),
    ] {
        assert_eq!(wanted(&view, &[lease(pod.address, phase)], &host).len(), changes, "{phase:?}");
    }
}

#[test]
fn teardown_takes_rules_of_any_table_and_leaves_what_others_made() {
    let (_, pod, mut host) = wired();
    host.rules.push(rule(1536, Some(pod.address), None, TableId(7)));
    host.rules.push(rule(1000, Some(pod.address), None, TableId(7)));
    host.rules.push(rule(1536, Some(pod.address), Some(address(9, 9)), TableId(7)));
    let by_vpn = Route { table: TableId::MAIN, to: pod.address, prefix_length: 32, via: None, ifindex: 2 };
    host.routes.push(by_vpn);
    assert_eq!(
        words(&teardown(pod.address, &host)),
        [
            "remove rule 512: to 10.0.1.10 lookup main",
            "remove rule 1536: from 10.0.1.10 lookup 2",
            "remove rule 1536: from 10.0.1.10 lookup 7",
            "remove route 10.0.1.10/32 by link 50 in table main",
        ]
    );
}

#[test]
fn a_host_link_that_is_not_the_pods_is_refused_by_what_is_wrong_with_it() {
    let (_, pod, host) = wired();
    let side = HostSide { ifindex: 50, mac: pod.host_mac };
    assert_eq!(wire(&pod, &side, None, &host), WireStep::Change(Vec::new()));
    let refusal = |spoil: &dyn Fn(&mut HostSnapshot)| {
        let mut host = host.clone();
        spoil(&mut host);
        match wire(&pod, &side, None, &host) {
            WireStep::Refuse(cause) => cause.to_string(),
            other => format!("{other:?}"),
        }
    };
    fn link(host: &mut HostSnapshot) -> &mut Link {
        host.links.iter_mut().find(|link| link.ifindex == 50).unwrap()
    }
    for (spoil, said) in [
        (&(|host: &mut HostSnapshot| link(host).mac = None) as &dyn Fn(&mut _), "has MAC none"),
        (&|host| link(host).name = "eni0".into(), "is named eni0"),
        (&|host| link(host).veth_to_elsewhere = false, "does not lead into another namespace"),
        (&|host| link(host).ifindex = 51, "no link has index 50"),
        (&|host| host.links[0].addresses.push((address(1, 10), 32)), "is the host's own, on eth0"),
    ] {
        assert!(refusal(spoil).contains(said), "{said}: {}", refusal(spoil));
    }
    assert!(
        refusal(&|host| {
            link(host).ifindex = 51;
            host.complete = false;
        })
        .starts_with("ReadAgain")
    );
}

#[test]
fn a_wiring_that_can_only_be_a_mistake_is_refused_by_field() {
    let prefix = config().veth_prefix;
    assert_eq!(check_wiring(&wiring(1, 10), &prefix), Ok(()));
    for (spoil, field) in [
        ((|wiring: &mut PodWiring| wiring.mtu_bytes = 0) as fn(&mut _), "mtu_bytes"),
        (|wiring| wiring.address = Ipv4Addr::new(127, 0, 0, 1), "address"),
        (
            |wiring| {
                let other = contract::model::VethPrefix::new("xyz").unwrap();
                wiring.host_veth = HostVeth::of_pod(&other, &wiring.pod);
            },
            "host_veth",
        ),
    ] {
        let mut wrong = wiring(1, 10);
        spoil(&mut wrong);
        let cause = check_wiring(&wrong, &prefix).unwrap_err();
        assert!(matches!(&cause, Cause::BadRequest { field: named, .. } if *named == field), "{cause}");
    }
}

#[test]
fn the_inside_of_a_pod_is_made_in_the_order_of_the_agent_we_replace() {
    let pod = wiring(1, 10);
    assert_eq!(
        wiring_plan(&pod).operations,
        [
            WiringOperation::Veth { host_mac: pod.host_mac, mtu_bytes: MTU },
            WiringOperation::QuietHostVeth,
            WiringOperation::LinkRoute { to: POD_GATEWAY },
            WiringOperation::DefaultRoute { via: POD_GATEWAY },
            WiringOperation::Address { address: pod.address },
            WiringOperation::Neighbour { address: POD_GATEWAY, mac: pod.host_mac },
        ]
    );
}
