//! The verbs that only look: CHECK names each damage of the pod's side and passes on what the daemon finds, STATUS needs no daemon,
//! GC tells what is valid.

use protocol::{CheckReply, Failure, GcReply, served};
use serde_json::{Value, json};
use std::net::Ipv4Addr;

use crate::daemon::{Act, Daemon, Seen};
use crate::node::{HOST_VETH, Namespace, Node};
use crate::plan::usual;

const POD: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 7);

/// A node, a wired pod, and the configuration of its CHECK.
fn checked(test: &str, version: &str) -> Option<(Node, Namespace, Value)> {
    let node = Node::new(test)?;
    let pod = Namespace::new();
    let mut conf = node.conf();
    conf["cniVersion"] = version.into();
    let daemon =
        Daemon::start(&node.state_directory(), vec![Act::Plan(usual(POD)), Act::Answer, Act::Result(POD)]);
    let added = node.start("ADD", &pod.path(), &conf).join().unwrap();
    assert!(added.ok, "{added:?}");
    drop(daemon);
    conf["prevResult"] = added.document();
    Some((node, pod, conf))
}

fn looking(node: &Node) -> Daemon {
    Daemon::that_looks(&node.state_directory(), CheckReply::default(), GcReply::default())
}

fn check(node: &Node, pod: &Namespace, conf: &Value) -> Result<(), (u64, String)> {
    let output = node.start("CHECK", &pod.path(), conf).join().unwrap();
    if output.ok {
        assert_eq!(output.stdout, "");
        return Ok(());
    }
    Err(output.error())
}

#[test]
fn a_pod_as_its_add_left_it_passes_in_every_version_that_has_check() {
    for version in ["0.4.0", "1.0.0", "1.1.0"] {
        let Some((node, pod, conf)) = checked("a_pod_as_its_add_left_it_passes", version) else {
            return;
        };
        let daemon = looking(&node);
        assert_eq!(check(&node, &pod, &conf), Ok(()), "{version}");
        let Seen::Check(request) = daemon.next() else {
            panic!("the daemon is asked");
        };
        assert_eq!(request.address, POD.octets());
        assert_eq!(request.attachment.unwrap().container_id, "c0ffee");
        let index = node.host.ip(&["-o", "link", "show", HOST_VETH]);
        assert!(index.starts_with(&format!("{}:", request.host_ifindex)), "{index}");
    }
}

#[test]
fn each_damage_of_the_pods_side_is_named() {
    type Spoil = fn(&Namespace, &Node);
    let table: [(&str, Spoil); 9] = [
        ("PodLinkMissing", |pod, _| drop(pod.ip(&["link", "set", "eth0", "name", "eth9", "down"]))),
        ("HostLinkMissing", |_, node| {
            drop(node.host.ip(&["link", "set", HOST_VETH, "name", "other", "down"]))
        }),
        ("PodLinkDown", |pod, _| drop(pod.ip(&["link", "set", "eth0", "down"]))),
        ("PodMtu", |pod, _| drop(pod.ip(&["link", "set", "eth0", "mtu", "1400"]))),
        ("PodAddressMissing", |pod, _| drop(pod.ip(&["addr", "del", "10.0.3.7/32", "dev", "eth0"]))),
        ("PodGatewayRouteMissing", |pod, _| drop(pod.ip(&["route", "del", "169.254.1.1"]))),
        ("PodDefaultRouteMissing", |pod, _| drop(pod.ip(&["route", "del", "default"]))),
        ("PodNeighbourMissing", |pod, _| drop(pod.ip(&["neigh", "del", "169.254.1.1", "dev", "eth0"]))),
        ("PodNeighbourWrong", |_, node| {
            drop(node.host.ip(&["link", "set", HOST_VETH, "address", "02:00:00:00:00:99"]))
        }),
    ];
    for (label, spoil) in table {
        let Some((node, pod, conf)) = checked("each_damage_of_the_pods_side_is_named", "1.0.0") else {
            return;
        };
        let _daemon = looking(&node);
        spoil(&pod, &node);
        let (code, text) = check(&node, &pod, &conf).unwrap_err();
        assert_eq!(code, 101, "{text}");
        assert!(
            text.starts_with("the pod's network is damaged: ") && text.contains(label),
            "{label}: {text}"
        );
    }
}

#[test]
fn another_interface_of_the_pods_name_is_not_our_pair() {
    let Some((node, pod, conf)) = checked("another_interface_of_the_pods_name", "1.0.0") else {
        return;
    };
    let _daemon = looking(&node);
    pod.ip(&["link", "set", "eth0", "name", "eth9", "down"]);
    pod.ip(&["link", "add", "eth0", "type", "veth", "peer", "name", "eth8"]);
    let (code, text) = check(&node, &pod, &conf).unwrap_err();
    assert_eq!(code, 101);
    assert!(text.contains("PairBroken") && text.contains("PodAddressMissing"), "{text}");
}

