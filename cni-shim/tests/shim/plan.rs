//! The wiring plan: what is refused, and that nothing else can come through.

use cni_shim::plan::{CheckedPlan, Inside, OPERATIONS_MAX, PlanError, check};
use proptest::prelude::*;
use protocol::operation::Operation as Wire;
use protocol::{Address, DefaultRoute, LinkRoute, Neighbour, Operation, QuietHostVeth, Veth, WiringPlan};
use std::net::Ipv4Addr;

const MAC: [u8; 6] = [0x02, 1, 2, 3, 4, 5];
const GATEWAY: [u8; 4] = [169, 254, 1, 1];

fn plan_of(operations: Vec<Option<Wire>>) -> WiringPlan {
    let operation = |operation| Operation { operation };
    WiringPlan { operations: operations.into_iter().map(operation).collect() }
}

fn veth() -> Option<Wire> {
    Some(Wire::Veth(Veth { host_mac: MAC.to_vec(), mtu_bytes: 9001 }))
}

fn link_route(to: &[u8]) -> Option<Wire> {
    Some(Wire::LinkRoute(LinkRoute { to: to.to_vec() }))
}

fn default_route(via: &[u8]) -> Option<Wire> {
    Some(Wire::DefaultRoute(DefaultRoute { via: via.to_vec() }))
}

fn address(address: &[u8]) -> Option<Wire> {
    let address = address.to_vec();
    Some(Wire::Address(Address { address }))
}

fn neighbour(address: &[u8], mac: &[u8]) -> Option<Wire> {
    Some(Wire::Neighbour(Neighbour { address: address.to_vec(), mac: mac.to_vec() }))
}

fn quiet() -> Option<Wire> {
    Some(Wire::QuietHostVeth(QuietHostVeth {}))
}

/// The plan a daemon sends for a pod.
pub(crate) fn usual(pod: Ipv4Addr) -> WiringPlan {
    plan_of(vec![
        veth(),
        quiet(),
        link_route(&GATEWAY),
        default_route(&GATEWAY),
        address(&pod.octets()),
        neighbour(&GATEWAY, &MAC),
    ])
}

#[test]
fn the_usual_plan_is_taken_in_order() {
    let pod = Ipv4Addr::new(10, 0, 3, 7);
    let gateway = Ipv4Addr::from(GATEWAY);
    assert_eq!(
        check(&usual(pod)),
        Ok(CheckedPlan {
            host_mac: MAC,
            mtu_bytes: 9001,
            quiet: true,
            address: pod,
            inside: vec![
                Inside::LinkRoute(gateway),
                Inside::DefaultRoute(gateway),
                Inside::Address(pod),
                Inside::Neighbour(gateway, MAC),
            ],
        })
    );
}

