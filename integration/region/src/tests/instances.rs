//! Networks and instances over the wire: what comes of a create or a launch, and that a refused one leaves nothing.

use super::support::{World, text, texts};
use crate::{Effect, InstanceId, InstanceState, QueryRequest, action_names};

fn launch(world: &World, least: u32, most: u32) -> QueryRequest {
    QueryRequest::new("RunInstances")
        .with("ImageId", crate::imds::IMAGE)
        .with("InstanceType", "m5.large")
        .with("MinCount", least)
        .with("MaxCount", most)
        .with("NetworkInterface.1.DeviceIndex", 0)
        .with("NetworkInterface.1.SubnetId", &world.small)
        .with("NetworkInterface.2.DeviceIndex", 1)
        .with("NetworkInterface.2.SubnetId", &world.small)
        .with("NetworkInterface.2.DeleteOnTermination", false)
}

fn ids(body: &str) -> Vec<InstanceId> {
    texts(body, "instanceId")
        .iter()
        .map(|id| InstanceId::parse(id).unwrap())
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect()
}

#[test]
fn a_launch_gives_as_many_as_can_be_had_in_one_reservation() {
    let mut world = World::new();
    // Eleven addresses, two a piece.
    let reply = world.done(launch(&world, 1, 9));
    let launched = ids(&reply.body);
    assert_eq!(launched.len(), 5);
    assert_eq!(reply.effects.len(), 5 * 2 * 3, "created, attached, visible");
    let described = world.done(QueryRequest::new("DescribeInstances")).body;
    assert_eq!(texts(&described, "reservationId").len(), 2, "the world's own, and this one");
    let all_or_none = launch(&world, 2, 2);
    let free = world.region.subnet(&world.small).unwrap().free();
    assert_eq!(world.refused(all_or_none).0, "InsufficientFreeAddressesInSubnet");
    assert_eq!(world.region.subnet(&world.small).unwrap().free(), free);
}

#[test]
fn a_launch_is_repeated_by_its_token_and_tags_both_nouns() {
    let mut world = World::new();
    let request = launch(&world, 1, 1)
        .with("ClientToken", "t")
        .with("TagSpecification.1.ResourceType", "instance")
        .with("TagSpecification.1.Tag.1.Key", "one")
        .with("TagSpecification.2.ResourceType", "network-interface")
        .with("TagSpecification.2.Tag.1.Key", "two");
    let first = world.done(request.clone());
    let again = world.done(request.clone());
    assert_eq!(ids(&first.body), ids(&again.body));
    assert_eq!(again.effects, Vec::new());
    let id = ids(&first.body)[0].clone();
    assert!(world.region.instance(&id).unwrap().tags.contains_key("one"));
    assert!(world.region.enis_of(&id).iter().all(|eni| eni.tags.keys().eq(["two"])));
    let tags = texts(&world.done(QueryRequest::new("DescribeTags")).body, "resourceType");
    assert_eq!(tags.iter().filter(|kind| *kind == "network-interface").count(), 2);
    world.knobs(|knobs| {
        knobs.denied_actions.insert("CreateTags".to_owned());
    });
    let denied = request.with("TagSpecification.3.ResourceType", "instance");
    let denied = QueryRequest {
        params: denied.params.into_iter().filter(|(name, _)| name != "ClientToken").collect(),
        ..denied
    };
    assert_eq!(world.refused(denied).0, "UnauthorizedOperation");
}

#[test]
fn a_termination_deletes_what_goes_with_the_instance_alone() {
    let mut world = World::new();
    let id = ids(&world.done(launch(&world, 1, 1)).body)[0].clone();
    let [primary, kept] = world.region.enis_of(&id)[..] else { panic!("two interfaces") };
    let (primary, kept) = (primary.id.clone(), kept.id.clone());
    let terminate = QueryRequest::new("TerminateInstances").with("InstanceId.1", &id);
    let reply = world.done(terminate.clone());
    assert_eq!(texts(&reply.body, "name"), ["terminated", "running"]);
    assert!(reply.effects.contains(&Effect::EniDeleted { eni: primary.clone() }), "{:?}", reply.effects);
    assert!(world.region.eni(&primary).is_none());
    assert_eq!(world.region.eni(&kept).unwrap().status(), "available");
    assert_eq!(world.region.instance(&id).unwrap().state, InstanceState::Terminated);
    assert_eq!(texts(&world.done(terminate).body, "name"), ["terminated", "terminated"]);
}

