//! The limits table: whole, and right where somebody looked.

use crate::{instance_types, limits_of};

#[test]
fn the_table_has_every_type_and_no_row_without_an_interface() {
    assert_eq!(instance_types().count(), 1_392);
    for (name, limits) in instance_types() {
        assert!(limits.enis() >= 1 && limits.ipv4_per_eni >= 2, "{name}");
        assert!(limits.enis_on_card(0).is_some_and(|enis| enis >= 1), "{name}");
    }
}

#[test]
fn spot_values_are_those_of_the_documentation() {
    let rows = [
        ("m5.large", 1, 3, 10),
        ("t3.small", 1, 3, 4),
        ("t3.medium", 1, 3, 6),
        ("t3.nano", 1, 2, 2),
        ("c5.18xlarge", 1, 15, 50),
        ("m5.metal", 1, 15, 50),
        ("p4d.24xlarge", 4, 60, 50),
        ("p5.48xlarge", 32, 64, 50),
    ];
    for (name, cards, enis, addresses) in rows {
        let limits = limits_of(name).unwrap();
        assert_eq!(
            (limits.network_cards.len(), limits.enis(), limits.ipv4_per_eni),
            (cards, enis, addresses),
            "{name}"
        );
    }
    assert_eq!(limits_of("m5.large").unwrap().branch_enis, 9);
    assert_eq!(limits_of("m5.enormous"), None);
}

/// The whole table in numbers: a row that was lost, or a number that was changed by hand, shows here.
#[test]
fn the_table_adds_up_to_what_its_sources_do() {
    let count =
        |wanted: Option<bool>| instance_types().filter(|(_, limits)| limits.trunking == wanted).count();
    assert_eq!((count(Some(true)), count(Some(false)), count(None)), (1_060, 104, 228));
    let sum = |of: fn(&crate::Limits) -> u32| instance_types().map(|(_, limits)| of(limits)).sum::<u32>();
    let cards = instance_types().map(|(_, limits)| limits.network_cards.len()).sum::<usize>();
    assert_eq!((sum(crate::Limits::enis), cards), (14_215, 1_598));
    assert_eq!((sum(|limits| limits.ipv4_per_eni), sum(|limits| limits.branch_enis)), (48_763, 68_803));
    let of_kind = |kind: &str| instance_types().filter(|(_, limits)| limits.hypervisor == kind).count();
    assert_eq!((of_kind("nitro"), of_kind("xen"), of_kind("unknown"), of_kind("")), (1_149, 80, 2, 161));
    assert!(instance_types().all(|(_, limits)| limits.bare_metal == limits.hypervisor.is_empty()));
}

#[test]
fn branches_follow_the_pattern_of_their_table() {
    let trunking = || instance_types().filter(|(_, limits)| limits.trunking == Some(true));
    let steps = [6, 12, 22, 42, 62, 92, 122];
    let regular = trunking().filter(|(_, limits)| steps.contains(&(limits.branch_enis + limits.enis())));
    assert_eq!((regular.count(), trunking().count()), (998, 1_060));
    for (name, limits) in instance_types() {
        assert!(limits.branch_enis <= 120, "{name}");
        assert!(limits.trunking == Some(true) || limits.branch_enis == 0, "{name}");
    }
    let of_size = |size: &str| limits_of(&format!("r6g.{size}")).map(|limits| limits.branch_enis);
    let sizes =
        ["medium", "large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge", "metal"];
    assert_eq!(sizes.map(of_size), [4, 9, 18, 38, 54, 54, 54, 107, 107].map(Some));
}
