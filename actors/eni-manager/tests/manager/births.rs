//! `grow_pool` beyond the ENIs that are there: each further one is ordered once, whatever becomes of the answers, or not at all.

use crate::calls::*;
use crate::desk::*;
use contract::causes::Cause;
use contract::mail::eni_manager::{Demand, EniMail};
use contract::model::{Growth, InstanceId};
use contract::ports::ec2::{AttachmentState, EniOrder};
use contract::ports::intents::{Intent, LoadedIntents};
use kernel::Event;
use std::time::Duration;

const ATTACH: &str = "AttachNetworkInterface";
const CREATE: &str = "CreateNetworkInterface";

/// An m5.large whose primary ENI is full, and that may have two more.
fn full() -> Desk {
    Desk::new().knowing(vec![described(0, some(0, 9))])
}

fn want_whole(desk: &mut Desk, wanted: u32) {
    let demand = Demand { needed: wanted, wanted, waiting: 0, whole_enis: true };
    desk.event(Event::Mail(EniMail::Demand(demand)));
}

fn timeout_of(action: &'static str) -> Cause {
    Cause::Ec2Timeout { action, timeout_seconds: 10 }
}

#[test]
fn what_no_eni_can_carry_is_ordered_at_once_on_as_many_new_ones_as_it_takes() {
    let mut desk = Desk::new().knowing(vec![described(0, some(0, 7))]);
    desk.want(20);
    assert_eq!(desk.buying(), [on(0, 2)]);
    let sizes: Vec<u32> = desk.creates.iter().map(|order| order.secondary_addresses).collect();
    assert_eq!(sizes, [9, 2]);
    assert_eq!(desk.seen().growth, Growth::UnderWay);
    let EniOrder { subnet: home, groups, description, .. } = &desk.creates[0];
    assert_eq!((home, groups.len(), description.as_str()), (&subnet(0), 1, "aws-K8S-i-1"));
    // Heard again, it orders nothing again.
    desk.want(20);
    assert_eq!(desk.creates.len(), 2);
}

#[test]
fn what_more_is_wanted_meanwhile_is_bought_on_the_eni_that_comes_and_ordered_only_beyond_its_room() {
    let mut desk = full();
    let sizes = |desk: &Desk| desk.creates.iter().map(|order| order.secondary_addresses).collect::<Vec<_>>();
    desk.want(10);
    desk.want(13);
    assert_eq!(sizes(&desk), [1]);
    desk.created(Ok(born(1, 1)));
    desk.attach_ends(Ok(()));
    desk.metadata_shows(&[described(0, some(0, 9)), born(1, 1)]);
    assert_eq!((desk.buying(), desk.creates.len()), (vec![on(1, 3)], 0));
    let mut desk = full();
    desk.want(10);
    desk.want(20);
    assert_eq!(sizes(&desk), [1, 2]);
}

#[test]
fn an_eni_that_does_not_come_is_not_waited_for_with_what_more_is_wanted() {
    let mut desk = full();
    desk.want(10);
    desk.created(Ok(born(1, 1)));
    desk.attach_ends(Err(Cause::Throttled { action: ATTACH }));
    desk.want(13);
    assert_eq!(desk.creates.iter().map(|order| order.secondary_addresses).collect::<Vec<_>>(), [3]);
}

#[test]
fn nothing_is_ordered_before_every_eni_that_is_there_is_known() {
    let mut desk = Desk::new();
    desk.node_is(Ok(node("m5.large")));
    desk.want(3);
    // What EC2 tells lacks the subnet's block, so that nothing can be put on it yet.
    desk.described_are(Ok(vec![described(0, Vec::new())]));
    assert!(desk.disk.is_none() && desk.assigns.is_empty());
    desk.interfaces_are(Ok(metadata(vec![seen(0, Vec::new())])));
    assert_eq!(desk.buying(), [on(0, 3)]);
    assert!(desk.creates.is_empty());
}

