//! The lab itself, without the product: the fabric drops what EC2 would, EC2 and the metadata service answer inside it, and
//! nothing is left. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use http_body_util::Full;
use hyper::Request;
use hyper::body::Bytes;
use lab::{Binaries, EC2_ADDRESS, Echo, Netns, World, WorldSpec, http, is_root, probe};
use region::{Fault, FaultRule, InstanceSpec, InterfaceSpec, Knobs, When};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

fn spec() -> WorldSpec {
    WorldSpec {
        vpc: "10.0.0.0/16".parse().unwrap(),
        subnets: vec![
            ("a".to_owned(), "10.0.0.0/24".parse().unwrap()),
            ("b".to_owned(), "10.0.1.0/24".parse().unwrap()),
        ],
        knobs: Knobs::default(),
        faults: Vec::new(),
        imds_faults: Vec::new(),
    }
}

fn no_binaries() -> Binaries {
    Binaries { daemon: PathBuf::from("/bin/true"), shim: PathBuf::from("/bin/true") }
}

/// A node with a second ENI that has two secondary addresses.
async fn two_enis(world: &mut World) -> (Netns, Ipv4Addr, Ipv4Addr) {
    let instance = InstanceSpec::new("m5.large", world.subnet("a").unwrap()).with_interface(InterfaceSpec {
        device_index: 1,
        subnet: Some(world.subnet("b").unwrap().clone()),
        secondary_addresses: 2,
        ..InterfaceSpec::default()
    });
    world.add_node("node", instance, &no_binaries()).await.unwrap();
    let node = world.node("node").unwrap();
    let instance = node.instance.clone();
    let (own, pod) = world
        .region()
        .ask(move |desk| {
            let enis = desk.region.enis_of(&instance);
            (enis[1].primary, enis[1].secondaries[0])
        })
        .await
        .unwrap();
    (node.node.netns().clone(), own, pod)
}

/// A pod wired by hand: a veth pair, its routes, and the route to it. The ENI gets its own address: without one the node
/// would ask for its router under eth0's address, and the VPC drops that.
async fn wire(world: &World, node: &Netns, own: Ipv4Addr, pod_address: Ipv4Addr) -> Netns {
    let pod = Netns::create(world.run().namespace("pod")).await.unwrap();
    node.ip_batch(&format!(
        "link add name enipod type veth peer name eth0 netns {}\n\
         link set enipod up\nroute add {pod_address}/32 dev enipod\n\
         rule add to {pod_address} lookup main priority 512\n\
         link set eth1 up\naddr add {own}/32 dev eth1\n\
         route add default via 10.0.1.1 dev eth1 onlink table 2\n",
        pod.name()
    ))
    .await
    .unwrap();
    let links = node.ip(&["-j", "link", "show", "enipod"]).await.unwrap();
    let links: serde_json::Value = serde_json::from_str(&links).unwrap();
    let mac = links[0]["address"].as_str().unwrap();
    pod.ip_batch(&format!(
        "link set eth0 up\naddr add {pod_address}/32 dev eth0\nroute add 169.254.1.1 dev eth0 scope link\n\
         route add default via 169.254.1.1 dev eth0\nneigh add 169.254.1.1 lladdr {mac} nud permanent dev eth0\n"
    ))
    .await
    .unwrap();
    pod
}

#[tokio::test]
async fn a_packet_that_leaves_by_the_wrong_eni_is_dropped_and_by_the_right_one_arrives() {
    if !is_root() {
        println!("SKIPPED the fabric: not root");
        return;
    }
    let mut world = World::create(&spec()).await.unwrap();
    let (node, own, address) = two_enis(&mut world).await;
    let pod = wire(&world, &node, own, address).await;
    let outside = world.outside();

    // Without a from-rule the pod's packets leave by eth0, whose ENI does not have their source.
    let wrong = probe(&pod, address, outside.address, 3).await.unwrap();
    assert!(wrong.none(), "{wrong}");
    let drops = world.fabric().drops().await.unwrap();
    assert!(drops.values().sum::<u64>() >= 3, "{drops:?}");

    node.ip_batch(&format!("rule add from {address} lookup 2 priority 1536\n")).await.unwrap();
    let _echo = Echo::start(&pod, address).unwrap();
    let outward = probe(&pod, address, outside.address, 10).await.unwrap();
    let inward = probe(&outside.netns, outside.address, address, 10).await.unwrap();
    assert!(outward.all() && inward.all(), "{outward} {inward}");
    assert_eq!(world.fabric().drops().await.unwrap(), drops, "nothing more is dropped");
}

