//! When a rule fires: the same calls for the same rule, whatever else happens.

use super::support::{World, milliseconds};
use crate::{
    Fault, FaultRule, ImdsFault, ImdsFaultRule, ImdsRequest, Knobs, QueryRequest, RegionError, State, When,
};

fn error() -> Fault {
    Fault::Error {
        code: "InternalError".to_owned(),
        message: String::new(),
        status: 500,
        retry_after_milliseconds: None,
    }
}

/// Which of so many calls, 100 ms apart, a rule hits.
fn hits(rule: FaultRule, calls: u64) -> Vec<u64> {
    let mut world = World::new();
    world.region.add_fault(rule).unwrap();
    (1..=calls)
        .filter(|call| {
            world.now = milliseconds(100 * call);
            world.ask(QueryRequest::new("DescribeVpcs")).http_status != 200
        })
        .collect()
}

fn hit_by(when: When, calls: u64) -> Vec<u64> {
    hits(FaultRule::new("DescribeVpcs", when, error()), calls)
}

#[test]
fn a_chance_scatters_its_hits_and_a_seed_always_hits_the_same() {
    let by = |seed| hit_by(When::Chance { hits: 3, of: 10, seed }, 1_000);
    assert_eq!(by(1), by(1));
    assert_ne!(by(1), by(2));
    let hits = by(1).len();
    assert!((250..=350).contains(&hits), "{hits} of 1000 calls, instead of about 300");
    assert_eq!(hit_by(When::Chance { hits: 1, of: 1, seed: 7 }, 20).len(), 20);
    assert_eq!(hit_by(When::Chance { hits: 0, of: 1, seed: 7 }, 20).len(), 0);
}

#[test]
fn a_rule_stops_after_so_many_hits() {
    let rule = FaultRule { hits_max: Some(2), ..FaultRule::new("*", When::Rate { hits: 1, of: 3 }, error()) };
    assert_eq!(hits(rule, 30), [3, 6]);
}

#[test]
fn a_bucket_of_a_rules_own_hits_what_is_over_the_rate() {
    let when = When::Over { capacity: 3, refill_per_second: 5 };
    assert_eq!(hit_by(when, 12), [6, 8, 10, 12]);
}

#[test]
fn all_conditions_of_a_rule_must_hold() {
    let when = When::All(vec![
        When::Between { from_milliseconds: 300, to_milliseconds: 900 },
        When::Rate { hits: 1, of: 2 },
    ]);
    assert_eq!(hit_by(when, 12), [4, 6, 8]);
}

#[test]
fn a_rule_fires_while_the_region_is_in_a_state() {
    let mut world = World::new();
    world.knobs(|knobs| {
        knobs.attach_milliseconds = 1_000;
        knobs.detach_milliseconds = 1_000;
        knobs.credentials.absent_until_milliseconds = 500;
    });
    let states = [State::EniAttaching, State::EniDetaching, State::NoCredentials, State::InstanceStopping];
    // What holds now, told by the only rule there is.
    let hold = |world: &mut World| -> Vec<State> {
        let holds = |state: &State| {
            world.region.clear_faults();
            world.region.add_fault(FaultRule::new("*", When::While(*state), Fault::Drop)).unwrap();
            world.ask(QueryRequest::new("DescribeVpcs")).delivery != crate::Delivery::Deliver
        };
        let held = states.iter().copied().filter(holds).collect();
        world.region.clear_faults();
        held
    };
    assert_eq!(hold(&mut world), [State::NoCredentials]);
    world.now = milliseconds(500);
    let eni = world.create(&world.subnet.clone());
    let attachment = world.attach(&eni, 1);
    assert_eq!(hold(&mut world), [State::EniAttaching]);
    world.now = milliseconds(1_500);
    assert_eq!(hold(&mut world), []);
    world.done(QueryRequest::new("DetachNetworkInterface").with("AttachmentId", attachment));
    world.region.stop_instance(&world.node, world.now).unwrap();
    assert_eq!(hold(&mut world), [State::EniDetaching, State::InstanceStopping]);
}

