//! IPv6: blocks of VPCs and subnets, addresses and /80 prefixes of ENIs, and where they are shown.

use super::support::{World, milliseconds, text, texts};
use crate::{Effect, EniId, InstanceSpec, InterfaceSpec, QueryRequest};

/// The world with a /56 for its VPC and a /64 for its first subnet.
fn world() -> World {
    let mut world = World::new();
    world.region.add_vpc_ipv6(&world.vpc.clone(), "2001:db8:0:100::/56".parse().unwrap()).unwrap();
    world.region.set_subnet_ipv6(&world.subnet.clone(), "2001:db8:0:101::/64".parse().unwrap()).unwrap();
    world
}

fn assign(eni: &EniId) -> QueryRequest {
    QueryRequest::new("AssignIpv6Addresses").with("NetworkInterfaceId", eni)
}

fn unassign(eni: &EniId) -> QueryRequest {
    QueryRequest::new("UnassignIpv6Addresses").with("NetworkInterfaceId", eni)
}

fn items(body: &str, list: &str) -> Vec<String> {
    texts(&text(body, list), "item")
}

#[test]
fn addresses_and_prefixes_are_the_lowest_free_ones() {
    let mut world = world();
    let primary = world.primary.clone();
    let body = world.done(assign(&primary).with("Ipv6AddressCount", 2)).body;
    assert_eq!(items(&body, "assignedIpv6Addresses"), ["2001:db8:0:101::4", "2001:db8:0:101::5"]);
    let reply = world.done(assign(&primary).with("Ipv6PrefixCount", 1));
    assert_eq!(items(&reply.body, "assignedIpv6PrefixSet"), ["2001:db8:0:101:1::/80"]);
    let added = Effect::Ipv6Added { eni: primary.clone(), address: "2001:db8:0:101:1::/80".parse().unwrap() };
    assert_eq!(reply.effects, vec![added]);
    // A prefix of another ENI's is stepped over as a whole.
    let other = world.create(&world.subnet.clone());
    world.done(assign(&other).with("Ipv6Prefix.1", "2001:db8:0:101:2::/80"));
    let body = world.done(assign(&primary).with("Ipv6PrefixCount", 1)).body;
    assert_eq!(items(&body, "assignedIpv6PrefixSet"), ["2001:db8:0:101:3::/80"]);
}

#[test]
fn a_new_interface_comes_with_what_was_asked_in_both_families() {
    let mut world = world();
    let create = QueryRequest::new("CreateNetworkInterface")
        .with("SubnetId", &world.subnet)
        .with("Ipv4PrefixCount", 1)
        .with("Ipv6Addresses.1.Ipv6Address", "2001:db8:0:101::77");
    let reply = world.done(create);
    assert_eq!(text(&reply.body, "ipv6Address"), "2001:db8:0:101::77");
    let Some(Effect::EniCreated { addresses, ipv6_addresses, .. }) = reply.effects.first() else {
        panic!("{:?}", reply.effects)
    };
    assert_eq!((addresses.len(), ipv6_addresses.len()), (2, 1));
    let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet);
    let reply = world.done(create.with("Ipv6PrefixCount", 2));
    let prefixes = text(&reply.body, "ipv6PrefixSet");
    assert_eq!(texts(&prefixes, "ipv6Prefix").len(), 2);
}

#[test]
fn what_ipv6_cannot_be_had_is_refused_and_nothing_is_taken() {
    let mut world = world();
    let (primary, elsewhere) = (world.primary.clone(), world.create(&world.small.clone()));
    world.done(assign(&primary).with("Ipv6Addresses.1", "2001:db8:0:101::9"));
    let other = world.create(&world.subnet.clone());
    let rows = [
        (assign(&elsewhere).with("Ipv6AddressCount", 1), "InvalidParameterValue"),
        (assign(&other).with("Ipv6Addresses.1", "2001:db8:0:101::9"), "InvalidIPAddress.InUse"),
        (assign(&other).with("Ipv6Addresses.1", "2001:db8:0:101::3"), "InvalidParameterValue"),
        (assign(&other).with("Ipv6Addresses.1", "2001:db8:0:102::9"), "InvalidParameterValue"),
        (assign(&other).with("Ipv6Addresses.1", "10.0.1.9"), "InvalidParameterValue"),
        (assign(&other).with("Ipv6Prefix.1", "2001:db8:0:101::/80"), "InsufficientCidrBlocks"),
        (assign(&other).with("Ipv6Prefix.1", "2001:db8:0:101::/96"), "InvalidParameterValue"),
        (assign(&other).with("Ipv6AddressCount", 0), "InvalidParameterValue"),
        (assign(&other), "MissingParameter"),
        (
            assign(&other).with("Ipv6AddressCount", 1).with("Ipv6PrefixCount", 1),
            "InvalidParameterCombination",
        ),
        (assign(&primary).with("Ipv6AddressCount", 10), "PrivateIpAddressLimitExceeded"),
        (unassign(&primary).with("Ipv6Addresses.1", "2001:db8:0:101::10"), "InvalidParameterValue"),
        (unassign(&primary), "MissingParameter"),
    ];
    for (request, code) in rows {
        let asked = request.params.clone();
        assert_eq!(world.refused(request).0, code, "{asked:?}");
    }
    // The IPv4 half fails: the IPv6 half is not taken either.
    let create = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet);
    let create = create.with("PrivateIpAddress", "10.0.1.4").with("Ipv6AddressCount", 1);
    assert_eq!(world.refused(create).0, "InvalidIPAddress.InUse");
}

