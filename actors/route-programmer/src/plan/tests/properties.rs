//! What holds for every host.

use super::*;
use proptest::prelude::*;

prop_compose! {
    /// A node with some ENIs and pods, of which random parts of the host side are gone, and some rules of others.
    fn broken_node()(
        devices in 1u32..4,
        pods in prop::collection::btree_set((0u8..4, 10u8..20), 0..6),
    )(
        keep in prop::collection::vec(any::<bool>(), 64),
        wrong in prop::collection::vec((0u8..4, 10u8..20, 2u32..6, any::<bool>()), 0..6),
        foreign in prop::collection::vec((1u32..33_000, 0u8..4, 10u8..20, 2u32..300), 0..6),
        devices in Just(devices),
        pods in Just(pods),
    ) -> (EniView, Vec<Lease>, HostSnapshot) {
        let view = enis(0..devices);
        let pods: Vec<PodWiring> =
            pods.into_iter().filter(|(device, _)| u32::from(*device) < devices).map(|(d, l)| wiring(d, l)).collect();
        let of: Vec<Lease> = pods.iter().map(assigned).collect();
        let mut host = node(devices);
        host.links.extend((50u32..).zip(&pods).map(|(ifindex, pod)| veth(pod, ifindex)));
        let mut host = made(&view, &of, host);
        let mut kept = keep.into_iter().cycle();
        host.rules.retain(|rule| rule.priority.0 == 32_766 || kept.next().unwrap());
        host.routes.retain(|route| route.ifindex == 2 || kept.next().unwrap());
        for (device, last, table, to) in wrong {
            let at = Some(address(device, last));
            host.rules.push(if to {
                rule(512, None, at, TableId(table))
            } else {
                rule(1536, at, None, TableId(table))
            });
        }
        for (priority, device, last, table) in foreign {
            if ![512, 1536, 32_765].contains(&priority) {
                host.rules.push(rule(priority, Some(address(device, last)), None, TableId(table)));
            }
        }
        host.rules.sort();
        host.rules.dedup();
        (view, of, host)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_was_made_is_not_wanted_again((view, of, host) in broken_node()) {
        let host = made(&view, &of, host);
        prop_assert_eq!(wanted(&view, &of, &host), Vec::<String>::new());
    }

    #[test]
    fn nothing_of_others_is_removed_and_nothing_before_all_is_added((view, of, host) in broken_node()) {
        for (unit, changes) in survey(&view, &of, &host).needs {
            let Unit::Pod(pod) = unit else {
                let removals = changes.iter().filter(|change| matches!(change, HostChange::RemoveRule(_)));
                prop_assert_eq!(removals.count(), 0);
                continue;
            };
            let mut removing = false;
            for change in &changes {
                if let HostChange::RemoveRule(gone) = change {
                    let table = view.enis.iter().find(|eni| eni.addresses.iter().any(|on| on.address == pod)).unwrap().table();
                    let ours = gone.priority.0 == 512 && gone.to == Some(pod.into()) && gone.table != TableId::MAIN
                        || gone.priority.0 == 1536 && gone.from == Some(pod) && gone.table != table;
                    prop_assert!(ours, "{}", in_words(change));
                    removing = true;
                } else {
                    prop_assert!(!matches!(change, HostChange::RemoveRoute(_)));
                    prop_assert!(!removing, "added after a removal: {}", in_words(change));
                }
            }
        }
    }

    #[test]
    fn teardown_leaves_nothing_of_the_address_and_all_of_the_rest((_, of, host) in broken_node()) {
        for lease in &of {
            let mut after = host.clone();
            for change in teardown(lease.address, &host) {
                make(&mut after, &change);
            }
            prop_assert_eq!(teardown(lease.address, &after), Vec::new());
            for other in of.iter().filter(|other| other.address != lease.address) {
                prop_assert_eq!(teardown(other.address, &host), teardown(other.address, &after));
            }
        }
    }
}
