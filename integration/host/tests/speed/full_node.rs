//! How long the model takes on a node with so many pods, told and not judged: a simulation asks it millions of times.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use contract::model::{Mac, POD_GATEWAY, RulePriority, TableId, WiringOperation, WiringPlan};
use contract::ports::host::{HostChange, Route, RouteQuestion, Rule};
use host::{Linux, NamespaceId, Site};

fn address(pod: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 3, pod)
}

fn add_pod(node: &mut Linux, home: NamespaceId, pod: u8) {
    let host_mac = Mac([2, 0, 0, 0, 0, pod]);
    let operations = vec![
        WiringOperation::Veth { host_mac, mtu_bytes: 9001 },
        WiringOperation::QuietHostVeth,
        WiringOperation::LinkRoute { to: POD_GATEWAY },
        WiringOperation::DefaultRoute { via: POD_GATEWAY },
        WiringOperation::Address { address: address(pod) },
        WiringOperation::Neighbour { address: POD_GATEWAY, mac: host_mac },
    ];
    let site = Site {
        host: home,
        pod: node.add_namespace(),
        ifname: "eth0".to_owned(),
        host_veth: format!("eni{pod}"),
        pod_mac: Mac([2, 0, 0, 0, 1, pod]),
    };
    let end = node.carry_out(&site, &WiringPlan { operations }).unwrap();
    let route =
        Route { table: TableId(254), to: address(pod), prefix_length: 32, via: None, ifindex: end.ifindex };
    node.apply(home, &HostChange::PutRoute(route)).unwrap();
    for (priority, from, to) in [(512, None, Some(address(pod))), (1536, Some(address(pod)), None)] {
        let rule = Rule {
            priority: RulePriority(priority),
            from,
            to: to.map(Into::into),
            mark: None,
            table: TableId(254),
        };
        node.apply(home, &HostChange::AddRule(rule)).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "a measurement of real time is the point")]
fn took<T>(times: u32, mut work: impl FnMut() -> T) -> Duration {
    let began = Instant::now();
    for _ in 0..times {
        std::hint::black_box(work());
    }
    began.elapsed() / times
}

#[test]
fn a_full_node_is_made_shown_asked_and_cloned() {
    for pods in [25, 250] {
        let mut node = Linux::new(0);
        let home = node.add_namespace();
        let made = took(1, || (1..=pods).for_each(|pod| add_pod(&mut node, home, pod))) / u32::from(pods);
        let shown = took(100, || node.snapshot(home).unwrap());
        let question = RouteQuestion { to: address(pods), from: None, in_by: None, mark: None };
        let asked = took(1000, || node.route(home, question).unwrap());
        let route = Route { table: TableId(7), to: address(9), prefix_length: 32, via: None, ifindex: 2 };
        node.apply(home, &HostChange::LinkUp { ifindex: 2 }).unwrap();
        let changed = took(1000, || {
            node.apply(home, &HostChange::PutRoute(route)).unwrap();
            node.apply(home, &HostChange::RemoveRoute(route)).unwrap();
        }) / 2;
        let cloned = took(100, || node.clone());
        let copied = took(100, || {
            let mut copy = node.clone();
            copy.apply(home, &HostChange::LinkUp { ifindex: 2 }).unwrap();
            copy
        });
        println!(
            "{pods} pods: made {made:?} each, shown {shown:?}, a route asked {asked:?}, changed {changed:?}; cloned \
             {cloned:?}, and with a change to the host {copied:?}"
        );
        assert_eq!(node.snapshot(home).unwrap().links.len(), usize::from(pods) + 1);
    }
}