#[test]
fn where_the_reserve_counts_whole_enis_each_is_made_at_full_size() {
    let mut desk = full();
    want_whole(&mut desk, 11);
    assert_eq!(desk.creates.iter().map(|order| order.secondary_addresses).collect::<Vec<_>>(), [9]);
}

#[test]
fn what_ec2_was_asked_about_an_eni_on_its_way_in_is_no_answer_about_its_way_out() {
    let mut desk = full();
    desk.want(12);
    desk.created(Ok(born(1, 3)));
    desk.attach_ends(Ok(()));
    desk.pass(Duration::from_secs(10));
    assert_eq!(desk.looks, [eni(1)]);
    // It serves while EC2 is still asked for it, and goes at once.
    desk.metadata_shows(&[born(1, 0)]);
    let _going = desk.let_go(1, some(1, 3), true);
    desk.looked(Ok(Some(attached_at(described(1, some(1, 3)), 1, AttachmentState::Attached))));
    assert!(desk.detaches.is_empty(), "one answer to two questions");
    desk.looked(Ok(Some(attached_at(described(1, some(1, 3)), 1, AttachmentState::Attached))));
    assert_eq!(desk.detaches, [eni(1)]);
}

#[test]
fn a_new_eni_is_shown_without_addresses_until_it_is_there_and_serves_before_it_is_bound() {
    let mut desk = full();
    desk.want(12);
    desk.created(Ok(born(1, 3)));
    assert_eq!(desk.attaches[0].2, 1);
    assert_eq!(desk.seen().enis.len(), 1);
    assert_eq!(desk.attach_ends(Ok(())), 1);
    // RouteProgrammer may look for its link, WarmPool has nothing to hand out.
    assert_eq!((desk.seen().enis.len(), desk.addresses().len()), (2, 9));
    assert_eq!(desk.seen().growth, Growth::UnderWay);
    desk.metadata_shows(&[born(1, 0)]);
    assert_eq!(desk.addresses().len(), 12);
    assert!(desk.seen().enis[1].addresses.iter().all(|on| on.confirmed));
    assert_eq!(desk.seen().enis[1].since, desk.now);
    assert_eq!(desk.on_disk(), ["coming eni-1"]);
    desk.bind_ends(Ok(()));
    assert_eq!(desk.on_disk(), Vec::<String>::new());
    assert_eq!(desk.seen().growth, Growth::Possible);
    desk.pass(Duration::from_secs(30));
    assert!(desk.is_idle() && desk.describes_seen == 1);
}

#[test]
fn the_metadata_service_is_looked_at_ten_times_in_the_first_second_that_an_eni_is_awaited() {
    let mut desk = full();
    desk.want(10);
    desk.created(Ok(born(1, 1)));
    desk.attach_ends(Ok(()));
    let (before, since) = (desk.interfaces_seen, desk.now);
    while desk.now < since + Duration::from_secs(1) {
        desk.metadata_shows(&[]);
    }
    let looks = desk.interfaces_seen - before;
    assert!((9..=11).contains(&looks), "{looks}");
    // In the long run EC2 is asked, and neither is asked often.
    desk.pass(Duration::from_secs(9));
    assert_eq!(desk.looks, [eni(1)]);
}

#[test]
fn an_order_whose_answer_is_lost_is_sent_again_as_it_was() {
    for cause in [timeout_of(CREATE), Cause::Ec2Unavailable { action: CREATE, detail: "reset".into() }] {
        let mut desk = full();
        desk.want(12);
        let order = desk.creates[0].clone();
        desk.created(Err(cause.clone()));
        assert_eq!(desk.seen().growth, Growth::Held(cause));
        desk.pass(Duration::from_secs(1));
        assert_eq!(desk.creates, std::slice::from_ref(&order));
        // Once it may have been made, a refusal that proves nothing ends nothing.
        for again in [Cause::Throttled { action: CREATE }, unauthorized()] {
            desk.created(Err(again));
            desk.pass(Duration::from_secs(60));
            assert_eq!(desk.creates, std::slice::from_ref(&order));
        }
        desk.comes_into_service(born(1, 3));
        assert_eq!(desk.addresses().len(), 12);
        assert!(desk.is_idle());
    }
}

