//! ADD against a daemon: what is said, what is printed, and what happens when the daemon fails, lies or goes away.

use cni_shim::names;
use protocol::spool::{self, FORMAT, Record};
use serde_json::json;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;

use crate::daemon::{Act, Daemon, Seen};
use crate::node::{HOST_VETH, Namespace, Node};
use crate::plan::usual;

const POD: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 7);

fn whole() -> Vec<Act> {
    vec![
        Act::Wait("every address is in use"),
        Act::Plan(usual(POD)),
        Act::Answer,
        Act::Wait("writing the checkpoint"),
        Act::Result(POD),
    ]
}

#[test]
fn an_add_waits_wires_and_prints_the_result() {
    let Some(node) = Node::new("an_add_waits_wires_and_prints_the_result") else {
        return;
    };
    assert_eq!(names::host_veth("eni", "default", "web-0"), HOST_VETH);
    let daemon = Daemon::start(&node.state_directory(), whole());
    let pod = Namespace::new();
    let output = node.call("ADD", &pod.path());
    assert!(output.ok, "{output:?}");
    assert_eq!(
        output.document(),
        json!({
            "cniVersion": "1.0.0",
            "interfaces": [
                {"name": HOST_VETH},
                {"name": "eth0", "mac": "2", "sandbox": pod.path()},
                {"name": "dummy0d7763386da", "mac": "0", "sandbox": "1"},
            ],
            "ips": [{"interface": 1, "address": "10.0.3.7/32"}],
            "dns": {},
        })
    );
    let request = daemon.saw_add();
    let attachment = request.attachment.unwrap();
    assert_eq!(attachment.network, "aws-cni");
    assert_eq!((attachment.container_id.as_str(), attachment.ifname.as_str()), ("c0ffee", "eth0"));
    assert_eq!((attachment.pod_namespace.as_str(), attachment.pod_name.as_str()), ("default", "web-0"));
    assert_eq!(attachment.pod_uid, "u1");
    assert_eq!((request.protocol, request.mtu_bytes), (protocol::PROTOCOL, 9001));
    assert_eq!((request.veth_prefix.as_str(), request.host_veth.as_str()), ("eni", HOST_VETH));
    assert!(request.arrived_boottime_nanoseconds > 0);
    let Seen::Wired(wired) = daemon.next() else {
        panic!("the shim reports the wiring");
    };
    assert_eq!(wired.host_mac, [2, 1, 2, 3, 4, 5]);
    let outside = node.host.ip(&["-o", "link", "show", HOST_VETH]);
    assert!(outside.starts_with(&format!("{}: ", wired.host_ifindex)), "{outside}");
    assert_eq!(daemon.next(), Seen::Closed, "the life line ends with the process");
}

#[test]
fn a_daemon_that_restarts_in_the_middle_is_asked_again_under_the_same_stamp() {
    let Some(node) = Node::new("a_daemon_that_restarts_in_the_middle") else {
        return;
    };
    let pod = Namespace::new();
    let first = Daemon::start(&node.state_directory(), vec![Act::Wait("soon"), Act::Hang]);
    let running = node.start("ADD", &pod.path(), &node.conf());
    let asked = first.saw_add();
    drop(first);
    // Died after the pod was wired: the second try finds everything standing, with another address.
    let earlier = Ipv4Addr::new(10, 0, 3, 99);
    let second =
        Daemon::start(&node.state_directory(), vec![Act::Plan(usual(earlier)), Act::Answer, Act::Hang]);
    assert_eq!(second.saw_add(), asked);
    assert!(matches!(second.next(), Seen::Wired(_)));
    drop(second);
    let third = Daemon::start(&node.state_directory(), whole());
    assert_eq!(third.saw_add(), asked);
    let output = running.join().unwrap();
    assert!(output.ok, "{output:?}");
    let addresses = pod.ip(&["-4", "-o", "addr", "show", "dev", "eth0"]);
    assert!(addresses.contains("10.0.3.7/32") && !addresses.contains("10.0.3.99"), "{addresses}");
}

