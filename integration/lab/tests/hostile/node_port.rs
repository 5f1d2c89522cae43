//! The judge of NodePorts: a pod on a secondary ENI is reached only with every rule of the way back.

use lab::is_root;
use lab::proxy::{Form, Proxy, TrafficPolicy};
use lab::teller::{Teller, ask};

use crate::proxy::service;
use crate::wiring;

/// What the product must do for it, in the peer's words: connections that come in by eth0 are marked, and their answers go back
/// that way.
const RETURN_PATH: &str = "table ip test { chain back { type filter hook prerouting priority mangle;
  iifname \"eth0\" fib daddr type local ct mark set ct mark or 0x80;
  iifname \"eni*\" ct mark and 0x80 == 0x80 meta mark set meta mark or 0x80;
}; }\n";

#[tokio::test]
async fn a_node_port_of_a_pod_on_a_secondary_eni_has_no_way_back_until_all_of_its_rules_stand() {
    if !is_root() {
        println!("SKIPPED NodePorts of pods on secondary ENIs: not root");
        return;
    }
    let mut world = wiring::world().await;
    let mut node = wiring::node(&mut world, "node").await;
    let web = wiring::pod(&world, &mut node, 1, "web").await;
    let _teller = Teller::start(&web.netns, web.address, "web").unwrap();
    let outside = world.outside();
    for form in [Form::IptablesLegacy, Form::IptablesNft, Form::Nftables] {
        let mut proxy = Proxy::new(node.netns.clone(), form, node.address);
        proxy.sync(&[service(TrafficPolicy::Local, &node, &[&web])], &[]).await.unwrap();
        let to = (node.address, 30_080);
        let told = async || ask(&outside.netns, outside.address, to, 3).await.unwrap();

        // The node lets nothing in: seen from the pod, the way back is eth1.
        assert_eq!(told().await, [], "{form:?}: rp_filter is 1");
        // Without it the question arrives, and the answer leaves by eth1 with eth0's address.
        node.netns.sysctl(&[("ipv4/conf/eth0/rp_filter", "2")]).unwrap();
        let before: u64 = world.fabric().drops().await.unwrap().values().sum();
        assert_eq!(told().await, [], "{form:?}: no connmark");
        let dropped = world.fabric().drops().await.unwrap().values().sum::<u64>() - before;
        // Not the answers alone: the node even asks for its router under the wrong address.
        assert!(dropped > 0, "{form:?}: the fabric saw the answers leave by the wrong ENI");

        node.netns.nft(RETURN_PATH).await.unwrap();
        assert_eq!(told().await, [], "{form:?}: a mark that no rule reads");
        node.netns.ip_batch("rule add fwmark 0x80/0x80 lookup main priority 1024\n").await.unwrap();
        let answers = told().await;
        assert_eq!(answers.len(), 3, "{form:?}");
        assert!(answers.iter().all(|told| told.source == outside.address), "{form:?} {answers:?}");

        node.netns.ip_batch("rule del fwmark 0x80/0x80 lookup main priority 1024\n").await.unwrap();
        node.netns.nft("delete table ip test\n").await.unwrap();
        node.netns.sysctl(&[("ipv4/conf/eth0/rp_filter", "1")]).unwrap();
        proxy.remove().await.unwrap();
    }
}
