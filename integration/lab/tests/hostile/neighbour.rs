//! The neighbour: it minds its own bits, and tells who does not.

use lab::is_root;
use lab::neighbour::{Marks, Neighbour};
use lab::proxy::{Form, Proxy, TrafficPolicy};
use lab::teller::{Teller, ask};
use std::time::Duration;

use crate::proxy::service;
use crate::wiring::{self, Node};

const PAUSE: Duration = Duration::from_millis(50);

/// Waits until its tables were reloaded at least twice more: the second of them began after this was called.
async fn reloaded(neighbour: &mut Neighbour) -> Marks {
    let before = neighbour.marks().await.unwrap().reloads;
    let limit = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let marks = neighbour.marks().await.unwrap();
        if marks.reloads >= before + 2 {
            return marks;
        }
        assert!(tokio::time::Instant::now() < limit, "{marks:?}");
        lab::until::pause().await;
    }
}

async fn disturb(node: &Node, form: Form, rule: &str) {
    let program = if form == Form::IptablesLegacy { "iptables-legacy" } else { "iptables-nft" };
    let mut arguments = vec!["-w", "-t", "mangle"];
    arguments.extend(rule.split(' '));
    node.netns.run(program, &arguments, "").await.unwrap();
}

#[tokio::test]
async fn a_neighbour_that_reloads_keeps_its_counts_and_tells_who_takes_its_bits() {
    if !is_root() {
        println!("SKIPPED the neighbour: not root");
        return;
    }
    for form in [Form::IptablesLegacy, Form::IptablesNft, Form::Nftables] {
        let mut world = wiring::world().await;
        let mut node = wiring::node(&mut world, "node").await;
        let web = wiring::pod(&world, &mut node, 0, "web").await;
        let _teller = Teller::start(&web.netns, web.address, "web").unwrap();
        let outside = world.outside();
        let mut neighbour = Neighbour::start(node.netns.clone(), form, PAUSE).await.unwrap();
        let mut proxy = Proxy::new(node.netns.clone(), form, node.address);
        proxy.sync(&[service(TrafficPolicy::Cluster, &node, &[&web])], &[]).await.unwrap();
        let visit = async || {
            let told = ask(&outside.netns, outside.address, (node.address, 30_080), 5).await.unwrap();
            assert_eq!(told.len(), 5, "{form:?}");
        };

        // Whoever keeps to its own bits is no trouble: kube-proxy's 0x4000, and 0x80.
        disturb(&node, form, "-A PREROUTING -j CONNMARK --set-xmark 0x80/0x80").await;
        disturb(&node, form, "-A PREROUTING -j CONNMARK --restore-mark --mask 0x80").await;
        visit().await;
        let marks = reloaded(&mut neighbour).await;
        assert!(marks.checked >= 10, "{form:?} {marks:?}: questions and answers, and no reload forgets them");
        assert_eq!(marks.wrong(), None, "{form:?}");

        // A restored mark without a mask takes the packet's bits; a connmark without one the connection's.
        for rule in ["PREROUTING -j CONNMARK --restore-mark", "PREROUTING -j CONNMARK --set-mark 0x80"] {
            let before = neighbour.marks().await.unwrap();
            disturb(&node, form, &format!("-A {rule}")).await;
            visit().await;
            let after = neighbour.marks().await.unwrap();
            assert!(after.lost > before.lost && after.wrong().is_some(), "{form:?} {rule}: {after:?}");
            disturb(&node, form, &format!("-D {rule}")).await;
        }
        // Bits that are there before it set any.
        let early = "table ip early { chain first { type filter hook prerouting priority raw; mark set mark or 0x10000; }; }\n";
        node.netns.nft(early).await.unwrap();
        visit().await;
        assert!(neighbour.marks().await.unwrap().foreign > 0, "{form:?}");
    }
}