#[test]
fn a_daemon_that_comes_late_is_waited_for() {
    let Some(node) = Node::new("a_daemon_that_comes_late_is_waited_for") else {
        return;
    };
    let pod = Namespace::new();
    std::fs::remove_dir(node.state_directory()).unwrap();
    let running = node.start("ADD", &pod.path(), &node.conf());
    std::fs::create_dir(node.state_directory()).unwrap();
    let _daemon = Daemon::start(&node.state_directory(), whole());
    assert!(running.join().unwrap().ok);
}

#[test]
fn an_absent_daemon_is_code_11_and_named() {
    let Some(node) = Node::new("an_absent_daemon_is_code_11_and_named") else {
        return;
    };
    let pod = Namespace::new();
    let mut conf = node.conf();
    conf["deadlineSeconds"] = json!(1);
    let (code, text) = node.start("ADD", &pod.path(), &conf).join().unwrap().error();
    assert_eq!(code, 11);
    assert!(text.contains("enid daemon is not answering") && text.contains("enid.sock"), "{text}");
}

#[test]
fn a_silent_daemon_is_absent_and_a_slow_one_is_quoted() {
    let Some(node) = Node::new("a_silent_daemon_is_absent_and_a_slow_one_is_quoted") else {
        return;
    };
    let pod = Namespace::new();
    let mut conf = node.conf();
    conf["deadlineSeconds"] = json!(1);
    for (acts, word) in [
        (vec![Act::Hang], "no word came"),
        (vec![Act::Wait("subnet s is empty"), Act::Hang], "PoolEmpty: subnet s is empty"),
    ] {
        let _daemon = Daemon::start(&node.state_directory(), acts);
        let (code, text) = node.start("ADD", &pod.path(), &conf).join().unwrap().error();
        assert_eq!(code, 11);
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn a_failure_of_the_daemon_is_the_runtimes_error() {
    let Some(node) = Node::new("a_failure_of_the_daemon_is_the_runtimes_error") else {
        return;
    };
    let pod = Namespace::new();
    let acts = vec![Act::Wait("x"), Act::Fail(11, "NodeAddressLimit", "node address limit reached")];
    let daemon = Daemon::start(&node.state_directory(), acts);
    let output = node.call("ADD", &pod.path());
    assert_eq!(
        output.document(),
        json!({"cniVersion": "1.0.0", "code": 11, "msg": "node address limit reached", "details": "NodeAddressLimit"})
    );
    daemon.saw_add();
    assert_eq!(daemon.next(), Seen::Closed);
    assert!(daemon.saw_nothing_more(), "a failure is not asked for twice");
}

#[test]
fn a_daemon_that_breaks_the_protocol_is_refused() {
    let Some(node) = Node::new("a_daemon_that_breaks_the_protocol_is_refused") else {
        return;
    };
    let pod = Namespace::new();
    let wired = [Act::Plan(usual(POD)), Act::Answer];
    for (acts, word) in [
        (vec![Act::Result(POD)], "before the pod was wired"),
        ([wired.as_slice(), &[Act::Result(Ipv4Addr::new(10, 0, 3, 8))]].concat(), "another address"),
        ([wired.as_slice(), &[Act::Plan(usual(POD))]].concat(), "second plan"),
        (vec![Act::Unknown], "does not know"),
        (vec![Act::Refuse(tonic::Code::FailedPrecondition)], "on purpose"),
    ] {
        let _daemon = Daemon::start(&node.state_directory(), acts);
        let (code, text) = node.call("ADD", &pod.path()).error();
        assert_eq!(code, 5, "{text}");
        assert!(text.contains("broke the protocol") && text.contains(word), "{text}");
    }
}

#[test]
fn a_refused_plan_is_reported_and_touches_nothing() {
    let Some(node) = Node::new("a_refused_plan_is_reported_and_touches_nothing") else {
        return;
    };
    let pod = Namespace::new();
    let before = pod.state();
    let mut plan = usual(POD);
    plan.operations.push(protocol::Operation { operation: None });
    let acts = vec![Act::Plan(plan), Act::Answer, Act::Fail(5, "PodWiring", "wiring the pod failed at plan")];
    let daemon = Daemon::start(&node.state_directory(), acts);
    let (code, text) = node.call("ADD", &pod.path()).error();
    assert_eq!((code, text.as_str()), (5, "wiring the pod failed at plan PodWiring"));
    daemon.saw_add();
    let Seen::Failed(failed) = daemon.next() else {
        panic!("the shim reports the refusal");
    };
    assert!(failed.step == "plan" && failed.detail.contains("operation 6: unknown"), "{failed:?}");
    assert_eq!(pod.state(), before);
}

#[test]
fn a_wiring_that_fails_is_told_even_if_the_daemon_goes_away() {
    let Some(node) = Node::new("a_wiring_that_fails_is_told_even_if_the_daemon_goes_away") else {
        return;
    };
    let pod = Namespace::new();
    pod.ip(&["link", "add", "eth0", "type", "bridge"]);
    let _daemon = Daemon::start(&node.state_directory(), vec![Act::Plan(usual(POD)), Act::Answer]);
    let (code, text) = node.call("ADD", &pod.path()).error();
    assert_eq!(code, 5);
    assert!(text.contains("eth0 is in the pod's namespace already"), "{text}");
}

#[test]
fn a_socket_that_others_could_have_made_is_not_talked_to() {
    let Some(node) = Node::new("a_socket_that_others_could_have_made_is_not_talked_to") else {
        return;
    };
    let pod = Namespace::new();
    let state = node.state_directory();
    let daemon = Daemon::start(&state, whole());
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o777)).unwrap();
    let (code, text) = node.call("ADD", &pod.path()).error();
    assert_eq!(code, 5);
    assert!(text.contains("not to be trusted") && text.contains("group or others"), "{text}");
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    rustix::fs::chown(&state, Some(rustix::fs::Uid::from_raw(1000)), None).unwrap();
    let (_, text) = node.call("ADD", &pod.path()).error();
    assert!(text.contains("belongs to uid 1000"), "{text}");
    assert!(daemon.saw_nothing_more());
}

