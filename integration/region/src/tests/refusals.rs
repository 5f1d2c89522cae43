//! What EC2 refuses, in its words: one row of the reference each.

use super::support::{World, milliseconds, text};
use crate::{InstanceSpec, InterfaceSpec, NEVER_MILLISECONDS, QueryRequest};

fn pair(code: &str, message: impl Into<String>) -> (String, String) {
    (code.to_owned(), message.into())
}

#[test]
fn an_attached_interface_is_not_deleted_before_its_detach_is_over() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.detach_milliseconds = 500);
    let eni = world.create(&world.subnet.clone());
    let attachment = world.attach(&eni, 1);
    let delete = QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni);
    let in_use = pair("InvalidParameterValue", format!("Network interface '{eni}' is currently in use."));
    assert_eq!(world.refused(delete.clone()), in_use);
    let detach = QueryRequest::new("DetachNetworkInterface").with("AttachmentId", &attachment);
    world.done(detach.clone());
    assert_eq!(world.refused(delete.clone()), in_use);
    assert_eq!(world.refused(detach).0, "IncorrectState");
    world.now = milliseconds(500);
    let reply = world.done(delete);
    assert_eq!(reply.effects.len(), 2, "detached, then deleted: {:?}", reply.effects);
}

#[test]
fn a_stuck_detach_is_ended_by_force() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.detach_milliseconds = NEVER_MILLISECONDS);
    let eni = world.create(&world.subnet.clone());
    let attachment = world.attach(&eni, 1);
    let detach = QueryRequest::new("DetachNetworkInterface").with("AttachmentId", &attachment);
    world.done(detach.clone());
    world.now = milliseconds(100_000_000);
    assert_eq!(world.region.eni(&eni).unwrap().status(), "detaching");
    world.done(detach.with("Force", true));
    assert_eq!(world.region.eni(&eni).unwrap().status(), "available");
}

#[test]
fn the_primary_interface_cannot_be_detached() {
    let mut world = World::new();
    let attachment = world.region.eni(&world.primary).unwrap().attachment.clone().unwrap().id;
    let detach = QueryRequest::new("DetachNetworkInterface").with("AttachmentId", &attachment);
    let message = "The network interface at device index 0 and networkCard index 0 cannot be detached.";
    assert_eq!(world.refused(detach), pair("OperationNotPermitted", message));
}

#[test]
fn one_interface_too_many_is_counted_against_the_type() {
    let mut world = World::of("t3.medium");
    for index in 1..=2 {
        let eni = world.create(&world.subnet.clone());
        world.attach(&eni, index);
    }
    let eni = world.create(&world.subnet.clone());
    let request = world.attach_request(&eni, 3);
    assert_eq!(
        world.refused(request),
        pair("AttachmentLimitExceeded", "Interface count 4 exceeds the limit for t3.medium")
    );
    assert_eq!(
        world.region.eni(&eni).unwrap().status(),
        "available",
        "it is left over, for its maker to delete"
    );
}

#[test]
fn each_card_has_its_own_limit_and_its_own_device_indices() {
    let mut world = World::of("p5.48xlarge");
    let on_card = |world: &mut World, card: u32, index: u32| {
        let eni = world.create(&world.subnet.clone());
        let request = QueryRequest::new("AttachNetworkInterface")
            .with("NetworkInterfaceId", eni)
            .with("InstanceId", &world.node)
            .with("DeviceIndex", index)
            .with("NetworkCardIndex", card);
        world.ask(request)
    };
    assert_eq!(on_card(&mut world, 0, 1).http_status, 200);
    assert_eq!(text(&on_card(&mut world, 0, 2).body, "Code"), "AttachmentLimitExceeded");
    assert_eq!(text(&on_card(&mut world, 1, 1).body, "networkCardIndex"), "1");
    assert_eq!(text(&on_card(&mut world, 32, 1).body, "Code"), "InvalidParameterValue");
}

#[test]
fn an_occupied_device_index_is_refused_by_name() {
    let mut world = World::new();
    let eni = world.create(&world.subnet.clone());
    world.attach(&eni, 1);
    let second = world.create(&world.subnet.clone());
    let message = format!("Instance '{}' already has an interface attached at device index '1'.", world.node);
    let request = world.attach_request(&second, 1);
    assert_eq!(world.refused(request), pair("InvalidParameterValue", message));
    let request = world.attach_request(&eni, 2);
    assert_eq!(
        world.refused(request),
        pair("InvalidNetworkInterface.InUse", format!("Interface: [{eni}] in use."))
    );
}

#[test]
fn an_interface_of_another_zone_is_not_attached() {
    let mut world = World::new();
    let eni = world.create(&world.elsewhere.clone());
    let request = world.attach_request(&eni, 1);
    assert_eq!(world.refused(request).0, "InvalidParameterCombination");
}

#[test]
fn the_address_limit_counts_primary_and_prefixes_and_gives_all_or_nothing() {
    let mut world = World::of("t3.small");
    let primary = world.primary.clone();
    let limit = pair("PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.");
    let request = world.assign_request(&primary, 4);
    assert_eq!(world.refused(request), limit);
    let request = world.assign_request(&primary, 2);
    world.done(request);
    let prefix = QueryRequest::new("AssignPrivateIpAddresses")
        .with("NetworkInterfaceId", &primary)
        .with("Ipv4PrefixCount", 1);
    world.done(prefix.clone());
    assert_eq!(world.refused(prefix), limit);
    let free = world.region.subnet(&world.subnet).unwrap().free();
    assert_eq!(free, 256 - 5 - 3 - 16);
}

