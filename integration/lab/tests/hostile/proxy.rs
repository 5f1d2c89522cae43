//! kube-proxy's and portmap's rules in their three forms, with traffic through them, synced and taken away.

use lab::proxy::{Endpoint, Form, HostPort, Proxy, Service, TrafficPolicy};
use lab::teller::{TELLER_PORT, Teller, Told, ask};
use lab::{Netns, World, is_root};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::wiring::{self, Node, Pod};

const FORMS: [Form; 3] = [Form::IptablesLegacy, Form::IptablesNft, Form::Nftables];
const CLUSTER_IP: Ipv4Addr = Ipv4Addr::new(172, 20, 0, 10);
const NODE_PORT: u16 = 30_080;
const HOST_PORT: u16 = 8080;

pub(crate) fn service(policy: TrafficPolicy, node: &Node, pods: &[&Pod]) -> Service {
    let endpoints = pods
        .iter()
        .map(|pod| Endpoint {
            address: pod.address,
            port: TELLER_PORT,
            // Every pod of these tests is on the first node.
            local: node.address == Ipv4Addr::new(10, 0, 0, 4),
        })
        .collect();
    Service {
        name: "web".into(),
        cluster_ip: CLUSTER_IP,
        port: 80,
        node_port: Some(NODE_PORT),
        policy,
        endpoints,
    }
}

fn sources(told: &[Told]) -> BTreeSet<Ipv4Addr> {
    told.iter().map(|told| told.source).collect()
}

fn answerers(told: &[Told]) -> BTreeSet<&str> {
    told.iter().map(|told| told.by.as_str()).collect()
}

async fn rules(netns: &Netns) -> String {
    let mut all = String::new();
    for (program, arguments) in [
        ("iptables-legacy-save", ["-t", "nat"].as_slice()),
        ("iptables-nft-save", &["-t", "nat"]),
        ("nft", &["list", "table", "ip", "kube-proxy"]),
    ] {
        // A table that was never there is an error of nft.
        all.push_str(&netns.run(program, arguments, "").await.unwrap_or_default());
    }
    all
}

/// By ClusterIP, NodePort and host port, from pods, nodes and outside.
async fn everybody_is_served(form: Form, world: &World, [one, two]: [&Node; 2], [api, far]: [&Pod; 2]) {
    let outside = world.outside();
    // Pods ask a ClusterIP, from the same node and from another: balanced, with their source.
    for pod in [api, far] {
        let told = ask(&pod.netns, pod.address, (CLUSTER_IP, 80), 40).await.unwrap();
        assert_eq!((told.len(), answerers(&told)), (40, ["api", "web"].into()), "{form:?}");
        let expected = if pod.address == api.address { [api.address, one.address] } else { [far.address; 2] };
        assert_eq!(
            sources(&told),
            expected.into(),
            "{form:?}: only what comes back to its asker is masqueraded"
        );
    }
    // A node asks a ClusterIP.
    let told = ask(&two.netns, Ipv4Addr::UNSPECIFIED, (CLUSTER_IP, 80), 5).await.unwrap();
    assert_eq!((told.len(), sources(&told)), (5, [two.address].into()), "{form:?}");
    // From outside by NodePort: masqueraded on the way, by whichever node.
    for node in [one, two] {
        let told = ask(&outside.netns, outside.address, (node.address, NODE_PORT), 5).await.unwrap();
        assert_eq!((told.len(), sources(&told)), (5, [node.address].into()), "{form:?}");
    }
    // By host port: with its source.
    let told = ask(&outside.netns, outside.address, (one.address, HOST_PORT), 5).await.unwrap();
    assert_eq!((answerers(&told), sources(&told)), (["web"].into(), [outside.address].into()), "{form:?}");
}

#[tokio::test]
async fn in_every_form_services_and_host_ports_lead_to_pods_with_the_right_source() {
    if !is_root() {
        println!("SKIPPED the forms of the proxy: not root");
        return;
    }
    let mut world = wiring::world().await;
    let mut one = wiring::node(&mut world, "one").await;
    let mut two = wiring::node(&mut world, "two").await;
    let web = wiring::pod(&world, &mut one, 0, "web").await;
    let api = wiring::pod(&world, &mut one, 0, "api").await;
    let far = wiring::pod(&world, &mut two, 0, "far").await;
    let _tellers = [("web", &web), ("api", &api)]
        .map(|(name, pod)| Teller::start(&pod.netns, pod.address, name).unwrap());
    let outside = world.outside();
    let host_port =
        HostPort { container_id: "c1".into(), address: web.address, port: TELLER_PORT, host_port: HOST_PORT };
    for form in FORMS {
        let mut proxies = [&one, &two].map(|node| (Proxy::new(node.netns.clone(), form, node.address), node));
        for (proxy, node) in &mut proxies {
            let services = [service(TrafficPolicy::Cluster, node, &[&web, &api])];
            proxy.sync(&services, std::slice::from_ref(&host_port)).await.unwrap();
        }
        everybody_is_served(form, &world, [&one, &two], [&api, &far]).await;

        // A sync with Local and one endpoint less: the source is kept, and a node without endpoint drops.
        for (proxy, node) in &mut proxies {
            proxy.sync(&[service(TrafficPolicy::Local, node, &[&web])], &[]).await.unwrap();
        }
        let told = ask(&outside.netns, outside.address, (one.address, NODE_PORT), 5).await.unwrap();
        assert_eq!((told.len(), sources(&told)), (5, [outside.address].into()), "{form:?}");
        assert_eq!(answerers(&told), ["web"].into(), "{form:?}");
        for to in [(two.address, NODE_PORT), (one.address, HOST_PORT)] {
            assert_eq!(ask(&outside.netns, outside.address, to, 2).await.unwrap(), [], "{form:?} {to:?}");
        }
        let written = rules(&one.netns).await;
        assert!(written.contains("default/web"), "{written}");
        assert!(!written.contains(&api.address.to_string()), "an endpoint that left is written:\n{written}");
        for (proxy, node) in &mut proxies {
            proxy.remove().await.unwrap();
            let left = rules(&node.netns).await;
            for word in ["KUBE", "kube-proxy", "CNI-"] {
                assert!(!left.contains(word), "{form:?} leaves {word}:\n{left}");
            }
        }
        assert_eq!(ask(&far.netns, far.address, (CLUSTER_IP, 80), 2).await.unwrap(), [], "{form:?}");
    }
}