#[tokio::test]
async fn a_node_starts_hostile_and_its_second_device_is_down_and_without_address() {
    if !is_root() {
        println!("SKIPPED nodes: not root");
        return;
    }
    let mut world = World::create(&spec()).await.unwrap();
    let (node, own, _) = two_enis(&mut world).await;
    for (setting, value) in
        [("all/rp_filter", "1"), ("default/rp_filter", "1"), ("eth0/rp_filter", "1"), ("eth1/rp_filter", "1")]
    {
        let path = format!("/proc/sys/net/ipv4/conf/{setting}");
        let found = node.within(move || std::fs::read_to_string(path)).unwrap();
        assert_eq!(found.trim(), value, "{setting}");
    }
    let device = node.ip(&["-br", "addr", "show", "eth1"]).await.unwrap();
    assert!(device.contains("DOWN") && !device.contains(&own.to_string()), "{device}");
}

#[tokio::test]
async fn metadata_answers_inside_the_node_with_a_token_only() {
    if !is_root() {
        println!("SKIPPED the metadata service: not root");
        return;
    }
    let mut world = World::create(&spec()).await.unwrap();
    let (node, _, _) = two_enis(&mut world).await;
    let imds = SocketAddr::from((Ipv4Addr::new(169, 254, 169, 254), 80));
    let path = "/latest/meta-data/instance-id";
    let (status, _) = http::get(&node, imds, path).await.unwrap();
    assert_eq!(status, 401);
    let put = Request::put("/latest/api/token")
        .header("x-aws-ec2-metadata-token-ttl-seconds", "60")
        .body(Full::default())
        .unwrap();
    let (status, token) = http::send(&node, imds, put).await.unwrap();
    assert_eq!(status, 200);
    let get = Request::get(path).header("x-aws-ec2-metadata-token", token).body(Full::default()).unwrap();
    let (status, id) = http::send(&node, imds, get).await.unwrap();
    assert_eq!((status, id.as_str()), (200, world.node("node").unwrap().instance.as_str()));
}

async fn call(node: &Netns, body: String) -> anyhow::Result<(u16, String)> {
    let post = Request::post("/").body(Full::new(Bytes::from(body)))?;
    http::send(node, SocketAddr::from((EC2_ADDRESS, 80)), post).await
}

#[tokio::test]
async fn an_address_that_ec2_assigns_is_carried_by_the_fabric_when_the_answer_comes() {
    if !is_root() {
        println!("SKIPPED EC2 over HTTP: not root");
        return;
    }
    let mut world = World::create(&WorldSpec {
        knobs: Knobs {
            latency_milliseconds: [("AssignPrivateIpAddresses".to_owned(), 200)].into(),
            ..Knobs::default()
        },
        ..spec()
    })
    .await
    .unwrap();
    let (node, own, _) = two_enis(&mut world).await;
    let instance = world.node("node").unwrap().instance.clone();
    let caller = instance.clone();
    let eni = world.region().ask(move |desk| desk.region.enis_of(&instance)[1].id.clone()).await.unwrap();
    let begun = tokio::time::Instant::now();
    let (status, body) = call(
        &node,
        format!(
            "Action=AssignPrivateIpAddresses&Version=2016-11-15&NetworkInterfaceId={eni}&SecondaryPrivateIpAddressCount=1"
        ),
    )
    .await
    .unwrap();
    assert_eq!(status, 200, "{body}");
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let address: Ipv4Addr = body
        .split("<privateIpAddress>")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .unwrap()
        .parse()
        .unwrap();
    let (callers, violations) = world
        .region()
        .ask(|desk| {
            let entries = desk.region.journal().entries();
            let callers: Vec<_> = entries.map(|entry| entry.caller.clone()).collect();
            (callers, desk.violations.clone())
        })
        .await
        .unwrap();
    assert_eq!(callers, [Some(caller)], "who asked is told by the address it asked from");
    assert_eq!(violations, Vec::<String>::new());
    let pod = wire(&world, &node, own, address).await;
    node.ip_batch(&format!("rule add from {address} lookup 2 priority 1536\n")).await.unwrap();
    let outward = probe(&pod, address, world.outside().address, 5).await.unwrap();
    assert!(outward.all(), "{outward}");
}

