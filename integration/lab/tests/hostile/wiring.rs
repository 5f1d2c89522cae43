//! A node with two ENIs, and pods wired on it by hand as the product should.

use lab::{Binaries, Netns, World, WorldSpec};
use region::{InstanceSpec, InterfaceSpec, Knobs};
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// A node: eth0 in 10.0.0.0/24, eth1 in 10.0.1.0/24 with table 2, three addresses for pods on each.
pub(crate) struct Node {
    pub(crate) netns: Netns,
    pub(crate) address: Ipv4Addr,
    /// Addresses for pods, by device.
    pub(crate) free: [Vec<Ipv4Addr>; 2],
}

pub(crate) struct Pod {
    pub(crate) netns: Netns,
    pub(crate) address: Ipv4Addr,
}

pub(crate) async fn world() -> World {
    let spec = WorldSpec {
        vpc: "10.0.0.0/16".parse().unwrap(),
        subnets: vec![
            ("a".to_owned(), "10.0.0.0/24".parse().unwrap()),
            ("b".to_owned(), "10.0.1.0/24".parse().unwrap()),
        ],
        knobs: Knobs::default(),
        faults: Vec::new(),
        imds_faults: Vec::new(),
    };
    World::create(&spec).await.unwrap()
}

pub(crate) async fn node(world: &mut World, name: &str) -> Node {
    let instance = InstanceSpec::new("m5.large", world.subnet("a").unwrap())
        .with_secondary_addresses(3)
        .with_interface(InterfaceSpec {
            device_index: 1,
            subnet: Some(world.subnet("b").unwrap().clone()),
            secondary_addresses: 3,
            ..InterfaceSpec::default()
        });
    let binaries = Binaries { daemon: PathBuf::from("/bin/true"), shim: PathBuf::from("/bin/true") };
    world.add_node(name, instance, &binaries).await.unwrap();
    let node = world.node(name).unwrap();
    let (instance, netns, address) = (node.instance.clone(), node.node.netns().clone(), node.address);
    let (own, free) = world
        .region()
        .ask(move |desk| {
            let enis = desk.region.enis_of(&instance);
            (enis[1].primary, [enis[0].secondaries.clone(), enis[1].secondaries.clone()])
        })
        .await
        .unwrap();
    netns
        .ip_batch(&format!(
            "link set eth1 up\naddr add {own}/32 dev eth1\n\
             route add default via 10.0.1.1 dev eth1 onlink table 2\nrule add from {own} lookup 2 priority 32765\n"
        ))
        .await
        .unwrap();
    Node { netns, address, free }
}

/// A pod on this device, with the peer's rules and names.
pub(crate) async fn pod(world: &World, node: &mut Node, device: usize, name: &str) -> Pod {
    let address = node.free[device].pop().unwrap();
    let netns = Netns::create(world.run().namespace(name)).await.unwrap();
    let link = format!("eni{name}");
    node.netns
        .ip_batch(&format!(
            "link add name {link} type veth peer name eth0 netns {}\nlink set {link} up\n\
             route add {address}/32 dev {link}\nrule add to {address} lookup main priority 512\n",
            netns.name()
        ))
        .await
        .unwrap();
    if device == 1 {
        node.netns.ip_batch(&format!("rule add from {address} lookup 2 priority 1536\n")).await.unwrap();
    }
    let links = node.netns.ip(&["-j", "link", "show", &link]).await.unwrap();
    let links: serde_json::Value = serde_json::from_str(&links).unwrap();
    let mac = links[0]["address"].as_str().unwrap();
    netns
        .ip_batch(&format!(
            "link set eth0 up\naddr add {address}/32 dev eth0\nroute add 169.254.1.1 dev eth0 scope link\n\
             route add default via 169.254.1.1 dev eth0\nneigh add 169.254.1.1 lladdr {mac} nud permanent dev eth0\n"
        ))
        .await
        .unwrap();
    Pod { netns, address }
}
