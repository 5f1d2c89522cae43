//! An ENI's life in time, and the effects by which a fabric follows it.

use super::support::{World, milliseconds, text};
use crate::{Effect, InstanceSpec, InterfaceSpec, QueryRequest, Region, RegionSpec};
use std::time::Duration;

#[test]
fn an_attach_goes_through_attaching_to_a_link_and_then_to_the_metadata_service() {
    let mut world = World::new();
    world.knobs(|knobs| {
        knobs.attach_milliseconds = 1_000;
        knobs.imds.addresses_milliseconds = 500;
    });
    let eni = world.create(&world.subnet.clone());
    let reply = world.done(world.attach_request(&eni, 1));
    assert_eq!(reply.effects, Vec::new());
    assert_eq!(world.region.eni(&eni).unwrap().status(), "attaching");
    assert_eq!(world.region.next_transition(), Some(milliseconds(1_000)));
    assert_eq!(world.region.advance(milliseconds(999)), Vec::new());
    let state = world.region.eni(&eni).unwrap().clone();
    let linked = Effect::EniAttached {
        instance: world.node.clone(),
        eni: eni.clone(),
        mac: state.mac,
        device_index: 1,
        card: 0,
        subnet: world.subnet.clone(),
        addresses: state.blocks(),
        ipv6_addresses: Vec::new(),
    };
    assert_eq!(world.region.advance(milliseconds(1_000)), vec![linked]);
    assert_eq!(world.region.eni(&eni).unwrap().status(), "in-use");
    assert_eq!(world.region.next_transition(), Some(milliseconds(1_500)));
    let visible = Effect::EniVisible { instance: world.node.clone(), eni };
    assert_eq!(world.region.advance(milliseconds(5_000)), vec![visible]);
    assert_eq!(world.region.next_transition(), None);
}

#[test]
fn addresses_assigned_while_attaching_come_with_the_link() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.attach_milliseconds = 1_000);
    let eni = world.create(&world.subnet.clone());
    world.done(world.attach_request(&eni, 1));
    world.done(world.assign_request(&eni, 1));
    let effects = world.region.advance(milliseconds(1_000));
    let Some(Effect::EniAttached { addresses, .. }) = effects.first() else { panic!("{effects:?}") };
    assert_eq!(addresses.len(), 2);
}

#[test]
fn one_forced_away_while_attaching_never_gets_its_link() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.attach_milliseconds = 1_000);
    let eni = world.create(&world.subnet.clone());
    let attachment = world.attach(&eni, 1);
    let detach = QueryRequest::new("DetachNetworkInterface").with("AttachmentId", attachment);
    assert_eq!(world.refused(detach.clone()).0, "IncorrectState");
    assert_eq!(world.done(detach.with("Force", true)).effects, Vec::new());
    assert_eq!(world.region.eni(&eni).unwrap().status(), "available");
    // The old attachment's time comes while a new one is under way.
    world.now = milliseconds(500);
    world.attach(&eni, 2);
    assert_eq!(world.region.advance(milliseconds(1_400)), Vec::new());
    assert_eq!(world.region.advance(milliseconds(1_500)).len(), 2);
}

#[test]
fn a_detach_takes_the_link_and_a_delete_gives_the_addresses_back() {
    let mut world = World::new();
    let eni = world.create(&world.subnet.clone());
    let attachment = world.attach(&eni, 1);
    let mac = world.region.eni(&eni).unwrap().mac;
    let reply = world.done(QueryRequest::new("DetachNetworkInterface").with("AttachmentId", attachment));
    let detached = Effect::EniDetached { instance: world.node.clone(), eni: eni.clone(), mac };
    assert_eq!(reply.effects, vec![detached]);
    let reply = world.done(QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni));
    assert_eq!(reply.effects, vec![Effect::EniDeleted { eni: eni.clone() }]);
    assert_eq!(world.region.subnet(&world.subnet).unwrap().free(), 250);
    let again = QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni);
    assert_eq!(world.refused(again).0, "InvalidNetworkInterfaceID.NotFound");
}

