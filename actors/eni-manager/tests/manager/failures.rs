//! EC2 that fails: what is known not to be done is tried again, what may have been done is read back first.

use crate::desk::*;
use contract::model::Growth;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(59);

#[test]
fn a_throttled_call_is_made_again_later_without_reading_back() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(3);
    let mut pauses = Vec::new();
    for _ in 0..4 {
        desk.assigned(0, Err(throttled()));
        assert_eq!(desk.seen().growth, Growth::Held(throttled()));
        let began = desk.now;
        while desk.assigns.is_empty() {
            desk.pass(Duration::from_millis(10));
        }
        pauses.push(desk.now - began);
    }
    assert_eq!(desk.describes_seen, 1);
    assert!(pauses[0] >= Duration::from_millis(500));
    assert!(pauses.is_sorted() && pauses[3] >= Duration::from_secs(4), "{pauses:?}");
    desk.assigned(0, Ok(some(0, 3)));
    assert_eq!(desk.seen().trouble, None);
}

#[test]
fn after_a_lost_answer_ec2_is_read_back_and_nothing_is_bought_twice() {
    for cause in [timeout(), unavailable()] {
        let mut desk = Desk::with(vec![described(0, Vec::new())]);
        desk.want(3);
        desk.assigned(0, Err(cause.clone()));
        assert!(desk.describe_asked && desk.assigns.is_empty());
        assert_eq!(desk.seen().trouble, Some(cause));
        desk.pass(LONG);
        assert!(desk.assigns.is_empty());
        // EC2 did it after all.
        desk.described_are(Ok(vec![described(0, some(0, 3))]));
        assert_eq!(desk.addresses(), some(0, 3));
        desk.pass(Duration::from_secs(2));
        assert!(desk.assigns.is_empty());
        // And nothing is wrong any more.
        assert_eq!(desk.seen().trouble, None);
        assert_eq!(desk.seen().growth, Growth::Possible);
    }
}

#[test]
fn what_a_lost_answer_did_not_bring_is_bought_after_the_pause() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(3);
    desk.assigned(0, Err(timeout()));
    desk.described_are(Ok(vec![described(0, some(0, 1))]));
    assert!(desk.assigns.is_empty());
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.buying(), [on(0, 2)]);
}

#[test]
fn a_read_back_waits_for_the_other_calls_and_no_refusal_or_success_cancels_it() {
    for other in [Err(throttled()), Err(unauthorized()), Err(exhausted(1)), Ok(some(1, 9))] {
        let mut desk = Desk::with(vec![described(0, Vec::new()), described(1, Vec::new())]);
        desk.want(18);
        assert_eq!(desk.buying(), [on(0, 9), on(1, 9)]);
        desk.assigned(0, Err(timeout()));
        assert!(!desk.describe_asked);
        desk.assigned(1, other);
        assert!(desk.describe_asked);
        desk.pass(LONG);
        assert!(desk.assigns.is_empty());
    }
}

#[test]
fn a_demand_that_comes_during_a_read_back_waits_for_it() {
    let mut desk = Desk::with(vec![described(0, Vec::new()), described(1, Vec::new())]);
    desk.want(3);
    desk.assigned(0, Err(timeout()));
    desk.want(8);
    desk.pass(LONG);
    assert!(desk.assigns.is_empty());
    desk.described_are(Ok(vec![described(0, some(0, 3)), described(1, Vec::new())]));
    assert_eq!(desk.buying(), [on(0, 5)]);
}

#[test]
fn a_read_back_that_fails_is_made_again_and_nothing_is_bought_before() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(3);
    desk.assigned(0, Err(timeout()));
    for _ in 0..10 {
        desk.described_are(Err(unavailable()));
        assert!(!desk.describe_asked);
        desk.pass(Duration::from_secs(60));
        assert!(desk.assigns.is_empty());
    }
    desk.described_are(Ok(vec![described(0, Vec::new())]));
    assert_eq!(desk.buying(), [on(0, 3)]);
}

#[test]
fn a_role_that_may_not_is_told_and_tried_again_at_most_once_a_minute_in_the_long_run() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(3);
    for _ in 0..10 {
        desk.assigned(0, Err(unauthorized()));
        assert_eq!(desk.seen().growth, Growth::Held(unauthorized()));
        desk.pass(Duration::from_secs(60));
    }
    desk.assigned(0, Err(unauthorized()));
    desk.pass(Duration::from_secs(29));
    assert!(desk.assigns.is_empty());
    assert_eq!(desk.describes_seen, 1);
}

#[test]
fn an_eni_that_ec2_refuses_does_not_starve_the_others() {
    let enis = || vec![described(0, some(0, 8)), described(1, Vec::new())];
    let mut desk = Desk::with(enis());
    desk.want(9);
    assert_eq!(desk.buying(), [on(0, 1)]);
    desk.assigned(0, Err(refused()));
    desk.described_are(Ok(enis()));
    assert_eq!(desk.buying(), [on(1, 1)]);
    desk.assigned(1, Ok(some(1, 1)));
    assert_eq!(desk.addresses().len(), 9);
    assert_eq!(desk.seen().trouble, None);
    // It is tried again in its turn.
    desk.pass(Duration::from_secs(1));
    desk.want(10);
    assert_eq!(desk.buying(), [on(0, 1)]);
}

#[test]
fn an_answer_that_brings_nothing_new_is_read_back_and_pauses() {
    for nothing in [Vec::new(), some(0, 2)] {
        let mut desk = Desk::with(vec![described(0, some(0, 2))]);
        desk.want(4);
        for round in 2..6 {
            desk.assigned(0, Ok(nothing.clone()));
            desk.described_are(Ok(vec![described(0, some(0, 2))]));
            assert!(desk.assigns.is_empty(), "asked again at once");
            assert!(desk.seen().trouble.is_some());
            desk.pass(Duration::from_secs(16));
            assert_eq!(desk.assigns_seen, round);
        }
    }
}

#[test]
fn what_failed_is_no_trouble_any_more_once_nobody_wants_anything() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(3);
    desk.assigned(0, Err(throttled()));
    desk.want(0);
    assert!(desk.seen().trouble.is_some());
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.seen().trouble, None);
    assert_eq!(desk.seen().growth, Growth::Possible);
}

#[test]
fn an_eni_that_is_gone_takes_its_addresses_with_it_and_they_are_bought_elsewhere() {
    let mut desk = Desk::with(vec![described(0, Vec::new()), described(1, some(1, 8))]);
    desk.want(9);
    assert_eq!(desk.buying(), [on(1, 1)]);
    desk.assigned(1, Err(refused()));
    desk.described_are(Ok(vec![described(0, Vec::new())]));
    assert_eq!(desk.buying(), [on(0, 9)]);
    assert!(desk.seen().complete);
}

#[test]
fn a_reading_that_lags_takes_nothing_of_what_ec2_has_just_given() {
    let mut desk = Desk::with(vec![described(0, Vec::new()), described(1, Vec::new())]);
    desk.want(12);
    desk.assigned(0, Ok(some(0, 9)));
    desk.assigned(1, Err(timeout()));
    desk.described_are(Ok(vec![described(0, some(0, 2)), described(1, Vec::new())]));
    assert_eq!(desk.addresses(), some(0, 9));
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.buying(), [on(1, 3)]);
    // In the long run a reading is the truth.
    desk.pass(Duration::from_secs(60));
    desk.assigned(1, Err(timeout()));
    desk.described_are(Ok(vec![described(0, some(0, 2)), described(1, Vec::new())]));
    assert_eq!(desk.addresses(), some(0, 2));
}