#[test]
fn an_interface_fuller_than_the_type_allows_is_not_attached() {
    let mut world = World::of("t3.small");
    let create = QueryRequest::new("CreateNetworkInterface")
        .with("SubnetId", &world.subnet)
        .with("SecondaryPrivateIpAddressCount", 9);
    let eni = crate::EniId::parse(&text(&world.done(create).body, "networkInterfaceId")).unwrap();
    let request = world.attach_request(&eni, 1);
    assert_eq!(world.refused(request).0, "PrivateIpAddressLimitExceeded");
}

#[test]
fn an_exhausted_subnet_gives_nothing_and_says_so() {
    let mut world = World::new();
    let eni = world.create(&world.small.clone());
    world.done(world.assign_request(&eni, 9));
    let request = world.assign_request(&eni, 2);
    let message = "The specified subnet does not have enough free addresses to satisfy the request.";
    assert_eq!(world.refused(request), pair("InsufficientFreeAddressesInSubnet", message));
    assert_eq!(world.region.subnet(&world.small).unwrap().free(), 1);
    let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.small);
    world.done(create.clone());
    assert_eq!(world.refused(create).0, "InsufficientFreeAddressesInSubnet");
}

#[test]
fn a_fragmented_subnet_has_addresses_but_no_prefix() {
    let mut world = World::new();
    // One address in each of the fourteen aligned blocks.
    let mut create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet);
    for block in 1..15 {
        let name = format!("PrivateIpAddresses.{block}.PrivateIpAddress");
        create = create.with(name, format!("10.0.1.{}", block * 16 + 7));
    }
    world.done(create);
    let request = QueryRequest::new("AssignPrivateIpAddresses")
        .with("NetworkInterfaceId", &world.primary)
        .with("Ipv4PrefixCount", 1);
    let message = "The specified subnet does not have enough free cidr blocks to satisfy the request.";
    assert_eq!(world.refused(request), pair("InsufficientCidrBlocks", message));
    assert!(world.region.subnet(&world.subnet).unwrap().free() > 200);
}

#[test]
fn named_addresses_are_checked_one_by_one() {
    let mut world = World::new();
    let other = world.create(&world.subnet.clone());
    let taken = world.region.eni(&other).unwrap().primary;
    let rows = [
        (
            "10.0.9.9",
            "InvalidParameterValue",
            "Address does not fall within the subnet's address range".to_owned(),
        ),
        ("10.0.1.3", "InvalidParameterValue", "Address is in subnet's reserved address range".to_owned()),
        ("10.0.1.255", "InvalidParameterValue", "Address is in subnet's reserved address range".to_owned()),
        (&taken.to_string(), "InvalidIPAddress.InUse", format!("Address {taken} is in use.")),
        ("ten", "InvalidParameterValue", "Invalid IPv4 address: ten".to_owned()),
    ];
    for (address, code, message) in rows {
        let request = QueryRequest::new("AssignPrivateIpAddresses")
            .with("NetworkInterfaceId", &world.primary)
            .with("PrivateIpAddress.1", address);
        let (code_seen, message_seen) = world.refused(request);
        assert_eq!((code_seen, message_seen), pair(code, message), "{address}");
    }
}

#[test]
fn unassign_refuses_what_is_not_there_and_takes_nothing() {
    let mut world = World::new();
    let primary = world.primary.clone();
    world.done(world.assign_request(&primary, 1));
    let request = QueryRequest::new("UnassignPrivateIpAddresses")
        .with("NetworkInterfaceId", &primary)
        .with("PrivateIpAddress.1", "10.0.1.5")
        .with("PrivateIpAddress.2", "10.0.1.77");
    let message = format!("Some of the specified addresses are not assigned to interface {primary}");
    assert_eq!(world.refused(request), pair("InvalidParameterValue", message));
    assert_eq!(world.region.eni(&primary).unwrap().secondaries.len(), 1);
    let own = world.region.eni(&primary).unwrap().primary;
    let request = QueryRequest::new("UnassignPrivateIpAddresses")
        .with("NetworkInterfaceId", &primary)
        .with("PrivateIpAddress.1", own);
    assert_eq!(world.refused(request).0, "InvalidParameterValue");
}

#[test]
fn the_account_has_a_quota_of_interfaces() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.account_enis_max = 1);
    let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet);
    assert_eq!(world.refused(create).0, "NetworkInterfaceLimitExceeded");
}

#[test]
fn a_terminated_instance_takes_no_interface() {
    let mut world = World::new();
    let eni = world.create(&world.subnet.clone());
    world.region.terminate_instance(&world.node.clone(), world.now).unwrap();
    let request = world.attach_request(&eni, 1);
    assert_eq!(world.refused(request).0, "IncorrectState");
}

#[test]
fn a_launch_that_cannot_be_whole_changes_nothing() {
    let mut world = World::of("t3.small");
    let enis_before = world.region.enis().count();
    let crowded = InstanceSpec::new("t3.small", &world.subnet).with_interface(InterfaceSpec {
        device_index: 1,
        secondary_addresses: 4,
        ..InterfaceSpec::default()
    });
    assert!(world.region.launch_instance(crowded, world.now).is_err());
    assert!(world.region.launch_instance(InstanceSpec::new("t9.huge", &world.subnet), world.now).is_err());
    assert_eq!(world.region.enis().count(), enis_before);
    assert_eq!(world.region.audit(), Vec::<String>::new());
}