#[test]
fn a_process_of_another_user_is_not_talked_to() {
    let Some(node) = Node::new("a_process_of_another_user_is_not_talked_to") else {
        return;
    };
    let pod = Namespace::new();
    let socket = node.state_directory().join(protocol::SOCKET_NAME);
    // Who listens is who is asked for; only this thread becomes another user.
    let listener = std::thread::spawn(move || {
        use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket as open};
        let listener = open(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
        bind(&listener, &SocketAddrUnix::new(&socket).unwrap()).unwrap();
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(1000)).unwrap();
        listen(&listener, 8).unwrap();
        listener
    })
    .join()
    .unwrap();
    let (code, text) = node.call("ADD", &pod.path()).error();
    assert_eq!(code, 5);
    assert!(text.contains("runs as uid 1000"), "{text}");
    let output = node.call("DEL", &pod.path());
    assert!(output.ok && output.stderr.contains("runs as uid 1000"), "{output:?}");
    drop(listener);
}

#[test]
fn a_spooled_del_of_the_same_attachment_does_not_outlive_its_add() {
    let Some(node) = Node::new("a_spooled_del_of_the_same_attachment_does_not_outlive_its_add") else {
        return;
    };
    let pod = Namespace::new();
    assert!(node.call("DEL", "").ok);
    let other = Record {
        version: FORMAT,
        network: "aws-cni".into(),
        container_id: "other".into(),
        ifname: "eth0".into(),
        pod_namespace: String::new(),
        pod_name: String::new(),
        pod_uid: String::new(),
        boot_id: String::new(),
        boottime_nanoseconds: 0,
    };
    spool::write(&node.spool_directory(), &other).unwrap();
    let _daemon = Daemon::start(&node.state_directory(), whole());
    assert!(node.call("ADD", &pod.path()).ok);
    let records = spool::read(&node.spool_directory()).unwrap().records;
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].1, other);
}
