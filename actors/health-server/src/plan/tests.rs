//! What the facts mean.

use super::*;
use crate::sample::*;
use contract::causes::Cause;
use contract::model::Growth;
use proptest::prelude::*;

fn spoiled(spoil: impl FnOnce(&mut Facts)) -> Picture {
    let mut facts = well();
    spoil(&mut facts);
    picture(&facts, "1.2.3", Duration::ZERO)
}

fn labels(reasons: &[Reason]) -> Vec<(&'static str, &'static str)> {
    reasons.iter().map(|reason| (reason.room, reason.label)).collect()
}

#[test]
fn a_node_where_all_is_well_is_ready_and_nothing_is_said() {
    let shown = spoiled(|_| {});
    assert!(shown.ready);
    assert_eq!((shown.reasons, shown.degraded), (Vec::new(), Vec::new()));
}

#[test]
fn whatever_keeps_pods_from_being_served_makes_it_unready_and_names_the_room() {
    type Spoil = fn(&mut Facts);
    let cases: [(Spoil, &str, &str); 8] = [
        (|facts| facts.front.as_mut().unwrap().listening = false, "cni-server", "its socket is not open"),
        (|facts| facts.front = None, "cni-server", "nothing was heard"),
        (|facts| facts.host.as_mut().unwrap().read = false, "route-programmer", "not read the kernel"),
        (|facts| facts.host = None, "route-programmer", "nothing was heard"),
        (|facts| facts.children = None, "kernel", "nothing was heard"),
        (
            |facts| facts.children.as_mut().unwrap().retain(|it| it.name != "warm-pool"),
            "warm-pool",
            "not started",
        ),
        (|facts| down(facts, "warm-pool"), "warm-pool", "backoff: panicked at line 7"),
        (|facts| down(facts, "cni-server"), "cni-server", "backoff: panicked at line 7"),
    ];
    for (spoil, room, said) in cases {
        let shown = spoiled(spoil);
        assert!(!shown.ready, "{said}");
        assert_eq!(labels(&shown.reasons), [(room, "RoomUnavailable")]);
        assert!(shown.reasons[0].text.contains(said), "{}", shown.reasons[0].text);
    }
}

fn down(facts: &mut Facts, name: &str) {
    let child = facts.children.as_mut().unwrap().iter_mut().find(|child| child.name == name).unwrap();
    child.running = false;
    child.state = "backoff".into();
    child.last_cause = Some("panicked at line 7".into());
}

#[test]
fn a_socket_that_cannot_be_opened_says_why() {
    let shown = spoiled(|facts| {
        let front = facts.front.as_mut().unwrap();
        front.listening = false;
        front.trouble = Some(Cause::NotTheOnlyWriter { detail: "pid 7 holds the lock".into() });
    });
    assert_eq!(labels(&shown.reasons), [("cni-server", "NotTheOnlyWriter")]);
}

#[test]
fn what_a_node_can_live_with_is_told_and_leaves_it_ready() {
    type Spoil = fn(&mut Facts);
    let cases: [(Spoil, &str, &str); 9] = [
        (|facts| facts.enis.as_mut().unwrap().trouble = Some(throttled()), "eni-manager", "Throttled"),
        (|facts| facts.enis.as_mut().unwrap().growth = held(throttled()), "eni-manager", "Throttled"),
        (
            |facts| facts.leases.as_mut().unwrap().waiting_for = Some(Cause::PoolEmpty),
            "warm-pool",
            "PoolEmpty",
        ),
        (|facts| facts.subnets.as_mut().unwrap().trouble = Some(throttled()), "subnet-scout", "Throttled"),
        (
            |facts| facts.subnets.as_mut().unwrap().subnets = vec![subnet(Some(exhausted()))],
            "subnet-scout",
            "SubnetExhausted",
        ),
        (|facts| facts.host.as_mut().unwrap().trouble = Some(throttled()), "route-programmer", "Throttled"),
        (|facts| facts.front.as_mut().unwrap().trouble = Some(throttled()), "cni-server", "Throttled"),
        (|facts| down(facts, "eni-manager"), "eni-manager", "RoomUnavailable"),
        (|facts| facts.http_trouble = Some("in use".into()), "health-server", "RoomUnavailable"),
    ];
    for (spoil, room, label) in cases {
        let shown = spoiled(spoil);
        assert!(shown.ready, "{room} {label}");
        assert_eq!(labels(&shown.degraded), [(room, label)]);
    }
    let disk = Cause::CheckpointWrite { detail: "disk full".into() };
    let shown = spoiled(|facts| facts.leases.as_mut().unwrap().checkpoint_trouble = Some(disk));
    assert_eq!(labels(&shown.degraded), [("warm-pool", "CheckpointWrite")]);
}

#[test]
fn ec2_never_heard_of_and_a_full_node_are_no_degradation() {
    let shown = spoiled(|facts| {
        facts.enis = None;
        facts.leases = None;
        facts.subnets = None;
    });
    assert!(shown.ready);
    let full = Cause::NodeAddressLimit { max: 9, in_use: 9 };
    let shown = spoiled(|facts| facts.enis.as_mut().unwrap().growth = Growth::AtLimit(full));
    assert_eq!(shown.degraded, []);
}

