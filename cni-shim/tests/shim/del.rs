//! DEL with and without a daemon, with and without a namespace: it succeeds, and nothing is forgotten.

use protocol::Failure;
use protocol::spool;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use crate::daemon::{Act, Daemon, Reply, Seen};
use crate::node::{HOST_VETH, Namespace, Node};
use crate::plan::usual;

const POD: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 7);

fn wired(node: &Node) -> Namespace {
    let pod = Namespace::new();
    let acts = vec![Act::Plan(usual(POD)), Act::Answer, Act::Result(POD)];
    let _daemon = Daemon::start(&node.state_directory(), acts);
    assert!(node.call("ADD", &pod.path()).ok);
    pod
}

#[test]
fn a_del_takes_the_address_off_and_tells_the_daemon() {
    let Some(node) = Node::new("a_del_takes_the_address_off_and_tells_the_daemon") else {
        return;
    };
    let pod = wired(&node);
    let daemon = Daemon::start(&node.state_directory(), vec![]);
    let output = node.call("DEL", &pod.path());
    assert!(output.ok && output.stdout.is_empty(), "{output:?}");
    assert!(!pod.state().contains("10.0.3.7"));
    assert!(node.host.state().contains(HOST_VETH), "the link goes with the namespace");
    let Seen::Del(request) = daemon.next() else {
        panic!("the daemon hears of it");
    };
    assert_eq!(request.attachment.unwrap().container_id, "c0ffee");
    // The second DEL of a runtime: no namespace, the same answer.
    assert!(node.call("DEL", "").ok);
    assert!(node.call("DEL", "/run/netns/vanished").ok);
    assert!(spool::read(&node.spool_directory()).unwrap().records.is_empty());
}

#[test]
fn a_del_without_a_daemon_is_spooled_and_succeeds() {
    let Some(node) = Node::new("a_del_without_a_daemon_is_spooled_and_succeeds") else {
        return;
    };
    let pod = wired(&node);
    let output = node.call("DEL", &pod.path());
    assert!(output.ok && output.stdout.is_empty() && output.stderr.contains("spooled"), "{output:?}");
    assert!(!pod.state().contains("10.0.3.7"));
    let spool::Contents { records, others } = spool::read(&node.spool_directory()).unwrap();
    assert_eq!((records.len(), others.len()), (1, 0));
    let record = &records[0].1;
    assert_eq!((record.network.as_str(), record.container_id.as_str()), ("aws-cni", "c0ffee"));
    assert_eq!((record.pod_namespace.as_str(), record.pod_name.as_str()), ("default", "web-0"));
    assert!(!record.boot_id.is_empty() && record.boottime_nanoseconds > 0);
    // Once the daemon has been told, nothing waits any more.
    let _daemon = Daemon::start(&node.state_directory(), vec![]);
    assert!(node.call("DEL", "").ok);
    assert!(spool::read(&node.spool_directory()).unwrap().records.is_empty());
}

#[test]
fn a_daemon_that_dies_during_a_del_leaves_it_in_the_spool() {
    let Some(node) = Node::new("a_daemon_that_dies_during_a_del_leaves_it_in_the_spool") else {
        return;
    };
    let daemon = Daemon::start_with(&node.state_directory(), vec![], Reply::Never);
    let running = node.start("DEL", "", &node.conf());
    assert!(matches!(daemon.next(), Seen::Del(_)));
    drop(daemon);
    let output = running.join().unwrap();
    assert!(output.ok && output.stdout.is_empty(), "{output:?}");
    assert_eq!(spool::read(&node.spool_directory()).unwrap().records.len(), 1);
}

#[test]
fn a_refusal_of_the_daemon_is_the_runtimes_error() {
    let Some(node) = Node::new("a_refusal_of_the_daemon_is_the_runtimes_error") else {
        return;
    };
    let failure = Failure {
        code: 11,
        cause: "CheckpointWrite".into(),
        text: "the checkpoint could not be written".into(),
    };
    let _daemon = Daemon::start_with(&node.state_directory(), vec![], Reply::Failure(failure));
    let (code, text) = node.call("DEL", "").error();
    assert_eq!((code, text.as_str()), (11, "the checkpoint could not be written CheckpointWrite"));
}

#[test]
fn a_del_that_can_neither_be_told_nor_spooled_fails() {
    let Some(node) = Node::new("a_del_that_can_neither_be_told_nor_spooled_fails") else {
        return;
    };
    std::fs::create_dir(node.spool_directory()).unwrap();
    std::fs::set_permissions(node.spool_directory(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let (code, text) = node.call("DEL", "").error();
    assert_eq!(code, 5);
    assert!(text.contains("could not be spooled") && text.contains("mode 0700"), "{text}");
    std::fs::set_permissions(node.spool_directory(), std::fs::Permissions::from_mode(0o700)).unwrap();
    for number in 0..spool::RECORDS_MAX {
        std::fs::write(node.spool_directory().join(format!("x{number}.json")), "").unwrap();
    }
    let (code, text) = node.call("DEL", "").error();
    assert_eq!(code, 11);
    assert!(text.contains("4096 records"), "{text}");
}

#[test]
fn a_del_takes_nothing_off_an_interface_that_is_not_ours() {
    let Some(node) = Node::new("a_del_takes_nothing_off_an_interface_that_is_not_ours") else {
        return;
    };
    let daemon = Daemon::start(&node.state_directory(), vec![]);
    let pod = Namespace::new();
    pod.ip(&["link", "add", "eth0", "type", "bridge"]);
    pod.ip(&["addr", "add", "192.0.2.1/24", "dev", "eth0"]);
    assert!(node.call("DEL", &pod.path()).ok);
    assert!(pod.state().contains("192.0.2.1/24"));
    // A pair of someone else's: the host's end has another kind of name.
    let other = Namespace::new();
    let peer = ["link", "add", "eth0", "netns", &other.0, "type", "veth", "peer", "name", "cali1"];
    node.host.ip(&peer);
    other.ip(&["addr", "add", "192.0.2.2/24", "dev", "eth0"]);
    assert!(node.call("DEL", &other.path()).ok);
    assert!(other.state().contains("192.0.2.2/24"));
    assert!(matches!(daemon.next(), Seen::Del(_)));
}

#[test]
fn a_del_in_the_hosts_own_namespace_touches_nothing_there() {
    let Some(node) = Node::new("a_del_in_the_hosts_own_namespace_touches_nothing_there") else {
        return;
    };
    let _daemon = Daemon::start(&node.state_directory(), vec![]);
    let output = node.call("DEL", &node.host.path());
    assert!(output.ok && output.stderr.contains("host's own"), "{output:?}");
}
