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
