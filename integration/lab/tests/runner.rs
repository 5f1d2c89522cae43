//! The runner and its judge, shown with a stand-in for the shim that wires a pod with `ip`: what holds is said to hold, and
//! every expectation turns red when it is broken. Needs root.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use lab::{Binaries, Report, ScenarioFile, is_root, run};
use std::path::Path;

/// Wires the pod on the primary ENI, whose first secondary address is 10.0.0.5, and keeps a checkpoint of its own.
const PLUGIN: &str = r#"#!/bin/sh
set -e
cat >/dev/null
link=eni$(printf %s "$CNI_CONTAINERID" | tail -c 8)
checkpoint=/var/run/aws-node/ipam.json
if [ "$CNI_COMMAND" = DEL ]; then
    ip rule del to 10.0.0.5 lookup main priority 512 2>/dev/null || true
    echo '{"version":"vpc-cni-ipam/1","allocations":[]}' >$checkpoint
    exit 0
fi
pod=$(basename "$CNI_NETNS")
ip link add "$link" type veth peer name eth0 netns "$pod"
ip link set "$link" up
ip route add 10.0.0.5/32 dev "$link"
ip rule add to 10.0.0.5 lookup main priority 512
mac=$(ip -o link show "$link" | sed 's/.*ether \([^ ]*\).*/\1/')
ip -n "$pod" link set eth0 up
ip -n "$pod" addr add 10.0.0.5/32 dev eth0
ip -n "$pod" route add 169.254.1.1 dev eth0 scope link
ip -n "$pod" route add default via 169.254.1.1 dev eth0
ip -n "$pod" neigh add 169.254.1.1 lladdr "$mac" nud permanent dev eth0
echo "{\"version\":\"vpc-cni-ipam/1\",\"allocations\":[{\"containerID\":\"$CNI_CONTAINERID\",\"ipv4\":\"10.0.0.5\"}]}" >$checkpoint
echo "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"$link\"},{\"name\":\"eth0\",\"sandbox\":\"$CNI_NETNS\"}],\"ips\":[{\"interface\":1,\"address\":\"10.0.0.5/32\"}]}"
"#;

const SCENARIO: &str = r#"
summary = "a pod that a stand-in wires"
[region]
subnet = [{ name = "a", cidr = "10.0.0.0/24" }]
[[node]]
name = "node"
subnet = "a"
secondary_addresses = 1
[[step]]
do = "watch_start"
[[step]]
do = "add"
pod = "web"
device = 0
[[step]]
do = "traffic_start"
pod = "web"
[[step]]
do = "probe"
pod = "web"
count = 5
[[step]]
do = "traffic_stop"
[[step]]
do = "delete"
pod = "web"
[[step]]
do = "watch_stop"
deletions = { max = 9 }
[expect]
nothing_left = true
spoofed_packets = 0
packets_lost = 0
netlink_deletions = { max = 9 }
"#;

async fn play(directory: &Path, plugin: &str, scenario: &str) -> Report {
    let shim = directory.join("enid-cni");
    lab::program::write(&shim, plugin).unwrap();
    let binaries = Binaries { daemon: "/bin/false".into(), shim };
    let scenario = ScenarioFile::parse(scenario, &[]).unwrap();
    run("stand_in", &scenario, &binaries, &|_: &str| {}).await
}

