//! The metadata service: every path a node reads, and how late it is.

use super::support::{World, milliseconds};
use crate::{NEVER_MILLISECONDS, QueryRequest, TOKEN_TTL_SECONDS_MAX};
use std::time::Duration;

fn get(world: &World, path: &str) -> String {
    let reply = world.region.imds(&world.node, path, world.now);
    if reply.status == 200 { reply.body } else { reply.status.to_string() }
}

fn key(world: &World, eni: &crate::EniId, key: &str) -> String {
    let mac = world.region.eni(eni).unwrap().mac;
    get(world, &format!("/latest/meta-data/network/interfaces/macs/{mac}/{key}"))
}

#[test]
fn a_node_reads_who_it_is() {
    let world = World::new();
    let primary = world.region.eni(&world.primary).unwrap();
    let rows = [
        ("instance-id", world.node.to_string()),
        ("instance-type", "m5.large".to_owned()),
        ("local-ipv4", "10.0.1.4".to_owned()),
        ("local-hostname", "ip-10-0-1-4.eu-west-1.compute.internal".to_owned()),
        ("mac", primary.mac.to_string()),
        ("placement/availability-zone", "eu-west-1a".to_owned()),
        ("placement/availability-zone-id", "euw1-az1".to_owned()),
        ("placement/region", "eu-west-1".to_owned()),
        ("placement", "availability-zone\navailability-zone-id\nregion".to_owned()),
        ("network/interfaces/macs", format!("{}/", primary.mac)),
        ("network/interfaces/macs/", format!("{}/", primary.mac)),
        ("ipv6", "404".to_owned()),
        ("instance-i", "404".to_owned()),
        ("instance-id/", "404".to_owned()),
        ("security-groups", "default".to_owned()),
    ];
    for (path, expected) in rows {
        assert_eq!(get(&world, &format!("/latest/meta-data/{path}")), expected, "{path}");
    }
    assert_eq!(get(&world, "/latest"), "dynamic/\nmeta-data/");
    assert_eq!(get(&world, "/"), "latest");
    assert_eq!(get(&world, "/2009-04-04/meta-data/instance-id"), "404");
    assert_eq!(get(&world, "/latestmeta-data"), "404");
}

#[test]
fn an_interface_shows_every_key_the_node_reads() {
    let mut world = World::new();
    world.done(world.assign_request(&world.primary.clone(), 1));
    let rows = [
        ("interface-id", world.primary.to_string()),
        ("device-number", "0".to_owned()),
        ("subnet-id", world.subnet.to_string()),
        ("vpc-id", world.vpc.to_string()),
        ("security-group-ids", world.group.to_string()),
        ("local-ipv4s", "10.0.1.4\n10.0.1.5".to_owned()),
        ("subnet-ipv4-cidr-block", "10.0.1.0/24".to_owned()),
        ("vpc-ipv4-cidr-block", "10.0.0.0/16".to_owned()),
        ("vpc-ipv4-cidr-blocks", "10.0.0.0/16\n100.64.0.0/16".to_owned()),
        ("owner-id", "123456789012".to_owned()),
        ("ipv4-prefix", "404".to_owned()),
        ("ipv6s", "404".to_owned()),
        ("network-card", "404".to_owned()),
        (
            "",
            "device-number\ninterface-id\nlocal-hostname\nlocal-ipv4s\nmac\nowner-id\nsecurity-group-ids\nsecurity-groups\n\
             subnet-id\nsubnet-ipv4-cidr-block\nvpc-id\nvpc-ipv4-cidr-block\nvpc-ipv4-cidr-blocks"
                .to_owned(),
        ),
    ];
    for (name, expected) in rows {
        assert_eq!(key(&world, &world.primary, name), expected, "{name}");
    }
    let prefix = QueryRequest::new("AssignPrivateIpAddresses")
        .with("NetworkInterfaceId", &world.primary)
        .with("Ipv4PrefixCount", 2);
    world.done(prefix);
    assert_eq!(key(&world, &world.primary, "ipv4-prefix"), "10.0.1.16/28\n10.0.1.32/28");
}

#[test]
fn only_types_with_several_cards_show_a_card() {
    let world = World::of("p4d.24xlarge");
    assert_eq!(key(&world, &world.primary, "network-card"), "0");
}

#[test]
fn an_attached_interface_appears_in_stages() {
    let mut world = World::new();
    world.knobs(|knobs| {
        knobs.attach_milliseconds = 1_000;
        knobs.imds.listed_milliseconds = 100;
        knobs.imds.readable_milliseconds = 300;
        knobs.imds.addresses_milliseconds = 750;
    });
    let eni = world.create(&world.subnet.clone());
    world.attach(&eni, 1);
    world.done(world.assign_request(&eni, 1));
    let mac = world.region.eni(&eni).unwrap().mac.to_string();
    let rows = [
        (1_099, false, "404", "404"),
        (1_100, true, "404", "404"),
        (1_299, true, "404", "404"),
        (1_300, true, "1", "10.0.1.5"),
        (1_749, true, "1", "10.0.1.5"),
        (1_750, true, "1", "10.0.1.5\n10.0.1.6"),
    ];
    for (at, listed, device, addresses) in rows {
        // Reading needs no advance: time alone decides.
        world.now = milliseconds(at);
        assert_eq!(
            get(&world, "/latest/meta-data/network/interfaces/macs/").contains(&mac),
            listed,
            "at {at}"
        );
        assert_eq!(key(&world, &eni, "device-number"), device, "at {at}");
        assert_eq!(key(&world, &eni, "local-ipv4s"), addresses, "at {at}");
    }
    let effects = world.region.advance(world.now);
    assert!(effects.iter().any(|effect| matches!(effect, crate::Effect::EniVisible { .. })), "{effects:?}");
}