#[tokio::test]
async fn a_dropped_call_ends_its_connection_and_what_was_applied_stays() {
    if !is_root() {
        println!("SKIPPED lost calls: not root");
        return;
    }
    let mut world = World::create(&WorldSpec {
        faults: vec![FaultRule::new("CreateTags", When::First(1), Fault::ApplyThenDrop)],
        ..spec()
    })
    .await
    .unwrap();
    let (node, _, _) = two_enis(&mut world).await;
    let instance = world.node("node").unwrap().instance.clone();
    let body =
        format!("Action=CreateTags&Version=2016-11-15&ResourceId.1={instance}&Tag.1.Key=a&Tag.1.Value=b");
    assert!(call(&node, body.clone()).await.is_err());
    assert_eq!(call(&node, body).await.unwrap().0, 200);
    let tags =
        world.region().ask(move |desk| desk.region.instance(&instance).unwrap().tags.clone()).await.unwrap();
    assert_eq!(tags.get("a").map(String::as_str), Some("b"));
}

#[tokio::test]
async fn an_eni_that_is_attached_by_call_appears_on_the_node_after_its_time() {
    if !is_root() {
        println!("SKIPPED attaching: not root");
        return;
    }
    let mut world =
        World::create(&WorldSpec { knobs: Knobs { attach_milliseconds: 300, ..Knobs::default() }, ..spec() })
            .await
            .unwrap();
    let (node, _, _) = two_enis(&mut world).await;
    let subnet = world.subnet("a").unwrap().clone();
    let instance = world.node("node").unwrap().instance.clone();
    let (status, body) =
        call(&node, format!("Action=CreateNetworkInterface&Version=2016-11-15&SubnetId={subnet}"))
            .await
            .unwrap();
    assert_eq!(status, 200, "{body}");
    let eni = body.split("<networkInterfaceId>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let (status, body) = call(
        &node,
        format!(
            "Action=AttachNetworkInterface&Version=2016-11-15&NetworkInterfaceId={eni}&InstanceId={instance}&DeviceIndex=2"
        ),
    )
    .await
    .unwrap();
    assert_eq!(status, 200, "{body}");
    assert!(!node.ip(&["-br", "link"]).await.unwrap().contains("eth2"));
    let looked = lab::until::quiet(Duration::from_secs(10), || async {
        let links = node.ip(&["-br", "link"]).await?;
        Ok((!links.contains("eth2")).then_some(links))
    })
    .await
    .unwrap();
    assert_eq!(looked, None);
    world.sound().await.unwrap();
}

#[tokio::test]
async fn nothing_is_left_when_a_world_is_dropped() {
    if !is_root() {
        println!("SKIPPED the end of a world: not root");
        return;
    }
    let mut world = World::create(&spec()).await.unwrap();
    let (node, own, address) = two_enis(&mut world).await;
    wire(&world, &node, own, address).await;
    let directory = world.run().directory().to_path_buf();
    let prefix = world.run().namespace("");
    drop(world);
    let left: Vec<String> = std::fs::read_dir("/run/netns")
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(&prefix))
        .collect();
    assert!(left.is_empty() && !directory.exists(), "{left:?}");
}