#[test]
fn termination_deletes_what_was_marked_and_leaves_the_rest() {
    let mut world = World::new();
    let (kept, marked) = (world.create(&world.subnet.clone()), world.create(&world.subnet.clone()));
    world.attach(&kept, 1);
    let attachment = world.attach(&marked, 2);
    world.done(
        QueryRequest::new("ModifyNetworkInterfaceAttribute")
            .with("NetworkInterfaceId", &marked)
            .with("Attachment.AttachmentId", attachment)
            .with("Attachment.DeleteOnTermination", true),
    );
    let effects = world.region.terminate_instance(&world.node.clone(), world.now).unwrap();
    assert_eq!(effects.len(), 5, "three links and two interfaces: {effects:?}");
    let left: Vec<_> = world.region.enis().map(|eni| (eni.id.clone(), eni.status())).collect();
    assert_eq!(left, vec![(kept, "available")]);
    assert_eq!(world.region.audit(), Vec::<String>::new());
}

#[test]
fn a_new_interface_may_be_unknown_to_other_calls_for_a_while() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.create_visible_milliseconds = 1_000);
    let eni = world.create(&world.subnet.clone());
    let request = world.attach_request(&eni, 1);
    assert_eq!(world.refused(request.clone()).0, "InvalidNetworkInterfaceID.NotFound");
    let listed = world.done(QueryRequest::new("DescribeNetworkInterfaces"));
    assert!(!listed.body.contains(eni.as_str()));
    world.now = milliseconds(1_000);
    world.done(request);
}

#[test]
fn groups_must_exist_and_belong_to_the_vpc() {
    let mut world = World::new();
    let own = world.region.add_security_group(&world.vpc.clone(), "pods").unwrap();
    let other_vpc = world.region.add_vpc(&["172.16.0.0/16".parse().unwrap()]).unwrap();
    let foreign = world.region.vpc(&other_vpc).unwrap().default_group.clone();
    let modify =
        QueryRequest::new("ModifyNetworkInterfaceAttribute").with("NetworkInterfaceId", &world.primary);
    world.done(modify.clone().with("SecurityGroupId.1", &own));
    assert_eq!(world.region.eni(&world.primary).unwrap().groups, vec![own]);
    assert_eq!(world.refused(modify.clone().with("SecurityGroupId.1", foreign)).0, "InvalidParameter");
    let unknown = modify.with("SecurityGroupId.1", "sg-0123456789abcdef0");
    assert_eq!(world.refused(unknown).0, "InvalidGroup.NotFound");
}

#[test]
fn reassignment_moves_a_secondary_address_but_never_a_primary_one() {
    let mut world = World::new();
    let from = world.create(&world.subnet.clone());
    let address = text(&world.done(world.assign_request(&from, 1)).body, "privateIpAddress");
    let take = |address: &str| {
        QueryRequest::new("AssignPrivateIpAddresses")
            .with("NetworkInterfaceId", &world.primary)
            .with("PrivateIpAddress.1", address)
    };
    let (plain, moving) = (take(&address), take(&address).with("AllowReassignment", true));
    let primary = take(&world.region.eni(&from).unwrap().primary.to_string()).with("AllowReassignment", true);
    assert_eq!(world.refused(plain).0, "InvalidIPAddress.InUse");
    assert_eq!(world.refused(primary).0, "InvalidIPAddress.InUse");
    let block = format!("{address}/32").parse().unwrap();
    let reply = world.done(moving.clone());
    let removed = Effect::AddressRemoved { eni: from, address: block };
    assert_eq!(
        reply.effects,
        vec![removed, Effect::AddressAdded { eni: world.primary.clone(), address: block }]
    );
    assert_eq!(text(&reply.body, "privateIpAddress"), address);
    assert_eq!(world.done(moving).effects, Vec::new(), "what it already has, it is given once");
}

#[test]
fn named_primary_and_secondary_addresses_are_honoured() {
    let mut world = World::new();
    let create = QueryRequest::new("CreateNetworkInterface")
        .with("SubnetId", &world.subnet)
        .with("PrivateIpAddresses.1.PrivateIpAddress", "10.0.1.50")
        .with("PrivateIpAddresses.2.PrivateIpAddress", "10.0.1.40")
        .with("PrivateIpAddresses.2.Primary", true);
    let body = world.done(create).body;
    let eni = crate::EniId::parse(&text(&body, "networkInterfaceId")).unwrap();
    let seen: Vec<String> =
        world.region.eni(&eni).unwrap().addresses().iter().map(ToString::to_string).collect();
    assert_eq!(seen, ["10.0.1.40", "10.0.1.50"]);
}

