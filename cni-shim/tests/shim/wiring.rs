//! The plan in a real namespace: what stands afterwards, and that doing it twice is doing it once.

use std::net::Ipv4Addr;

use crate::daemon::{Act, Daemon};
use crate::node::{HOST_VETH, Namespace, Node};
use crate::plan::usual;

const POD: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 7);

fn wire(node: &Node, pod: &Namespace) -> crate::node::Output {
    let acts = vec![Act::Plan(usual(POD)), Act::Answer, Act::Result(POD)];
    let _daemon = Daemon::start(&node.state_directory(), acts);
    node.call("ADD", &pod.path())
}

#[test]
fn the_plan_makes_what_the_agent_we_replace_makes_and_twice_is_once() {
    let Some(node) = Node::new("the_plan_makes_what_the_agent_we_replace_makes_and_twice_is_once") else {
        return;
    };
    let pod = Namespace::new();
    assert!(wire(&node, &pod).ok);
    let (outside, inside) = (node.host.state(), pod.state());
    assert!(outside.contains(&format!(r#""{HOST_VETH}" "02:01:02:03:04:05" 9001 up=true"#)), "{outside}");
    for line in [
        "9001 up=true",
        "inet 10.0.3.7/32 scope global eth0",
        "default via 169.254.1.1 dev eth0",
        "169.254.1.1 dev eth0 scope link",
        "169.254.1.1 dev eth0 lladdr 02:01:02:03:04:05 PERMANENT",
    ] {
        assert!(inside.contains(line), "no `{line}` in\n{inside}");
    }
    let details = pod.ip(&["-d", "-4", "route", "show", "table", "all"]);
    assert!(details.contains("proto boot"), "{details}");
    assert!(wire(&node, &pod).ok);
    assert_eq!((node.host.state(), pod.state()), (outside, inside));
}

#[test]
fn the_hosts_end_is_quiet_before_it_is_up() {
    let Some(node) = Node::new("the_hosts_end_is_quiet_before_it_is_up") else {
        return;
    };
    let pod = Namespace::new();
    assert!(wire(&node, &pod).ok);
    let read = node.host.run(|| {
        ["accept_ra", "accept_redirects", "forwarding"].map(|setting| {
            std::fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{HOST_VETH}/{setting}"))
                .map(|value| value.trim().to_owned())
                .unwrap_or_default()
        })
    });
    let values = read.join().unwrap();
    if values == ["", "", ""] {
        println!("SKIPPED the_hosts_end_is_quiet_before_it_is_up: this kernel has no IPv6 settings");
        return;
    }
    assert_eq!(values, ["0", "1", "0"]);
}

#[test]
fn a_half_made_pod_is_mended() {
    let Some(node) = Node::new("a_half_made_pod_is_mended") else {
        return;
    };
    let pod = Namespace::new();
    assert!(wire(&node, &pod).ok);
    let whole = (node.host.state(), pod.state());
    pod.ip(&["addr", "flush", "dev", "eth0"]);
    pod.ip(&["addr", "add", "10.0.9.9/24", "dev", "eth0"]);
    pod.ip(&["link", "set", "eth0", "down", "mtu", "1400"]);
    node.host.ip(&["link", "set", HOST_VETH, "down"]);
    node.host.ip(&["link", "set", HOST_VETH, "address", "02:99:99:99:99:99", "mtu", "1400"]);
    assert_ne!((node.host.state(), pod.state()), whole);
    assert!(wire(&node, &pod).ok);
    assert_eq!((node.host.state(), pod.state()), whole);
}

#[test]
fn the_link_of_an_earlier_pod_of_this_name_makes_way() {
    let Some(node) = Node::new("the_link_of_an_earlier_pod_of_this_name_makes_way") else {
        return;
    };
    let (earlier, pod) = (Namespace::new(), Namespace::new());
    assert!(wire(&node, &earlier).ok);
    let before = node.host.ip(&["-o", "link", "show", HOST_VETH]);
    assert!(wire(&node, &pod).ok);
    assert_ne!(node.host.ip(&["-o", "link", "show", HOST_VETH]), before);
    assert!(!earlier.state().contains("eth0"), "{}", earlier.state());
    assert!(pod.state().contains("10.0.3.7/32"));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let Some(node) = Node::new("what_is_not_ours_is_left_alone") else {
        return;
    };
    let pod = Namespace::new();
    node.host.ip(&["link", "add", HOST_VETH, "type", "bridge"]);
    let (code, text) = wire(&node, &pod).error();
    assert_eq!(code, 5);
    assert!(text.contains("is no veth"), "{text}");
    node.host.ip(&["link", "del", HOST_VETH]);

    // The pod's eth0 is one end of another pair: both indexes match, and the pair is none.
    let (earlier, other) = (Namespace::new(), Namespace::new());
    assert!(wire(&node, &earlier).ok);
    let index = |namespace: &Namespace, link: &str| {
        let line = namespace.ip(&["-o", "link", "show", link]);
        line.split(':').next().unwrap().to_owned()
    };
    let (inside, outside) = (index(&earlier, "eth0"), index(&node.host, HOST_VETH));
    other.ip(&[
        "link", "add", "eth0", "index", &inside, "type", "veth", "peer", "name", "eth1", "index", &outside,
    ]);
    let kept = (node.host.state(), other.state());
    let (_, text) = wire(&node, &other).error();
    assert!(text.contains("is not the other end of"), "{text}");
    assert_eq!((node.host.state(), other.state()), kept);

    // Both ends are of this pod and this host, and each belongs to another pair.
    let crossed = Namespace::new();
    for (inside, outside) in [("eth0", "other0"), ("eth1", "keep0")] {
        node.host.ip(&["link", "add", outside, "type", "veth", "peer", "name", inside, "netns", &crossed.0]);
    }
    node.host.ip(&["link", "del", HOST_VETH]);
    node.host.ip(&["link", "set", "keep0", "name", HOST_VETH]);
    let kept = (node.host.state(), crossed.state());
    let (_, text) = wire(&node, &crossed).error();
    assert!(text.contains("is not the other end of"), "{text}");
    assert_eq!((node.host.state(), crossed.state()), kept);
}