#[test]
fn whatever_is_odd_is_refused_whole() {
    let pod = [10, 0, 0, 9];
    let with =
        |operation: Option<Wire>| plan_of(vec![veth(), link_route(&GATEWAY), address(&pod), operation]);
    let first = |host_mac: &[u8], mtu_bytes| {
        let host_mac = host_mac.to_vec();
        plan_of(vec![Some(Wire::Veth(Veth { host_mac, mtu_bytes })), address(&pod)])
    };
    let other_mac = [2, 9, 9, 9, 9, 9];
    for (plan, word) in [
        (plan_of(vec![]), "begin"),
        (plan_of(vec![None]), "begin"),
        (plan_of(vec![address(&pod), veth()]), "begin"),
        (plan_of(vec![veth(); 13]), "13 operations"),
        (plan_of(vec![veth(), quiet()]), "no address"),
        (with(None), "operation 3: unknown"),
        (with(veth()), "veth came before"),
        (with(address(&[10, 0, 0, 10])), "address came before"),
        (with(link_route(&GATEWAY)), "came before"),
        (with(link_route(&[10, 0, 0, 1])), "not link-local"),
        (with(link_route(&[169, 254])), "four bytes"),
        (with(default_route(&[169, 254, 1, 2])), "without a link route"),
        (with(neighbour(&[169, 254, 1, 2], &MAC)), "without a link route"),
        (with(neighbour(&GATEWAY, &other_mac)), "not the host's end"),
        (with(neighbour(&GATEWAY, &[])), "six bytes"),
        (plan_of(vec![veth(), address(&[0, 0, 0, 0])]), "no pod can have"),
        (plan_of(vec![veth(), address(&[127, 0, 0, 1])]), "no pod can have"),
        (plan_of(vec![veth(), address(&[169, 254, 0, 1])]), "no pod can have"),
        (plan_of(vec![veth(), address(&[224, 0, 0, 1])]), "no pod can have"),
        (plan_of(vec![veth(), address(&[255, 255, 255, 255])]), "no pod can have"),
        (plan_of(vec![veth(), quiet(), quiet(), address(&pod)]), "quiet_host_veth came before"),
        (first(&[0; 6], 1500), "unicast"),
        (first(&[3, 1, 2, 3, 4, 5], 1500), "unicast"),
        (first(&[0xfc, 1, 2, 3, 4, 5], 1500), "locally administered"),
        (first(&[2; 5], 1500), "six bytes"),
        (first(&MAC, 575), "MTU"),
        (first(&MAC, 9002), "MTU"),
    ] {
        let said = check(&plan).map_err(|error: PlanError| error.to_string()).expect_err(word);
        assert!(said.contains(word), "{said} should speak of {word}");
    }
}

fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(GATEWAY.to_vec()),
        4 => Just(MAC.to_vec()),
        2 => Just(vec![10, 0, 0, 9]),
        1 => proptest::collection::vec(any::<u8>(), 0..8),
    ]
}

fn some_operation() -> impl Strategy<Value = Option<Wire>> {
    prop_oneof![
        3 => (some_bytes(), prop_oneof![Just(9001_u32), any::<u32>()])
            .prop_map(|(host_mac, mtu_bytes)| Some(Wire::Veth(Veth { host_mac, mtu_bytes }))),
        1 => Just(quiet()),
        2 => some_bytes().prop_map(|bytes| link_route(&bytes)),
        2 => some_bytes().prop_map(|bytes| default_route(&bytes)),
        2 => some_bytes().prop_map(|bytes| address(&bytes)),
        2 => (some_bytes(), some_bytes()).prop_map(|(a, b)| neighbour(&a, &b)),
        1 => Just(None),
    ]
}

fn assert_safe(checked: &CheckedPlan) {
    assert_eq!(checked.host_mac[0] & 0b11, 0b10, "locally administered, unicast");
    assert!((576..=9001).contains(&checked.mtu_bytes));
    assert!(checked.inside.len() < OPERATIONS_MAX);
    let addresses = checked.inside.iter().filter(|step| matches!(step, Inside::Address(_)));
    assert_eq!(addresses.collect::<Vec<_>>(), [&Inside::Address(checked.address)]);
    for (index, step) in checked.inside.iter().enumerate() {
        let before = &checked.inside[..index];
        assert!(!before.contains(step), "nothing twice");
        match *step {
            Inside::Address(pod) => assert!(!pod.is_link_local() && !pod.is_multicast()),
            Inside::LinkRoute(to) => assert!(to.is_link_local()),
            Inside::DefaultRoute(via) => assert!(before.contains(&Inside::LinkRoute(via))),
            Inside::Neighbour(address, mac) => {
                assert!(before.contains(&Inside::LinkRoute(address)));
                assert_eq!(mac, checked.host_mac);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_plan_panics_and_a_taken_one_is_safe(
        whole in any::<bool>(),
        operations in proptest::collection::vec(some_operation(), 0..14),
    ) {
        let mut all = Vec::new();
        if whole {
            all.extend([veth(), address(&[10, 0, 0, 9]), link_route(&GATEWAY)]);
        }
        all.extend(operations);
        if let Ok(checked) = check(&plan_of(all)) {
            assert_safe(&checked);
        }
    }
}