#[test]
fn launches_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let one = launch(&world, 1, 1);
    let without = |name: &str| QueryRequest {
        params: one.params.iter().filter(|(key, _)| key != name).cloned().collect(),
        ..one.clone()
    };
    let rows = [
        (launch(&world, 2, 1), "InvalidParameterCombination"),
        (launch(&world, 0, 1), "InvalidParameterValue"),
        (without("NetworkInterface.1.DeviceIndex"), "MissingParameter"),
        (without("NetworkInterface.2.SubnetId"), "VPCIdNotSpecified"),
        (
            without("NetworkInterface.1.DeviceIndex").with("NetworkInterface.1.DeviceIndex", 2),
            "InvalidParameterValue",
        ),
        (without("InstanceType").with("InstanceType", "z9.none"), "InvalidParameterValue"),
        (one.clone().with("SubnetId", &world.small), "InvalidParameterCombination"),
        (one.clone().with("Placement.AvailabilityZone", "eu-west-1b"), "InvalidParameterValue"),
        (one.clone().with("UserData", "x"), "UnsupportedOperation"),
    ];
    let before = world.region.enis().count();
    for (request, code) in rows {
        let asked = request.params.clone();
        assert_eq!(world.refused(request).0, code, "{asked:?}");
    }
    assert_eq!(world.region.enis().count(), before);
}

#[test]
fn networks_come_with_what_was_asked_and_are_found_by_it() {
    let mut world = World::new();
    let vpc = QueryRequest::new("CreateVpc")
        .with("CidrBlock", "10.7.0.0/16")
        .with("AmazonProvidedIpv6CidrBlock", true);
    let body = world.done(vpc).body;
    let (vpc, block) = (text(&body, "vpcId"), text(&body, "ipv6CidrBlock"));
    let subnet = QueryRequest::new("CreateSubnet").with("VpcId", &vpc).with("CidrBlock", "10.7.1.0/24");
    let ipv6 = block.replace("00::/56", "07::/64");
    let body =
        world.done(subnet.clone().with("AvailabilityZoneId", "euw1-az3").with("Ipv6CidrBlock", &ipv6)).body;
    assert_eq!(
        (text(&body, "availabilityZone"), text(&body, "ipv6CidrBlock")),
        ("eu-west-1c".to_owned(), ipv6)
    );
    let overlapping = subnet.clone().with("Ipv6CidrBlock", "2001:db8::/64");
    assert_eq!(world.refused(overlapping).0, "InvalidSubnet.Range");
    assert_eq!(world.refused(subnet.clone()).0, "InvalidSubnet.Conflict");
    assert_eq!(world.refused(subnet.with("AvailabilityZone", "eu-west-1z")).0, "InvalidParameterValue");
    let found =
        QueryRequest::new("DescribeSubnets").with("Filter.1.Name", "vpc-id").with("Filter.1.Value.1", &vpc);
    assert_eq!(texts(&world.done(found).body, "subnetId").len(), 1);
    let zone = QueryRequest::new("DescribeAvailabilityZones").with("ZoneName.1", "eu-west-1z");
    assert_eq!(world.refused(zone).0, "InvalidParameterValue");
}

#[test]
fn a_denied_action_is_denied_whatever_it_is() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.denied_actions = action_names().map(str::to_owned).collect());
    for name in action_names() {
        assert_eq!(world.refused(QueryRequest::new(name)).0, "UnauthorizedOperation", "{name}");
    }
    assert_eq!(action_names().count(), 28);
}

#[test]
fn the_quota_of_the_account_stops_a_launch() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.account_enis_max = 4);
    assert_eq!(ids(&world.done(launch(&world, 1, 3)).body).len(), 1);
    let request = launch(&world, 1, 1);
    assert_eq!(world.refused(request).0, "NetworkInterfaceLimitExceeded");
    assert_eq!(world.region.enis().count(), 3);
}