#[test]
fn one_cause_told_twice_by_one_room_is_said_once() {
    let shown = spoiled(|facts| {
        let view = facts.enis.as_mut().unwrap();
        view.trouble = Some(throttled());
        view.growth = held(throttled());
    });
    assert_eq!(shown.degraded.len(), 1);
}

fn value(shown: &Picture, name: &str, labels: &[(&str, &str)]) -> Option<Value> {
    let wanted: Vec<(&str, &str)> = labels.to_vec();
    let same = |sample: &&Sample| {
        let has: Vec<(&str, &str)> =
            sample.labels.iter().map(|(name, value)| (*name, value.as_str())).collect();
        sample.name == name && has == wanted
    };
    shown.samples.iter().find(same).map(|sample| sample.value)
}

#[test]
fn numbers_keep_the_names_of_the_agent_we_replace_and_ours_are_beside_them() {
    let shown = spoiled(|facts| {
        facts.enis.as_mut().unwrap().trouble = Some(throttled());
        facts.gaps = vec!["no policies".to_owned()];
    });
    for (name, labels, expected) in [
        ("awscni_build_info", &[("version", "1.2.3"), ("goversion", "")][..], Value::Gauge(1)),
        ("awscni_total_ip_addresses", &[], Value::Gauge(11)),
        ("awscni_assigned_ip_addresses", &[], Value::Gauge(1)),
        ("awscni_eni_allocated", &[], Value::Gauge(1)),
        ("awscni_assigned_ip_per_eni", &[("eni", "eni-1")], Value::Gauge(1)),
        ("awscni_add_ip_req_count", &[], Value::Counter(7)),
        ("awscni_del_ip_req_count", &[("reason", "PodDeleted")], Value::Counter(4)),
        ("awscni_no_available_ip_addresses", &[], Value::Counter(2)),
        ("enid_addresses", &[("state", "cooling")], Value::Gauge(2)),
        ("enid_addresses", &[("state", "pinned")], Value::Gauge(3)),
        ("enid_addresses", &[("state", "leaving")], Value::Gauge(2)),
        ("enid_addresses_wanted", &[], Value::Gauge(9)),
        ("enid_waiting_adds", &[], Value::Gauge(0)),
        ("enid_answers_total", &[("verb", "ADD"), ("outcome", "PoolEmpty")], Value::Counter(2)),
        ("enid_child_restarts_total", &[("child", "warm-pool"), ("cause", "panic")], Value::Counter(1)),
        ("enid_trouble", &[("room", "eni-manager"), ("cause", "Throttled")], Value::Gauge(1)),
        ("enid_host_changes_total", &[], Value::Counter(7)),
        ("enid_ready", &[], Value::Gauge(1)),
        ("enid_gaps", &[], Value::Gauge(1)),
    ] {
        assert_eq!(value(&shown, name, labels), Some(expected), "{name} {labels:?}");
    }
}

#[test]
fn what_nobody_told_is_absent_and_not_zero() {
    let shown = picture(&Facts::default(), "1", Duration::ZERO);
    let names: Vec<&str> = shown.samples.iter().map(|sample| sample.name).collect();
    assert_eq!(
        names.iter().filter(|name| name.starts_with("awscni_")).collect::<Vec<_>>(),
        [&"awscni_build_info"]
    );
    assert_eq!(value(&shown, "enid_ready", &[]), Some(Value::Gauge(0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn ready_is_no_reasons_and_no_sample_is_there_twice(
        heard in prop::collection::vec(any::<bool>(), 6),
        running in prop::collection::vec(any::<bool>(), 6),
        answers in prop::collection::vec((0usize..2, 0usize..3, any::<u64>()), 0..6),
        listening in any::<bool>(),
    ) {
        let mut facts = well();
        for (child, running) in facts.children.as_mut().unwrap().iter_mut().zip(&running) {
            child.running = *running;
        }
        let front = facts.front.as_mut().unwrap();
        front.listening = listening;
        front.answers = answers
            .into_iter()
            .map(|(verb, outcome, many)| ((["ADD", "DEL"][verb], ["ok", "PoolEmpty", "HostWiring"][outcome]), many))
            .collect();
        facts.enis = facts.enis.filter(|_| heard[0]);
        facts.leases = facts.leases.filter(|_| heard[1]);
        facts.subnets = facts.subnets.filter(|_| heard[2]);
        facts.host = facts.host.filter(|_| heard[3]);
        facts.front = facts.front.filter(|_| heard[4]);
        facts.children = facts.children.filter(|_| heard[5]);
        let shown = picture(&facts, "1", Duration::ZERO);
        prop_assert_eq!(shown.ready, shown.reasons.is_empty());
        let needed = heard[3] && heard[4] && heard[5] && listening && running[2] && running[3] && running[5];
        prop_assert_eq!(shown.ready, needed);
        let mut keys: Vec<_> = shown.samples.iter().map(|sample| (sample.name, &sample.labels)).collect();
        keys.sort();
        let many = keys.len();
        keys.dedup();
        prop_assert_eq!(keys.len(), many);
    }
}