#[test]
fn an_attach_whose_answer_is_lost_is_looked_at_before_it_is_repeated() {
    for (state, serves) in
        [(Some(AttachmentState::Attached), true), (Some(AttachmentState::Attaching), false), (None, false)]
    {
        let mut desk = full();
        desk.want(12);
        desk.created(Ok(born(1, 3)));
        desk.attach_ends(Err(timeout_of(ATTACH)));
        desk.pass(Duration::from_secs(1));
        assert!(desk.attaches.is_empty());
        let told = state.map_or(born(1, 3), |state| attached_at(born(1, 3), 1, state));
        desk.looked(Ok(Some(told)));
        assert_eq!(desk.addresses().len() == 12, serves);
        desk.pass(Duration::from_secs(2));
        assert_eq!(desk.attaches.len(), usize::from(state.is_none()));
    }
}

#[test]
fn an_index_that_somebody_has_taken_is_left_to_them() {
    let mut desk = full();
    desk.want(12);
    desk.created(Ok(born(1, 3)));
    assert_eq!(desk.attach_ends(Err(index_taken())), 1);
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.attaches[0].2, 2);
    assert!(desk.describe_asked);
}

#[test]
fn two_enis_get_two_indexes_and_what_is_not_ours_keeps_its_own() {
    let mut kept = described(1, Vec::new());
    kept.tags = vec![("node.k8s.amazonaws.com/no_manage".into(), "true".into())];
    let mut desk = Desk::recovered(None, Ok(LoadedIntents::default()));
    desk.node_is(Ok(node("m5.xlarge")));
    desk.interfaces_are(Ok(metadata(vec![seen(0, Vec::new())])));
    desk.described_are(Ok(vec![described(0, some(0, 14)), kept]));
    desk.want(100);
    // Four ENIs, one of them somebody else's.
    assert_eq!(desk.creates.len(), 2);
    desk.created(Ok(born(2, 14)));
    desk.created(Ok(born(3, 14)));
    assert_eq!(desk.attaches.iter().map(|attach| attach.2).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn an_eni_that_cannot_be_attached_is_deleted_and_no_other_is_made_at_once() {
    for code in ["AttachmentLimitExceeded", "IncorrectInstanceState", "InvalidInstanceID.NotFound"] {
        let mut desk = full();
        desk.want(12);
        desk.created(Ok(born(1, 3)));
        desk.attach_ends(Err(refusal(ATTACH, code)));
        assert_eq!(desk.deletes, [eni(1)]);
        assert_eq!(desk.on_disk(), ["coming eni-1"]);
        assert!(desk.creates.is_empty());
        assert!(
            matches!(&desk.seen().growth, Growth::Held(Cause::Ec2Refused { code: told, .. }) if told == code)
        );
        desk.delete_ends(Err(refusal("DeleteNetworkInterface", "InvalidParameterValue")));
        desk.pass(Duration::from_secs(1));
        desk.looked(Ok(Some(born(1, 3))));
        desk.delete_ends(Ok(()));
        desk.metadata_shows(&[described(0, some(0, 9))]);
        assert!(desk.on_disk().iter().all(|intent| intent != "coming eni-1"));
    }
}

#[test]
fn a_create_that_is_refused_leaves_nothing_and_is_tried_at_most_once_a_minute_in_the_long_run() {
    for cause in [unauthorized(), refusal(CREATE, "NetworkInterfaceLimitExceeded")] {
        let mut desk = full();
        desk.want(12);
        for _ in 0..10 {
            desk.created(Err(cause.clone()));
            assert_eq!(desk.seen().growth, Growth::Held(cause.clone()));
            assert_eq!(desk.on_disk(), Vec::<String>::new());
            desk.pass(Duration::from_secs(60));
        }
        desk.created(Err(cause.clone()));
        desk.pass(Duration::from_secs(29));
        assert!(desk.creates.is_empty());
    }
}

#[test]
fn an_order_that_waits_and_that_nobody_wants_any_more_is_dropped() {
    let throttled = Cause::Throttled { action: CREATE };
    for (cause, dropped) in [(throttled, true), (timeout_of(CREATE), false)] {
        let mut desk = full();
        desk.want(12);
        desk.created(Err(cause));
        desk.want(9);
        assert_eq!(desk.on_disk().is_empty(), dropped);
        desk.pass(Duration::from_secs(60));
        assert_eq!(desk.creates.is_empty(), dropped);
    }
}

#[test]
fn what_keeps_enis_from_coming_keeps_nothing_from_those_that_are_there() {
    let mut desk = Desk::new().knowing(vec![described(0, some(0, 8))]);
    desk.want(11);
    desk.created(Err(unauthorized()));
    desk.assigned(0, Ok(some(0, 9)[8..].to_vec()));
    assert_eq!(desk.addresses().len(), 9);
}

#[test]
fn a_subnet_without_room_for_a_whole_eni_is_asked_for_half_down_to_one() {
    let mut desk = full();
    desk.want(18);
    for count in [9, 4, 2, 1] {
        assert_eq!(desk.creates[0].secondary_addresses, count);
        desk.created(Err(exhausted(0)));
    }
    assert_eq!(desk.no_room, [subnet(0)]);
    assert_eq!(desk.seen().growth, Growth::Held(exhausted(0)));
    assert!(desk.creates.is_empty() && desk.on_disk().is_empty());
    desk.pass(Duration::from_secs(30));
    assert_eq!(desk.creates.len(), 1);
}

#[test]
fn no_eni_is_made_beyond_the_limit_and_the_limit_counts_those_that_may_come() {
    let mut desk =
        Desk::recovered(Some(2), Ok(LoadedIntents::default())).knowing(vec![described(0, some(0, 9))]);
    desk.want(40);
    assert_eq!(desk.creates.len(), 1);
    desk.comes_into_service(born(1, 9));
    assert!(desk.creates.is_empty());
    let limit = Cause::NodeAddressLimit { max: 18, in_use: 18 };
    assert_eq!(desk.seen().growth, Growth::AtLimit(limit));
}

#[test]
fn while_the_disk_takes_nothing_no_eni_is_made_and_everything_else_goes_on() {
    let mut desk = Desk::new().knowing(vec![described(0, some(0, 7))]);
    desk.disk_works = false;
    desk.want(12);
    assert_eq!(desk.buying(), [on(0, 2)]);
    let full = Cause::IntentDisk { detail: "no space".into() };
    for _ in 0..3 {
        desk.disk_ends(Err(full.clone()));
        assert!(desk.creates.is_empty());
        desk.pass(Duration::from_secs(60));
    }
    desk.disk_ends(Err(full.clone()));
    desk.assigned(0, Ok(some(0, 9)[7..].to_vec()));
    assert_eq!(desk.seen().growth, Growth::Held(full));
    desk.disk_works = true;
    desk.pass(Duration::from_secs(60));
    assert_eq!(desk.creates.len(), 1);
}

#[test]
fn a_disk_that_cannot_be_read_is_read_before_it_is_written() {
    let unreadable = Cause::IntentDisk { detail: "input/output error".into() };
    let mut desk = Desk::recovered(None, Err(unreadable.clone())).knowing(vec![described(0, some(0, 9))]);
    desk.want(12);
    assert!(desk.creates.is_empty() && desk.writing.is_none());
    assert_eq!(desk.seen().growth, Growth::Held(unreadable));
    desk.pass(Duration::from_secs(1));
    assert!(std::mem::take(&mut desk.reading_disk));
    desk.outcome(eni_manager::EniOutcome::IntentsRead(Ok(LoadedIntents::default())));
    assert_eq!(desk.creates.len(), 1);
}

/// What a life leaves behind when it ends in the middle, and what the next makes of it.
fn left_behind() -> (EniOrder, Desk) {
    let mut desk = full();
    desk.want(12);
    (desk.creates[0].clone(), desk)
}

#[test]
fn what_was_ordered_before_a_restart_is_the_same_eni_after_it() {
    let (order, _) = left_behind();
    let intent = Intent::Coming { order: order.clone(), eni: None };
    let mut desk = Desk::recovered(None, Ok(found(vec![intent]))).knowing(vec![described(0, some(0, 9))]);
    assert_eq!(desk.creates, [order]);
    desk.want(12);
    assert_eq!(desk.creates.len(), 1, "ordered twice");
    desk.comes_into_service(born(1, 3));
    assert_eq!(desk.addresses().len(), 12);
    assert!(desk.is_idle() && desk.on_disk().is_empty());
}

#[test]
fn an_eni_that_was_made_before_a_restart_is_looked_at_and_goes_on_from_where_it_is() {
    for (state, next) in [
        (None, "attach"),
        (Some(AttachmentState::Attaching), "show"),
        (Some(AttachmentState::Attached), "serve"),
    ] {
        let (order, _) = left_behind();
        let intent = Intent::Coming { order, eni: Some(eni(1)) };
        let mut desk = Desk::recovered(None, Ok(found(vec![intent]))).knowing(vec![described(0, some(0, 9))]);
        assert!(desk.creates.is_empty());
        let told = state.map_or(born(1, 3), |state| attached_at(born(1, 3), 1, state));
        desk.looked(Ok(Some(told)));
        assert_eq!(desk.attaches.len(), usize::from(next == "attach"), "{next}");
        assert_eq!(desk.addresses().len(), if next == "serve" { 12 } else { 9 }, "{next}");
        assert!(desk.creates.is_empty());
    }
}

#[test]
fn an_order_of_another_instance_is_nobodys() {
    let (order, _) = left_behind();
    let mut loaded = found(vec![Intent::Coming { order, eni: None }]);
    loaded.image.as_mut().unwrap().instance = InstanceId::new("i-2");
    let mut desk = Desk::recovered(None, Ok(loaded)).knowing(vec![described(0, some(0, 9))]);
    desk.pass(Duration::from_secs(60));
    assert!(desk.is_idle());
    assert_eq!(desk.on_disk(), Vec::<String>::new());
}

#[test]
fn an_eni_that_is_gone_or_somebody_elses_is_let_be() {
    let (order, _) = left_behind();
    let mut elsewhere = attached_at(born(1, 3), 1, AttachmentState::Attached);
    elsewhere.attachment.as_mut().unwrap().instance = InstanceId::new("i-2");
    for told in [None, Some(elsewhere)] {
        let intent = Intent::Coming { order: order.clone(), eni: Some(eni(1)) };
        let mut desk = Desk::recovered(None, Ok(found(vec![intent]))).knowing(vec![described(0, some(0, 9))]);
        // EC2 may not know it yet, and is asked for a minute.
        while desk.on_disk().contains(&"coming eni-1".to_owned()) && desk.now < Duration::from_secs(1300) {
            if desk.looks.is_empty() {
                desk.pass(Duration::from_secs(1));
            } else {
                desk.looked(Ok(told.clone()));
            }
        }
        assert_eq!(desk.on_disk(), Vec::<String>::new());
        assert!(desk.deletes.is_empty());
    }
}

#[test]
fn a_reading_that_lags_takes_no_eni_away_that_has_just_come() {
    let mut desk = full();
    desk.want(12);
    desk.comes_into_service(born(1, 3));
    desk.want(13);
    desk.assigned(1, Err(timeout()));
    desk.described_are(Ok(vec![described(0, some(0, 9))]));
    assert_eq!(desk.addresses().len(), 12);
    desk.want(12);
    // In the long run a reading is the truth.
    desk.pass(Duration::from_secs(61));
    desk.described_are(Ok(vec![described(0, some(0, 9))]));
    assert_eq!(desk.addresses().len(), 9);
}