#[test]
fn a_full_subnet_is_the_one_that_the_call_is_about() {
    let mut world = World::new();
    let eni = world.create(&world.small.clone());
    world.done(world.assign_request(&eni, 10));
    world.region.add_fault(FaultRule::new("*", When::While(State::SubnetFull), Fault::Drop)).unwrap();
    let dropped = |world: &mut World, request| world.ask(request).delivery == crate::Delivery::DropBefore;
    let in_small = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.small);
    assert!(dropped(&mut world, in_small));
    let more = world.assign_request(&eni, 1);
    assert!(dropped(&mut world, more));
    let elsewhere = world.assign_request(&world.primary.clone(), 1);
    assert!(!dropped(&mut world, elsewhere));
    assert!(!dropped(&mut world, QueryRequest::new("DescribeVpcs")), "its own subnet has room");
}

#[test]
fn rules_that_cannot_mean_anything_are_refused() {
    let mut world = World::new();
    let mut refused = |rule: FaultRule| world.region.add_fault(rule).unwrap_err();
    let rule = |when, fault| FaultRule::new("*", when, fault);
    let half = When::Rate { hits: 1, of: 0 };
    let rate = RegionError::Rate { hits: 1, of: 0 };
    assert_eq!(refused(rule(When::All(vec![When::Always, half]), Fault::Drop)), rate);
    let chance = When::Chance { hits: 2, of: 1, seed: 0 };
    assert_eq!(refused(rule(chance, Fault::Drop)), RegionError::Rate { hits: 2, of: 1 });
    assert_eq!(refused(rule(When::All(Vec::new()), Fault::Drop)), RegionError::NoCondition);
    assert_eq!(refused(rule(When::First(1), Fault::Refuse)), RegionError::RefusesByTime);
    let one_action = FaultRule::new("DescribeVpcs", When::Always, Fault::Refuse);
    assert_eq!(refused(one_action), RegionError::RefusesByTime);
    for (path, when, fault, expected) in [
        ("latest", When::Always, ImdsFault::Drop, RegionError::Path("latest".to_owned())),
        ("/latest/*", When::Always, ImdsFault::Refuse, RegionError::RefusesByTime),
        ("*", When::Nth(1), ImdsFault::Refuse, RegionError::RefusesByTime),
    ] {
        assert_eq!(world.region.add_imds_fault(ImdsFaultRule::new(path, when, fault)).unwrap_err(), expected);
    }
}

#[test]
fn refusals_tell_when_they_begin_and_end() {
    let mut world = World::new();
    let when = When::Between { from_milliseconds: 100, to_milliseconds: 200 };
    world.region.add_fault(FaultRule::new("*", when, Fault::Refuse)).unwrap();
    let when = When::Between { from_milliseconds: 0, to_milliseconds: 150 };
    world.region.add_imds_fault(ImdsFaultRule::new("*", when, ImdsFault::Refuse)).unwrap();
    let mut seen = Vec::new();
    let mut now = milliseconds(0);
    loop {
        world.region.advance(now);
        let imds = world.region.imds_refuses(now).contains(&world.node);
        seen.push((now.as_millis(), world.region.ec2_refuses(now), imds));
        let Some(next) = world.region.next_transition() else { break };
        now = next;
    }
    assert_eq!(seen, [(0, false, true), (100, true, true), (150, true, false), (200, false, false)]);
}

#[test]
fn a_call_to_the_metadata_service_is_hit_by_path_and_instance() {
    let mut world = World::new();
    let subnet = world.subnet.clone();
    let other = world.region.launch_instance(crate::InstanceSpec::new("m5.large", &subnet), world.now);
    let other = other.unwrap().instance;
    let rule = ImdsFaultRule {
        instance: Some(other.clone()),
        ..ImdsFaultRule::new("/latest/meta-data/instance-?d", When::Always, ImdsFault::Status(500))
    };
    world.region.add_imds_fault(rule).unwrap();
    let mut read = |instance: &crate::InstanceId, path: &str| {
        let request = ImdsRequest::Token { ttl_seconds: Some(60) };
        let token = world.region.handle_imds(instance, &request, world.now).reply.body;
        let request = ImdsRequest::Read { path: path.to_owned(), token: Some(token) };
        world.region.handle_imds(instance, &request, world.now).reply.status
    };
    let node = world.node.clone();
    assert_eq!(read(&node, "/latest/meta-data/instance-id"), 200);
    assert_eq!(read(&other, "/latest/meta-data/instance-id"), 500);
    assert_eq!(read(&other, "/latest/meta-data/instance-type"), 200);
}

