//! Faults, throttles, permissions and latency: what is done, what is told, and what the journal says of it.

use super::support::{World, milliseconds, text};
use crate::{BucketSpec, Delivery, Fault, FaultRule, QueryRequest, When};

fn rule(action: &str, when: When, fault: Fault) -> FaultRule {
    FaultRule::new(action, when, fault)
}

fn error(code: &str, status: u16) -> Fault {
    Fault::Error {
        code: code.to_owned(),
        message: "scripted".to_owned(),
        status,
        retry_after_milliseconds: None,
    }
}

fn describe() -> QueryRequest {
    QueryRequest::new("DescribeVpcs")
}

/// Which of ten calls, a second apart, are refused.
fn hit(world: &mut World) -> Vec<usize> {
    (1..=10)
        .filter(|second| {
            world.now = milliseconds(1_000 * *second as u64);
            world.ask(describe()).http_status != 200
        })
        .collect()
}

#[test]
fn a_fault_fires_on_the_calls_its_rule_names() {
    let rows = [
        (When::Always, (1..=10).collect::<Vec<_>>()),
        (When::Nth(3), vec![3]),
        (When::First(2), vec![1, 2]),
        (When::Rate { hits: 3, of: 10 }, vec![4, 7, 10]),
        (When::Between { from_milliseconds: 4_000, to_milliseconds: 6_000 }, vec![4, 5]),
    ];
    for (when, expected) in rows {
        let mut world = World::new();
        world.region.add_fault(rule("DescribeVpcs", when.clone(), error("InternalError", 500))).unwrap();
        assert_eq!(hit(&mut world), expected, "{when:?}");
        world.region.clear_faults();
        assert_eq!(hit(&mut world), Vec::<usize>::new());
    }
}

#[test]
fn calls_of_other_actions_and_other_nodes_do_not_count() {
    let mut world = World::new();
    let mut one = rule("DescribeVpcs", When::Nth(1), error("Unavailable", 503));
    one.caller = Some(world.node.clone());
    world.region.add_fault(one).unwrap();
    world.done(QueryRequest::new("DescribeSubnets"));
    assert_eq!(world.region.handle(describe(), world.now).http_status, 200);
    assert_eq!(world.ask(describe()).http_status, 503);
}

#[test]
fn the_second_spelling_of_a_full_subnet_can_be_scripted() {
    let mut world = World::new();
    let fault = Fault::Error {
        code: "InvalidParameterValue".to_owned(),
        message: "There aren't sufficient free Ipv4 addresses or prefixes".to_owned(),
        status: 400,
        retry_after_milliseconds: None,
    };
    world
        .region
        .add_fault(rule("AssignPrivateIpAddresses", When::SubnetFull(world.small.clone()), fault))
        .unwrap();
    let eni = world.create(&world.small.clone());
    world.done(world.assign_request(&eni, 10).with("AllowReassignment", false));
    assert_eq!(world.region.subnet(&world.small).unwrap().free(), 0);
    let request = world.assign_request(&eni, 1);
    let (code, message) = world.refused(request);
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("sufficient free Ipv4 addresses"), "{message}");
}

#[test]
fn lost_calls_say_whether_they_were_done() {
    let rows = [
        (Fault::Drop, Delivery::DropBefore, false, "Dropped"),
        (Fault::Hang, Delivery::Hang, false, "Hung"),
        (Fault::ApplyThenDrop, Delivery::DropAfterApply, true, "OK"),
        (
            Fault::ApplyThenError { code: "InternalError".to_owned(), message: String::new(), status: 500 },
            Delivery::Deliver,
            true,
            "InternalError",
        ),
        (Fault::Reset, Delivery::ResetBefore, false, "Reset"),
        (Fault::ApplyThenReset, Delivery::ResetAfterApply, true, "OK"),
        (Fault::ApplyThenHang, Delivery::HangAfterApply, true, "OK"),
        (Fault::Refuse, Delivery::Refuse, false, "Refused"),
        (Fault::Page { status: 502, html: String::new() }, Delivery::Deliver, false, "Http502"),
        (Fault::ApplyThenPage { status: 504, html: String::new() }, Delivery::Deliver, true, "Http504"),
        (Fault::Truncate { bytes: 9 }, Delivery::Deliver, true, "OK"),
        (Fault::Cut { bytes: 9 }, Delivery::Cut { bytes: 9 }, true, "OK"),
        (Fault::Dribble { bytes_per_second: 9 }, Delivery::Dribble { bytes_per_second: 9 }, true, "OK"),
        (Fault::CloseIdle { milliseconds: 9 }, Delivery::CloseIdle { milliseconds: 9 }, true, "OK"),
        (error("InternalError", 500), Delivery::Deliver, false, "InternalError"),
        (Fault::Delay { milliseconds: 30_000 }, Delivery::Deliver, true, "OK"),
    ];
    for (fault, delivery, done, outcome) in rows {
        let mut world = World::new();
        world.region.add_fault(rule("*", When::Always, fault.clone())).unwrap();
        let request = world.assign_request(&world.primary.clone(), 1);
        let reply = world.ask(request);
        assert_eq!(reply.delivery, delivery, "{fault:?}");
        assert_eq!(!reply.effects.is_empty(), done, "{fault:?}");
        assert_eq!(
            world.region.eni(&world.primary).unwrap().secondaries.len(),
            usize::from(done),
            "{fault:?}"
        );
        let entry = world.region.journal().entries().next_back().unwrap();
        assert_eq!((entry.outcome.as_str(), entry.mutated, entry.delivery), (outcome, done, delivery));
    }
}