#[test]
fn assigned_and_unassigned_addresses_are_shown_late_and_in_order() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.imds.addresses_milliseconds = 500);
    let primary = world.primary.clone();
    world.done(world.assign_request(&primary, 1));
    world.now = milliseconds(100);
    let unassign = QueryRequest::new("UnassignPrivateIpAddresses")
        .with("NetworkInterfaceId", &primary)
        .with("PrivateIpAddress.1", "10.0.1.5");
    world.done(unassign);
    for (at, expected) in
        [(499, "10.0.1.4"), (500, "10.0.1.4\n10.0.1.5"), (599, "10.0.1.4\n10.0.1.5"), (600, "10.0.1.4")]
    {
        world.now = milliseconds(at);
        assert_eq!(key(&world, &primary, "local-ipv4s"), expected, "at {at}");
    }
}

#[test]
fn a_detached_interface_lingers_first_without_keys_then_goes() {
    let mut world = World::new();
    let eni = world.create(&world.subnet.clone());
    let attachment = world.attach(&eni, 1);
    world.knobs(|knobs| {
        knobs.detach_milliseconds = 1_000;
        knobs.imds.keys_gone_milliseconds = 200;
        knobs.imds.mac_gone_milliseconds = 300_000;
    });
    world.done(QueryRequest::new("DetachNetworkInterface").with("AttachmentId", attachment));
    let mac = world.region.eni(&eni).unwrap().mac.to_string();
    for (at, device, listed) in
        [(1_199, "1", true), (1_200, "404", true), (300_999, "404", true), (301_000, "404", false)]
    {
        world.now = milliseconds(at);
        world.region.advance(world.now);
        assert_eq!(key(&world, &eni, "device-number"), device, "at {at}");
        assert_eq!(
            get(&world, "/latest/meta-data/network/interfaces/macs").contains(&mac),
            listed,
            "at {at}"
        );
    }
}

#[test]
fn a_service_that_never_shows_an_interface_is_a_setting() {
    let mut world = World::new();
    world.knobs(|knobs| knobs.imds.listed_milliseconds = NEVER_MILLISECONDS);
    let eni = world.create(&world.subnet.clone());
    world.attach(&eni, 1);
    let mac = world.region.eni(&eni).unwrap().mac.to_string();
    world.now = Duration::from_hours(1_000);
    assert!(!get(&world, "/latest/meta-data/network/interfaces/macs").contains(&mac));
    assert_eq!(world.region.next_transition(), None);
}

#[test]
fn tokens_are_issued_checked_and_expire() {
    let mut world = World::new();
    let node = world.node.clone();
    for ttl in [None, Some(0), Some(TOKEN_TTL_SECONDS_MAX + 1)] {
        assert_eq!(world.region.imds_token(&node, ttl, world.now).unwrap_err().status, 400);
    }
    let token = world.region.imds_token(&node, Some(60), world.now).unwrap();
    assert_eq!(
        world
            .region
            .imds_get(&node, Some(&token), "/latest/meta-data/instance-id", milliseconds(59_999))
            .status,
        200
    );
    for (token, now) in [(Some(token.as_str()), 60_000), (Some("AQAEA"), 0), (None, 0)] {
        let reply = world.region.imds_get(&node, token, "/latest/meta-data/instance-id", milliseconds(now));
        assert_eq!((reply.status, reply.body.contains(node.as_str())), (401, false));
    }
    let spec = crate::InstanceSpec::new("m5.large", &world.subnet);
    let other = world.region.launch_instance(spec, world.now).unwrap().instance;
    assert!(
        world.region.imds_check(&other, Some(&token), world.now).is_err(),
        "a token is good for its instance"
    );
}

#[test]
fn the_identity_document_names_the_region() {
    let world = World::new();
    let document = get(&world, "/latest/dynamic/instance-identity/document");
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    for (name, expected) in [
        ("region", "eu-west-1"),
        ("accountId", "123456789012"),
        ("instanceId", world.node.as_str()),
        ("privateIp", "10.0.1.4"),
        ("availabilityZone", "eu-west-1a"),
        ("pendingTime", "2026-01-01T00:00:00Z"),
    ] {
        assert_eq!(document[name], expected);
    }
}

#[test]
fn role_credentials_expire_and_are_renewed_at_half_their_life() {
    let mut world = World::new();
    assert_eq!(get(&world, "/latest/meta-data/iam/security-credentials/"), "node");
    let read = |world: &World| -> serde_json::Value {
        serde_json::from_str(&get(world, "/latest/meta-data/iam/security-credentials/node")).unwrap()
    };
    let first = read(&world);
    assert_eq!((&first["Code"], &first["Type"]), (&"Success".into(), &"AWS-HMAC".into()));
    assert_eq!(first["Expiration"], "2026-01-01T06:00:00Z");
    world.now = Duration::from_secs(3 * 3_600);
    let second = read(&world);
    assert_eq!(second["Expiration"], "2026-01-01T09:00:00Z");
    assert_ne!(first["AccessKeyId"], second["AccessKeyId"]);
}

#[test]
fn an_instance_without_a_profile_has_no_credentials() {
    let mut world = World::new();
    let spec = crate::InstanceSpec { role: None, ..crate::InstanceSpec::new("m5.large", &world.subnet) };
    let bare = world.region.launch_instance(spec, world.now).unwrap().instance;
    let reply = world.region.imds(&bare, "/latest/meta-data/iam/security-credentials/", world.now);
    assert_eq!(reply.status, 404);
    world.region.terminate_instance(&bare, world.now).unwrap();
    assert_eq!(world.region.imds(&bare, "/latest/meta-data/instance-id", world.now).status, 404);
}