#[test]
fn an_instance_comes_with_the_interfaces_it_was_launched_with() {
    let mut world = World::new();
    let second =
        InterfaceSpec { device_index: 1, secondary_addresses: 2, prefixes: 1, ..InterfaceSpec::default() };
    let spec =
        InstanceSpec::new("m5.large", &world.subnet).with_secondary_addresses(3).with_interface(second);
    let launch = world.region.launch_instance(spec, world.now).unwrap();
    let enis = world.region.enis_of(&launch.instance);
    assert_eq!(enis.iter().map(|eni| eni.slots()).collect::<Vec<_>>(), [4, 4]);
    assert_eq!(enis.iter().map(|eni| eni.id.clone()).collect::<Vec<_>>(), launch.enis);
    assert_eq!(launch.effects.len(), 6);
    assert_eq!(world.region.audit(), Vec::<String>::new());
}

#[test]
fn the_same_calls_give_the_same_bytes_and_another_seed_gives_other_ids() {
    let story = |seed: u64| {
        let mut region = Region::new(RegionSpec { seed, ..RegionSpec::default() });
        let vpc = region.add_vpc(&["10.0.0.0/16".parse().unwrap()]).unwrap();
        let subnet = region.add_subnet(&vpc, "10.0.0.0/24".parse().unwrap(), "a").unwrap();
        let launch = region.launch_instance(InstanceSpec::new("m5.large", &subnet), Duration::ZERO).unwrap();
        let request = QueryRequest::new("DescribeInstances").by(&launch.instance);
        region.handle(request, Duration::from_secs(1)).body
    };
    assert_eq!(story(7), story(7));
    assert_ne!(story(7), story(8));
}

#[test]
fn vpcs_and_subnets_that_ec2_would_refuse_are_not_built() {
    let mut world = World::new();
    let vpc = world.vpc.clone();
    for cidr in ["10.1.0.0/24", "10.0.1.0/25", "10.0.4.0/29", "10.0.5.1/24"] {
        assert!(world.region.add_subnet(&vpc, cidr.parse().unwrap(), "a").is_err(), "{cidr}");
    }
    assert!(world.region.add_vpc(&[]).is_err());
    let twice = ["10.0.0.0/16".parse().unwrap(), "10.0.128.0/20".parse().unwrap()];
    assert!(world.region.add_vpc(&twice).is_err());
}

#[test]
fn tags_are_set_changed_and_removed() {
    let mut world = World::new();
    let id = world.primary.to_string();
    let create = |value: &str| {
        QueryRequest::new("CreateTags")
            .with("ResourceId.1", &id)
            .with("Tag.1.Key", "k")
            .with("Tag.1.Value", value)
    };
    let delete = |value: Option<&str>| {
        let request = QueryRequest::new("DeleteTags").with("ResourceId.1", &id).with("Tag.1.Key", "k");
        value.map_or(request.clone(), |value| request.with("Tag.1.Value", value))
    };
    let held = |world: &World| world.region.eni(&world.primary).unwrap().tags.get("k").cloned();
    world.done(create("one"));
    world.done(create("two"));
    world.done(delete(Some("one")));
    assert_eq!(held(&world).as_deref(), Some("two"));
    world.done(delete(Some("two")));
    assert_eq!(held(&world), None);
    world.done(create("three"));
    world.done(delete(None));
    assert_eq!(held(&world), None);
}

#[test]
fn time_does_not_go_back() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.attach_milliseconds = 1_000);
    world.region.advance(milliseconds(5_000));
    world.now = milliseconds(2_000);
    let eni = world.create(&world.subnet.clone());
    world.attach(&eni, 1);
    assert_eq!(world.region.next_transition(), Some(milliseconds(6_000)));
    assert_eq!(world.region.journal().entries().next_back().unwrap().at, milliseconds(5_000));
}