#[test]
fn a_call_that_is_refused_anyway_keeps_its_own_error() {
    let mut world = World::new();
    let fault =
        Fault::ApplyThenError { code: "InternalError".to_owned(), message: String::new(), status: 500 };
    world.region.add_fault(rule("*", When::Always, fault)).unwrap();
    assert_eq!(world.refused(QueryRequest::new("Nonsense")).0, "InvalidAction");
}

#[test]
fn latency_and_scripted_delays_add_up() {
    let mut world = World::new();
    world.knobs(|knobs| {
        knobs.latency_milliseconds.insert("*".to_owned(), 20);
        knobs.latency_milliseconds.insert("DescribeVpcs".to_owned(), 300);
    });
    world.region.add_fault(rule("DescribeVpcs", When::Nth(2), Fault::Delay { milliseconds: 5 })).unwrap();
    assert_eq!(world.done(describe()).delay, milliseconds(300));
    assert_eq!(world.done(describe()).delay, milliseconds(305));
    assert_eq!(world.done(QueryRequest::new("DescribeSubnets")).delay, milliseconds(20));
}

#[test]
fn a_bucket_throttles_one_action_and_fills_again() {
    let mut world = World::new();
    let bucket = BucketSpec::new(2, 5);
    world.knobs(|knobs| {
        knobs.buckets.insert("DescribeVpcs".to_owned(), bucket);
    });
    world.done(describe());
    world.done(describe());
    let reply = world.ask(describe());
    assert_eq!((reply.http_status, text(&reply.body, "Code").as_str()), (503, "RequestLimitExceeded"));
    assert_eq!(text(&reply.body, "Message"), "Request limit exceeded.");
    world.done(QueryRequest::new("DescribeSubnets"));
    world.now = milliseconds(199);
    assert_eq!(world.ask(describe()).http_status, 503);
    world.now = milliseconds(200);
    world.done(describe());
    assert_eq!(world.ask(describe()).http_status, 503);
    world.now = milliseconds(60_000);
    world.done(describe());
    world.done(describe());
    assert_eq!(world.ask(describe()).http_status, 503, "it holds no more than its capacity");
}

#[test]
fn a_denied_action_is_refused_and_denied_tags_refuse_the_create_that_carries_them() {
    let mut world = World::new();
    world.knobs(|knobs| {
        knobs.denied_actions.insert("CreateTags".to_owned());
    });
    let tags = QueryRequest::new("CreateTags").with("ResourceId.1", &world.primary).with("Tag.1.Key", "a");
    let reply = world.ask(tags);
    assert_eq!((reply.http_status, text(&reply.body, "Code").as_str()), (403, "UnauthorizedOperation"));
    assert!(text(&reply.body, "Message").contains("Encoded authorization failure message: "));
    let plain = QueryRequest::new("CreateNetworkInterface").with("SubnetId", &world.subnet);
    let tagged = plain
        .clone()
        .with("TagSpecification.1.ResourceType", "network-interface")
        .with("TagSpecification.1.Tag.1.Key", "a");
    world.done(plain);
    assert_eq!(world.refused(tagged).0, "UnauthorizedOperation");
}

#[test]
fn knobs_and_faults_for_unknown_actions_are_refused_by_name() {
    let mut world = World::new();
    let mut knobs = world.region.knobs().clone();
    knobs.latency_milliseconds.insert("DescribeNetworkInterface".to_owned(), 1);
    let error = world.region.set_knobs(knobs).unwrap_err();
    assert_eq!(error.to_string(), "the region has no action DescribeNetworkInterface");
    assert!(world.region.add_fault(rule("Nonsense", When::Always, Fault::Drop)).is_err());
    assert!(world.region.add_fault(rule("*", When::Rate { hits: 2, of: 0 }, Fault::Drop)).is_err());
}

#[test]
fn faults_and_knobs_are_data() {
    let text = r#"[
        {"action": "CreateNetworkInterface", "when": {"nth": 2}, "fault": "apply_then_drop"},
        {"action": "*", "when": "always", "fault": {"error": {"code": "InternalError", "message": "no", "status": 500}}},
        {"action": "*", "when": {"rate": {"hits": 1, "of": 3}}, "fault": {"delay": {"milliseconds": 30000}}},
        {"action": "*", "when": {"between": {"from_milliseconds": 0, "to_milliseconds": 9}}, "fault": "hang"}
    ]"#;
    let rules: Vec<FaultRule> = serde_json::from_str(text).unwrap();
    assert_eq!(rules[0], rule("CreateNetworkInterface", When::Nth(2), Fault::ApplyThenDrop));
    assert_eq!(rules[2].when, When::Rate { hits: 1, of: 3 });
    let knobs: crate::Knobs =
        serde_json::from_str(r#"{"attach_milliseconds": 900, "imds": {"listed_milliseconds": 300}}"#)
            .unwrap();
    assert_eq!((knobs.attach_milliseconds, knobs.imds.listed_milliseconds), (900, 300));
    assert!(serde_json::from_str::<crate::Knobs>(r#"{"attach_ms": 900}"#).is_err());
}

#[test]
fn the_journal_counts_by_action_and_by_outcome() {
    let mut world = World::new();
    world.done(describe());
    world.done(describe());
    world.refused(describe().with("Colour", "red"));
    world.done(world.assign_request(&world.primary.clone(), 1));
    let journal = world.region.journal();
    assert_eq!((journal.count_action("DescribeVpcs"), journal.count("DescribeVpcs", "OK")), (3, 2));
    assert_eq!((journal.count_outcome("OK"), journal.count_outcome("UnknownParameter")), (3, 1));
    assert_eq!((journal.total(), journal.mutations()), (4, 1));
    let last = journal.entries().next_back().unwrap();
    assert_eq!((last.action.as_str(), last.caller.as_ref()), ("AssignPrivateIpAddresses", Some(&world.node)));
}