#[test]
fn what_the_daemon_finds_is_told_beside_what_the_shim_finds() {
    let Some((node, pod, conf)) = checked("what_the_daemon_finds_is_told", "1.1.0") else {
        return;
    };
    let damage = protocol::Damage { label: "ToRuleMissing".into(), text: "no rule 512".into() };
    let reply = CheckReply { damages: vec![damage], failure: None };
    let daemon = Daemon::that_looks(&node.state_directory(), reply, GcReply::default());
    pod.ip(&["link", "set", "eth0", "mtu", "1400"]);
    let (code, text) = check(&node, &pod, &conf).unwrap_err();
    assert_eq!(code, 101);
    assert!(text.contains("expected 9001; no rule 512 PodMtu,ToRuleMissing"), "{text}");
    drop(daemon);
    let failure = Some(Failure { code: 11, cause: "RoomUnavailable".into(), text: "not yet".into() });
    let reply = CheckReply { damages: vec![], failure };
    let _daemon = Daemon::that_looks(&node.state_directory(), reply, GcReply::default());
    pod.ip(&["link", "set", "eth0", "mtu", "9001"]);
    assert_eq!(check(&node, &pod, &conf).unwrap_err(), (11, "not yet RoomUnavailable".into()));
}

#[test]
fn without_a_daemon_damage_is_told_and_a_whole_pod_is_no_success() {
    let Some((node, pod, conf)) = checked("without_a_daemon_damage_is_told", "1.0.0") else {
        return;
    };
    let (code, text) = check(&node, &pod, &conf).unwrap_err();
    assert_eq!(code, 11);
    assert!(text.contains("the pod's side is whole") && text.contains("not answering"), "{text}");
    pod.ip(&["route", "del", "default"]);
    let (code, text) = check(&node, &pod, &conf).unwrap_err();
    assert_eq!(code, 101);
    assert!(text.contains("PodDefaultRouteMissing"), "{text}");
}

#[test]
fn a_default_route_that_a_later_plugin_has_taken_over_is_its_own_matter() {
    let Some((node, pod, mut conf)) = checked("a_default_route_that_a_later_plugin", "1.0.0") else {
        return;
    };
    let _daemon = looking(&node);
    pod.ip(&["route", "del", "default"]);
    conf["prevResult"]["routes"] = json!([{"dst": "0.0.0.0/0", "gw": "10.9.9.1"}]);
    assert_eq!(check(&node, &pod, &conf), Ok(()));
}

#[test]
fn status_is_a_success_once_this_boot_was_served_and_needs_no_daemon() {
    let Some(node) = Node::new("status_is_a_success_once_this_boot_was_served") else {
        return;
    };
    let mut conf = node.conf();
    conf["cniVersion"] = "1.1.0".into();
    let status = || node.start("STATUS", "", &conf).join().unwrap();
    let (code, text) = status().error();
    assert_eq!(code, 50);
    assert!(text.contains("in this boot") && text.contains("not opened its socket"), "{text}");
    served::mark(&node.state_directory(), "the boot before").unwrap();
    assert_eq!(status().error().0, 50);
    let boot_id = cni_shim::clock::boot_id();
    served::mark(&node.state_directory(), &boot_id).unwrap();
    let answer = status();
    assert!(answer.ok && answer.stdout.is_empty(), "{answer:?}");
    std::fs::write(served::mark_path(&node.state_directory()), b"\xff").unwrap();
    assert!(status().error().1.contains("cannot read"));
}

#[test]
fn gc_tells_what_is_valid_and_hears_what_could_not_be_done() {
    let Some(node) = Node::new("gc_tells_what_is_valid") else {
        return;
    };
    let mut conf = node.conf();
    conf["cniVersion"] = "1.1.0".into();
    conf["cni.dev/valid-attachments"] = json!([{"containerID": "c1", "ifname": "eth0"}]);
    let gc = || node.start("GC", "", &conf).join().unwrap();
    let reply = GcReply { in_use: 1, ..GcReply::default() };
    let daemon = Daemon::that_looks(&node.state_directory(), CheckReply::default(), reply);
    let done = gc();
    assert!(done.ok && done.stdout.is_empty() && done.stderr.contains("still in use"), "{done:?}");
    let Seen::Gc(request) = daemon.next() else {
        panic!("the daemon is told");
    };
    assert_eq!((request.network.as_str(), request.valid[0].container_id.as_str()), ("aws-cni", "c1"));
    drop(daemon);
    let failure = Some(Failure { code: 11, cause: "CheckpointWrite".into(), text: "disk".into() });
    let reply = GcReply { failure, ..GcReply::default() };
    let daemon = Daemon::that_looks(&node.state_directory(), CheckReply::default(), reply);
    assert_eq!(gc().error(), (11, "disk CheckpointWrite".into()));
    drop(daemon);
    assert_eq!(gc().error().0, 11);
}
