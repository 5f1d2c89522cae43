//! CIDR reservations of a subnet: what comes out of them, and what never does.

use super::support::{World, text, texts};
use crate::{QueryRequest, ReservationKind};

fn reserve(world: &mut World, cidr: &str, kind: ReservationKind) {
    let subnet = world.subnet.clone();
    world.region.add_cidr_reservation(&subnet, cidr.parse().unwrap(), kind).unwrap();
}

fn prefixes(world: &mut World, count: u32) -> QueryRequest {
    QueryRequest::new("AssignPrivateIpAddresses")
        .with("NetworkInterfaceId", &world.primary)
        .with("Ipv4PrefixCount", count)
}

#[test]
fn counted_prefixes_come_out_of_a_reservation_first_and_then_from_elsewhere() {
    let mut world = World::new();
    reserve(&mut world, "10.0.1.128/27", ReservationKind::Prefix);
    let request = prefixes(&mut world, 3);
    let body = world.done(request).body;
    assert_eq!(texts(&body, "ipv4Prefix"), ["10.0.1.128/28", "10.0.1.144/28", "10.0.1.16/28"]);
}

#[test]
fn counted_addresses_come_out_of_no_reservation() {
    let mut world = World::new();
    reserve(&mut world, "10.0.1.0/26", ReservationKind::Prefix);
    reserve(&mut world, "10.0.1.64/27", ReservationKind::Explicit);
    let request = world.assign_request(&world.primary.clone(), 1);
    assert_eq!(text(&world.done(request).body, "privateIpAddress"), "10.0.1.96");
    let eni = world.create(&world.subnet.clone());
    assert_eq!(world.region.eni(&eni).unwrap().primary.to_string(), "10.0.1.97");
}

#[test]
fn an_explicit_reservation_gives_only_what_is_named() {
    let mut world = World::new();
    reserve(&mut world, "10.0.1.0/25", ReservationKind::Explicit);
    reserve(&mut world, "10.0.1.128/25", ReservationKind::Explicit);
    let request = prefixes(&mut world, 1);
    assert_eq!(world.refused(request).0, "InsufficientCidrBlocks");
    let request = world.assign_request(&world.primary.clone(), 1);
    assert_eq!(world.refused(request).0, "InsufficientFreeAddressesInSubnet");
    assert_eq!(world.region.subnet(&world.subnet).unwrap().free(), 250, "free, and not to be had");
    let named = QueryRequest::new("AssignPrivateIpAddresses").with("NetworkInterfaceId", &world.primary);
    world.done(named.clone().with("Ipv4Prefix.1", "10.0.1.32/28"));
    world.done(named.with("PrivateIpAddress.1", "10.0.1.9"));
}

#[test]
fn reservations_that_make_no_sense_are_not_made() {
    let mut world = World::new();
    reserve(&mut world, "10.0.1.64/26", ReservationKind::Prefix);
    let subnet = world.subnet.clone();
    for (cidr, kind) in [
        ("10.0.1.65/27", ReservationKind::Explicit),
        ("10.0.1.0/29", ReservationKind::Prefix),
        ("10.0.2.0/28", ReservationKind::Explicit),
        ("10.0.1.96/28", ReservationKind::Explicit),
    ] {
        assert!(world.region.add_cidr_reservation(&subnet, cidr.parse().unwrap(), kind).is_err(), "{cidr}");
    }
    assert_eq!(world.region.subnet(&subnet).unwrap().reservations().len(), 1);
}
