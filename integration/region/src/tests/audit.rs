//! The audit finds each kind of harm, done here by hand.

use super::support::World;
use crate::{AttachmentState, InstanceSpec, QueryRequest, Region, Tags};

fn check(harm: impl FnOnce(&mut World), expected: &str) {
    let mut world = World::new();
    assert_eq!(world.region.audit(), Vec::<String>::new());
    harm(&mut world);
    let found = world.region.audit();
    assert!(found.iter().any(|text| text.contains(expected)), "{expected:?} not in {found:?}");
}

fn attach_by_hand(
    region: &mut Region,
    world_node: &crate::InstanceId,
    eni: &crate::EniId,
    device_index: u32,
) {
    let place = crate::attachment::Place { instance: world_node.clone(), card: 0, device_index };
    region.fasten(eni, &place, AttachmentState::Attached);
}

#[test]
fn an_address_on_two_interfaces_is_found() {
    check(
        |world| {
            let eni = world.create(&world.subnet.clone());
            let stolen = world.region.enis[&world.primary].primary;
            world.region.enis.get_mut(&eni).unwrap().secondaries.push(stolen);
        },
        "10.0.1.4 is on both",
    );
}

#[test]
fn an_address_that_is_held_but_free_is_found() {
    check(
        |world| {
            let lost = world.region.enis[&world.primary].primary;
            world.region.subnets.get_mut(&world.subnet).unwrap().release(&[lost], &[]);
        },
        "10.0.1.4 is held, but free",
    );
}

#[test]
fn a_leaked_address_is_found() {
    check(
        |world| {
            let want = crate::want::Want { address_count: 1, ..Default::default() };
            world.region.subnets.get_mut(&world.subnet).unwrap().allocate(&want).unwrap();
        },
        "with 1 held by ENIs",
    );
}

#[test]
fn two_interfaces_in_one_place_are_found() {
    check(
        |world| {
            let eni = world.create(&world.subnet.clone());
            let node = world.node.clone();
            attach_by_hand(&mut world.region, &node, &eni, 0);
        },
        "shares device 0 of card 0",
    );
}

#[test]
fn too_many_interfaces_or_addresses_are_found() {
    check(
        |world| {
            for index in 1..=3 {
                let eni = world.create(&world.subnet.clone());
                let node = world.node.clone();
                attach_by_hand(&mut world.region, &node, &eni, index);
            }
        },
        "has 4 ENIs on card 0, too many",
    );
    check(
        |world| {
            for last in 100..110 {
                let address = std::net::Ipv4Addr::new(10, 0, 1, last);
                world.region.enis.get_mut(&world.primary).unwrap().secondaries.push(address);
            }
        },
        "has 11 slots, too many",
    );
}

#[test]
fn an_attachment_to_nothing_and_an_instance_without_its_interface_are_found() {
    check(
        |world| {
            world.region.instances.remove(&world.node);
        },
        "which does not run",
    );
    check(|world| world.region.enis.get_mut(&world.primary).unwrap().attachment = None, "has no primary ENI");
}

#[test]
fn ipv6_that_is_held_twice_free_or_leaked_is_found() {
    let with_ipv6 = |world: &mut World| {
        world.region.add_vpc_ipv6(&world.vpc.clone(), "2001:db8::/56".parse().unwrap()).unwrap();
        world.region.set_subnet_ipv6(&world.subnet.clone(), "2001:db8::/64".parse().unwrap()).unwrap();
        let request = crate::QueryRequest::new("AssignIpv6Addresses");
        let request = request.with("NetworkInterfaceId", &world.primary).with("Ipv6AddressCount", 1);
        world.done(request);
    };
    check(
        |world| {
            with_ipv6(world);
            let eni = world.create(&world.subnet.clone());
            world.region.enis.get_mut(&eni).unwrap().ipv6_addresses.push("2001:db8::4".parse().unwrap());
        },
        "2001:db8::4 is on both",
    );
    check(
        |world| {
            with_ipv6(world);
            let stray = "2001:db8::3".parse().unwrap();
            world.region.enis.get_mut(&world.primary).unwrap().ipv6_addresses.push(stray);
        },
        "2001:db8::3/128 is not one that",
    );
    check(
        |world| {
            with_ipv6(world);
            world.region.enis.get_mut(&world.primary).unwrap().ipv6_addresses.clear();
        },
        "1 taken in IPv6, with 0 held",
    );
}

#[test]
fn a_call_is_told_of_the_harm_it_touches() {
    let mut world = World::new();
    let stolen = world.region.enis[&world.primary].primary;
    let eni = world.create(&world.subnet.clone());
    world.region.enis.get_mut(&eni).unwrap().secondaries.push(stolen);
    let describe = crate::QueryRequest::new("DescribeSubnets");
    assert_eq!(world.region.handle(describe, world.now).violations, Vec::<String>::new());
    let touching = world.assign_request(&eni, 1);
    let found = world.region.handle(touching, world.now).violations;
    assert!(found.iter().any(|text| text.contains("with 4 held by ENIs")), "{found:?}");
}

/// Breaks the world behind the audit's back; whether the next call tells.
fn next_call_tells(change: impl FnOnce(&mut World)) -> bool {
    let mut world = World::new();
    let eni = world.create(&world.subnet.clone());
    world.attach(&eni, 1);
    change(&mut world);
    for eni in world.region.enis.values_mut() {
        eni.zone = "elsewhere".to_owned();
        if let Some(attachment) = eni.attachment.as_mut() {
            attachment.device_index = 1;
        }
    }
    let reply = world.region.handle(QueryRequest::new("DescribeVpcs"), world.now);
    !reply.violations.is_empty()
}

#[test]
fn what_is_changed_without_a_call_is_audited_with_the_next_one() {
    assert!(!next_call_tells(|_| ()), "nothing was changed, and nothing is looked at");
    assert!(next_call_tells(|world| {
        world.region.by_hand(world.assign_request(&world.primary.clone(), 1), world.now).unwrap();
    }));
    assert!(next_call_tells(|world| world.region.stop_instance(&world.node.clone(), world.now).unwrap()));
    assert!(next_call_tells(|world| {
        let launched = InstanceSpec::new("m5.large", &world.subnet);
        world.region.launch_instance(launched, world.now).unwrap();
    }));
    assert!(next_call_tells(|world| {
        let left = world.region.leak_interface(&world.subnet.clone(), "", Tags::new(), world.now);
        let (eni, _) = left.unwrap();
        world.region.enis.get_mut(&eni).unwrap().prefixes.push("10.0.1.64/28".parse().unwrap());
    }));
}