#[tokio::test]
async fn a_pod_that_is_wired_reached_and_gone_holds() {
    if !is_root() {
        println!("SKIPPED the runner: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let report = play(directory.path(), PLUGIN, SCENARIO).await;
    assert!(report.holds, "{:?}", report.failures);
    let cell = &report.cells[0];
    assert_eq!(cell.steps.len(), 7);
    assert_eq!(cell.measured.leaks, Some(0));
    assert!(cell.expectations.iter().all(|seen| seen.holds) && cell.expectations.len() == 5, "{cell:?}");
    assert!(report.figure.contains("probes 10/10 both ways, traffic 0 of "), "{}", report.figure);
}

#[tokio::test]
async fn every_expectation_turns_red_when_what_it_expects_is_broken() {
    if !is_root() {
        println!("SKIPPED the judge: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let broken_plugin = [
        ("    ip rule del", "    : ip rule del", "left of pod web: rule"),
        (
            "    echo '{\"version\":\"vpc-cni-ipam/1\",\"allocations\":[]}' >$checkpoint\n",
            "",
            "left of pod web: allocation",
        ),
        ("ip route add 10.0.0.5/32", "true", "VPC to web: no answer within"),
        ("ip -n \"$pod\" route add default", "true", "no answer within"),
        ("10.0.0.5/32\\\"}]}\"", "10.0.0.6/32\\\"}]}\"", "on no ENI of node"),
        ("set -e\n", "exit 1\n", "ADD failed"),
    ];
    for (from, to, reason) in broken_plugin {
        assert!(PLUGIN.contains(from), "{from}");
        let report = play(directory.path(), &PLUGIN.replacen(from, to, 1), SCENARIO).await;
        assert!(!report.holds, "{to} was not noticed");
        let said = report.failures.join("\n");
        assert!(said.contains(reason), "{reason} is not in:\n{said}");
        assert!(report.figure.contains("DOES NOT HOLD"), "{}", report.figure);
    }
    let broken_scenario = [
        ("packets_lost = 0", "packets_lost = 1", "packets_lost: expected 1, seen 0"),
        ("netlink_deletions = { max = 9 }", "netlink_deletions = 77", "netlink_deletions: expected 77"),
        ("deletions = { max = 9 }", "deletions = 0", "deletions instead of 0"),
        ("spoofed_packets = 0", "spoofed_packets = 1", "spoofed_packets: expected 1, seen 0"),
        ("count = 5", "count = 5\nreach = \"neither\"", "expected silence"),
        ("device = 0", "device = 1", "device 0 instead of 1"),
        ("device = 0", "code = 11", "expected a refusal with code 11"),
        ("device = 0", "at_least_milliseconds = 60000", "cannot have waited"),
        ("device = 0", "within_milliseconds = 0", "instead of 0 ms"),
        // The stand-in never asks EC2 for anything: what holds holds only because of that.
        ("nothing_left = true", "journal = { AttachNetworkInterface = 0 }", "only because nothing was tried"),
        ("nothing_left = true", "journal = { AttachNetworkInterface = 1 }", "expected 1, seen 0"),
        ("nothing_left = true", "mutating_calls = { max = 3 }", "only because nothing was tried"),
        (
            "[[step]]\ndo = \"delete\"\npod = \"web\"",
            "[[step]]\ndo = \"watch_stop\"\ndeletions = { max = 99 }\n[[step]]\ndo = \"watch_start\"",
            "nothing was done on it",
        ),
    ];
    for (from, to, reason) in broken_scenario {
        assert!(SCENARIO.contains(from), "{from}");
        let scenario = SCENARIO.replacen(from, to, 1).replace("nothing_left = true\n", "");
        let report = play(directory.path(), PLUGIN, &scenario).await;
        let said = report.failures.join("\n");
        assert!(!report.holds && said.contains(reason), "{reason} is not in:\n{said}");
    }
}

#[tokio::test]
async fn a_scenario_that_hangs_ends_with_its_time_and_names_its_last_step() {
    if !is_root() {
        println!("SKIPPED a scenario that hangs: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let hanging = PLUGIN.replacen("cat >/dev/null", "exec sleep 1000", 1);
    let scenario = format!("time_limit_seconds = 2\n{SCENARIO}");
    let report = play(directory.path(), &hanging, &scenario).await;
    assert!(!report.holds);
    assert!(report.failures.concat().contains("not over after 2 s"), "{:?}", report.failures);
}

/// One pod, and everything that another hand can do to its node.
const HANDS: &str = r#"
summary = "another hand"
[region]
subnet = [{ name = "a", cidr = "10.0.0.0/24" }]
[[node]]
name = "node"
subnet = "a"
secondary_addresses = 1
[[step]]
do = "knobs"
knobs = { latency_milliseconds = { "*" = 1 } }
[[step]]
do = "fault"
action = "*"
when = "always"
fault = "hang"
[[step]]
do = "clear_faults"
[[step]]
do = "add"
pod = "web"
[[step]]
do = "wait"
pod_rules = { pod = "web", count = 1 }
[[step]]
do = "change_kernel"
change = "delete_rules_at"
priority = 512
[[step]]
do = "wait"
pod_rules = { pod = "web", count = 0 }
[[step]]
do = "change_kernel"
change = "delete_pod_route"
pod = "web"
[[step]]
do = "probe"
pod = "web"
count = 2
reach = "neither"
[[step]]
do = "external"
hand = "remove_pod_address"
pod = "web"
[[step]]
do = "change_kernel"
change = "delete_pod_link"
pod = "web"
[[step]]
do = "change_kernel"
change = "set_rp_filter"
device = 0
value = 2
[[step]]
do = "change_kernel"
change = "delete_eni_address"
device = 0
[[step]]
do = "change_kernel"
change = "link_down"
device = 0
[[step]]
do = "reboot"
[[step]]
do = "change_kernel"
change = "delete_eni_address"
device = 0
[expect]
"#;

#[tokio::test]
async fn another_hand_changes_what_is_there_and_says_so_where_nothing_is() {
    if !is_root() {
        println!("SKIPPED another hand: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let report = play(directory.path(), PLUGIN, HANDS).await;
    assert!(report.holds, "{:?}", report.failures);
    for (from, to, reason) in [
        ("priority = 512", "priority = 51", "there is no such rule"),
        (
            "do = \"reboot\"",
            "do = \"wait\"\npod_rules = { pod = \"web\", count = 2 }\nwithin_seconds = 0",
            "not after 0 s",
        ),
        (
            "change = \"link_down\"\ndevice = 0",
            "change = \"delete_nft_table\"\nnft_table = \"ip none\"",
            "No such file",
        ),
        // What was taken once is not there to be taken again.
        (
            "change = \"delete_pod_link\"\npod = \"web\"",
            "change = \"delete_pod_link\"\npod = \"web\"\n[[step]]\ndo = \"external\"\n\
             hand = \"remove_pod_address\"\npod = \"web\"",
            "knows no such address or device",
        ),
        (
            "hand = \"remove_pod_address\"\npod = \"web\"",
            "hand = \"detach_eni\"\ndevice = 1",
            "knows no such address or device",
        ),
        (
            "change = \"link_down\"\ndevice = 0",
            "change = \"delete_table_routes\"\ntable = 77",
            "has no route",
        ),
        (
            "change = \"link_down\"\ndevice = 0",
            "change = \"delete_eni_address\"\ndevice = 0",
            "has no address",
        ),
    ] {
        assert!(HANDS.contains(from), "{from}");
        let report = play(directory.path(), PLUGIN, &HANDS.replacen(from, to, 1)).await;
        let said = report.failures.join("\n");
        assert!(!report.holds && said.contains(reason), "{reason} is not in:\n{said}");
    }
}

/// A pod behind a Service, and a neighbour.
const VISITS: &str = r#"
summary = "a Service in front of a pod that a stand-in wires"
[region]
subnet = [{ name = "a", cidr = "10.0.0.0/24" }]
[[node]]
name = "node"
subnet = "a"
secondary_addresses = 1
[[step]]
do = "neighbour"
form = "nftables"
reload_milliseconds = 10
[[step]]
do = "add"
pod = "web"
[[step]]
do = "services"
form = "nftables"
service = [{ name = "svc", cluster_ip = "172.20.0.10", pods = ["web"], node_port = 30080 }]
[[step]]
do = "visit"
from = "vpc"
to = { node_port = { service = "svc", node = "node" } }
count = 3
answered_by = ["web"]
source = { node = "node" }
[[step]]
do = "visit"
from = { pod = "web" }
to = "internet"
count = 2
[[step]]
do = "services"
[expect]
marks_kept = true
"#;

#[tokio::test]
async fn visits_and_marks_are_judged_and_turn_red_when_they_are_not_as_expected() {
    if !is_root() {
        println!("SKIPPED visits: not root");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let report = play(directory.path(), PLUGIN, VISITS).await;
    assert!(report.holds, "{:?}", report.failures);
    assert!(report.figure.ends_with("5 visits"), "{}", report.figure);
    for (from, to, reason) in [
        ("source = { node = \"node\" }", "source = \"vpc\"", "expected source 10.0.255.4"),
        ("answered_by = [\"web\"]", "answered_by = [\"internet\"]", "expected answers of {\"internet\"}"),
        ("to = \"internet\"", "to = { pod = \"web\" }", "expected silence"),
        ("node_port = 30080", "port = 81", "svc has no node_port"),
        ("pods = [\"web\"], ", "", "0 answers of 3"),
        ("reload_milliseconds = 10", "reload_milliseconds = 60000", "reloads: 0"),
    ] {
        assert!(VISITS.contains(from), "{from}");
        let report = play(directory.path(), PLUGIN, &VISITS.replacen(from, to, 1)).await;
        let said = report.failures.join("\n");
        assert!(!report.holds && said.contains(reason), "{reason} is not in:\n{said}");
    }
    // Whoever sets the whole mark of a connection is told.
    let greedy = PLUGIN.replacen(
        "set -e\n",
        "set -e\nnft 'add table ip greedy; add chain ip greedy marks { type filter hook forward priority 0; }; \
         add rule ip greedy marks ct mark set 0x80'\n",
        1,
    );
    let report = play(directory.path(), &greedy, VISITS).await;
    let said = report.failures.join("\n");
    assert!(!report.holds && said.contains("the neighbour's marks"), "{said}");
}