#[test]
fn every_condition_and_every_fault_is_data() {
    let rules = r#"[
        {"action": "*", "when": {"chance": {"hits": 1, "of": 3}}, "fault": "reset", "hits_max": 2},
        {"action": "*", "when": {"over": {"capacity": 5, "refill_per_second": 1}}, "fault": "apply_then_reset"},
        {"action": "*", "when": {"while": "eni_attaching"}, "fault": "apply_then_hang"},
        {"action": "*", "when": {"all": [{"first": 3}, {"while": "subnet_full"}]}, "fault": {"cut": {"bytes": 9}}},
        {"action": "*", "when": "always", "fault": {"page": {"status": 502, "html": ""}}},
        {"action": "*", "when": "always", "fault": {"apply_then_page": {"status": 504, "html": "x"}}},
        {"action": "*", "when": "always", "fault": {"truncate": {"bytes": 9}}},
        {"action": "*", "when": "always", "fault": {"dribble": {"bytes_per_second": 9}}},
        {"action": "*", "when": "always", "fault": {"close_idle": {"milliseconds": 9}}},
        {"action": "*", "when": "always", "fault": "refuse"},
        {"action": "*", "when": "always", "fault": {"error": {"code": "a", "message": "b", "retry_after_milliseconds": 5}}}
    ]"#;
    let mut world = World::new();
    for rule in serde_json::from_str::<Vec<FaultRule>>(rules).unwrap() {
        world.region.add_fault(rule).unwrap();
    }
    let rules = r#"[
        {"path": "/latest/api/token", "when": {"nth": 1}, "fault": "hang"},
        {"when": "always", "fault": {"status": 403}},
        {"when": "always", "fault": {"omit": {"from_line": 2}}},
        {"when": "always", "fault": {"repeat": {"line": 1}}},
        {"when": "always", "fault": {"hide_interface": {"device_index": 1}}},
        {"when": "always", "fault": {"repeat_interface": {"device_index": 1}}}
    ]"#;
    for rule in serde_json::from_str::<Vec<ImdsFaultRule>>(rules).unwrap() {
        world.region.add_imds_fault(rule).unwrap();
    }
    let knobs: Knobs = serde_json::from_str(
        r#"{"aws_buckets": true, "no_room": "invalid_parameter_value",
            "buckets": {"DescribeVpcs": {"capacity": 1, "refill_per_second": 1, "code": "EC2ThrottledException"}},
            "describe": {"interfaces": {"addresses_milliseconds": 5}, "subnets_milliseconds": 9},
            "imds": {"ghosts_until_next_change": true},
            "credentials": {"never_renewed": true, "expired": "ExpiredToken"},
            "pages": {"first_is_empty": true, "token_life_milliseconds": 5, "refusal": "InvalidNextToken"}}"#,
    )
    .unwrap();
    world.region.set_knobs(knobs).unwrap();
    for unknown in [
        r#"{"action": "*", "when": "always", "fault": {"cut": {"byte": 9}}}"#,
        r#"{"action": "*", "when": {"whilst": "subnet_full"}, "fault": "drop"}"#,
        r#"{"action": "*", "when": "always", "fault": "drop", "hit_max": 1}"#,
    ] {
        assert!(serde_json::from_str::<FaultRule>(unknown).is_err(), "{unknown}");
    }
    assert!(
        serde_json::from_str::<ImdsFaultRule>(r#"{"when": "always", "fault": "drop", "key": 1}"#).is_err()
    );
}