#[test]
fn addresses_come_back_by_unassign_and_by_delete() {
    let mut world = world();
    let eni = world.create(&world.subnet.clone());
    world.done(assign(&eni).with("Ipv6AddressCount", 1));
    world.done(assign(&eni).with("Ipv6PrefixCount", 1));
    let reply = world.done(unassign(&eni).with("Ipv6Prefix.1", "2001:db8:0:101:1::/80"));
    assert_eq!(items(&reply.body, "unassignedIpv6PrefixSet"), ["2001:db8:0:101:1::/80"]);
    let removed = Effect::Ipv6Removed { eni: eni.clone(), address: "2001:db8:0:101:1::/80".parse().unwrap() };
    assert_eq!(reply.effects, vec![removed]);
    world.done(QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", &eni));
    let body = world.done(assign(&world.primary.clone()).with("Ipv6AddressCount", 1)).body;
    assert_eq!(items(&body, "assignedIpv6Addresses"), ["2001:db8:0:101::4"]);
}

#[test]
fn an_instance_type_without_ipv6_takes_none() {
    let mut world = world();
    let spec = InstanceSpec::new("m3.large", &world.subnet);
    let old = world.region.launch_instance(spec, world.now).unwrap().enis[0].clone();
    assert_eq!(world.refused(assign(&old).with("Ipv6AddressCount", 1)).0, "PrivateIpAddressLimitExceeded");
    let types = QueryRequest::new("DescribeInstanceTypes").with("InstanceType.1", "m3.large");
    assert_eq!(text(&world.done(types).body, "ipv6Supported"), "false");
    let full = InterfaceSpec { device_index: 1, ipv6_prefixes: 11, ..InterfaceSpec::default() };
    let spec = InstanceSpec::new("m5.large", &world.subnet).with_interface(full);
    assert!(world.region.launch_instance(spec, world.now).is_err());
}

#[test]
fn the_metadata_service_shows_it_late_and_describes_show_it_at_once() {
    let mut world = world();
    world.knobs(|knobs| knobs.imds.addresses_milliseconds = 500);
    let primary = world.primary.clone();
    let mac = world.region.eni(&primary).unwrap().mac;
    let key = |world: &World, key: &str, at: u64| {
        let path = format!("/latest/meta-data/network/interfaces/macs/{mac}/{key}");
        let reply = world.region.imds(&world.node, &path, milliseconds(at));
        if reply.status == 200 { reply.body } else { reply.status.to_string() }
    };
    world.done(assign(&primary).with("Ipv6AddressCount", 2));
    world.done(assign(&primary).with("Ipv6PrefixCount", 1));
    let rows = [
        ("ipv6s", 499, "404"),
        ("ipv6s", 500, "2001:db8:0:101::4\n2001:db8:0:101::5"),
        ("ipv6-prefix", 499, "404"),
        ("ipv6-prefix", 500, "2001:db8:0:101:1::/80"),
        ("subnet-ipv6-cidr-blocks", 0, "2001:db8:0:101::/64"),
        ("vpc-ipv6-cidr-blocks", 0, "2001:db8:0:100::/56"),
    ];
    for (name, at, expected) in rows {
        assert_eq!(key(&world, name, at), expected, "{name} at {at}");
    }
    let body = world.done(QueryRequest::new("DescribeNetworkInterfaces")).body;
    assert_eq!(texts(&body, "ipv6Address"), ["2001:db8:0:101::4", "2001:db8:0:101::5"]);
    assert_eq!(text(&body, "ipv6Prefix"), "2001:db8:0:101:1::/80");
    let instances = world.done(QueryRequest::new("DescribeInstances")).body;
    assert_eq!(text(&instances, "ipv6Address"), "2001:db8:0:101::4");
    let subnets = world.done(QueryRequest::new("DescribeSubnets")).body;
    assert_eq!(texts(&subnets, "ipv6CidrBlock"), ["2001:db8:0:101::/64"]);
    let vpcs = world.done(QueryRequest::new("DescribeVpcs")).body;
    assert_eq!(texts(&vpcs, "ipv6CidrBlock"), ["2001:db8:0:100::/56"]);
}

#[test]
fn blocks_that_ec2_would_refuse_are_not_given() {
    let mut world = world();
    let (vpc, subnet, small) = (world.vpc.clone(), world.subnet.clone(), world.small.clone());
    for cidr in ["2001:db8:0:100::/57", "2001:db8::/40", "2001:db8:0:1ff::/56", "2001:db8:0:100::/60"] {
        assert!(world.region.add_vpc_ipv6(&vpc, cidr.parse().unwrap()).is_err(), "{cidr}");
    }
    for cidr in ["2001:db8:0:201::/64", "2001:db8:0:101::/64", "2001:db8:0:102::/65"] {
        assert!(world.region.set_subnet_ipv6(&small, cidr.parse().unwrap()).is_err(), "{cidr}");
    }
    assert!(world.region.set_subnet_ipv6(&subnet, "2001:db8:0:103::/64".parse().unwrap()).is_err());
}
