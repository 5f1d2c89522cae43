//! `grow_pool` and `subnet_exhausted`: the shortfall is bought once, where there is room.

use crate::desk::*;
use contract::causes::Cause;
use contract::mail::eni_manager::{Demand, EniMail};
use contract::model::Growth;
use kernel::Event;
use std::time::Duration;

#[test]
fn the_shortfall_is_bought_in_one_call_and_its_addresses_are_published_at_once() {
    let mut desk = Desk::with(vec![described(0, some(0, 2))]);
    assert_eq!(desk.seen().growth, Growth::Possible);
    desk.want(6);
    assert_eq!(desk.buying(), [on(0, 4)]);
    assert_eq!(desk.seen().growth, Growth::UnderWay);
    desk.assigned(0, Ok(some(0, 6)[2..].to_vec()));
    assert_eq!(desk.addresses(), some(0, 6));
    assert_eq!(desk.seen().growth, Growth::Possible);
    assert_eq!(desk.room, [subnet(0)]);
    assert_eq!(desk.describes_seen, 1);
}

#[test]
fn a_demand_heard_twice_buys_nothing_twice() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(4);
    desk.want(4);
    assert_eq!(desk.buying(), [on(0, 4)]);
    desk.assigned(0, Ok(some(0, 4)));
    desk.want(4);
    desk.pass(Duration::from_secs(5));
    assert_eq!(desk.assigns_seen, 1);
}

#[test]
fn a_demand_that_grows_during_a_call_is_met_by_what_it_grew_by() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(2);
    desk.want(5);
    assert_eq!(desk.buying(), [on(0, 2)]);
    desk.assigned(0, Ok(some(0, 2)));
    assert_eq!(desk.buying(), [on(0, 3)]);
    desk.assigned(0, Ok(some(0, 5)[2..].to_vec()));
    assert_eq!(desk.addresses().len(), 5);
    assert!(desk.assigns.is_empty());
}

#[test]
fn the_fullest_eni_grows_first_and_several_at_once_when_one_is_not_enough() {
    let enis = vec![described(0, some(0, 3)), described(1, some(1, 7)), described(2, some(2, 9))];
    let mut desk = Desk::with(enis.clone());
    desk.want(20);
    assert_eq!(desk.buying(), [on(1, 1)]);
    let mut desk = Desk::with(enis);
    desk.want(24);
    assert_eq!(desk.buying(), [on(1, 2), on(0, 3)]);
}

#[test]
fn an_eni_is_filled_up_to_its_own_address_and_then_the_limit_is_told() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    let wish = Demand { needed: 50, wanted: 60, waiting: 42, whole_enis: false };
    desk.event(Event::Mail(EniMail::Demand(wish)));
    assert_eq!(desk.buying(), [on(0, PER_ENI)]);
    desk.assigned(0, Ok(some(0, 9)));
    assert!(desk.assigns.is_empty());
    let limit = Cause::NodeAddressLimit { max: 9, in_use: 8 };
    assert_eq!(desk.seen().growth, Growth::AtLimit(limit));
}

#[test]
fn a_subnet_without_room_for_all_is_asked_for_half_down_to_one_and_is_then_marked() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(9);
    for count in [9, 4, 2, 1] {
        assert_eq!(desk.buying(), [on(0, count)]);
        assert!(desk.no_room.is_empty());
        desk.assigned(0, Err(exhausted(0)));
    }
    assert!(desk.assigns.is_empty());
    assert_eq!(desk.no_room, [subnet(0)]);
    assert_eq!(desk.seen().growth, Growth::Held(exhausted(0)));
    assert_eq!(desk.describes_seen, 1);
    // It is asked again by itself when the mark ends.
    desk.pass(Duration::from_secs(29));
    assert!(desk.assigns.is_empty());
    desk.pass(Duration::from_secs(1));
    assert_eq!(desk.buying().len(), 1);
}

#[test]
fn what_a_nearly_full_subnet_has_is_bought_and_the_calls_grow_again() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    desk.want(9);
    desk.assigned(0, Err(exhausted(0)));
    assert_eq!(desk.buying(), [on(0, 4)]);
    desk.assigned(0, Ok(some(0, 4)));
    assert_eq!(desk.buying(), [on(0, 5)]);
}

#[test]
fn another_subnet_is_asked_when_one_is_marked() {
    let mut desk = Desk::with(vec![described(0, some(0, 8)), described(1, Vec::new())]);
    desk.subnets_are(marked(0, desk.now + Duration::from_secs(15)));
    desk.want(10);
    assert_eq!(desk.buying(), [on(1, 2)]);
}

#[test]
fn the_end_of_a_mark_is_not_missed_behind_one_that_ended_before() {
    let mut desk = Desk::with(vec![described(0, Vec::new())]);
    let mut view = marked(1, desk.now);
    view.subnets.extend(marked(0, desk.now + Duration::from_secs(15)).subnets);
    desk.subnets_are(view);
    desk.want(1);
    assert!(desk.assigns.is_empty());
    desk.pass(Duration::from_secs(15));
    assert_eq!(desk.buying(), [on(0, 1)]);
}

#[test]
fn growth_is_possible_while_any_subnet_has_room() {
    let mut desk = Desk::with(vec![described(0, Vec::new()), described(1, Vec::new())]);
    desk.subnets_are(marked(0, desk.now + Duration::from_secs(15)));
    assert_eq!(desk.seen().growth, Growth::Possible);
    let mut both = marked(0, desk.now + Duration::from_secs(15));
    both.subnets.extend(marked(1, desk.now + Duration::from_secs(15)).subnets);
    desk.subnets_are(both);
    assert_eq!(desk.seen().growth, Growth::Held(exhausted(0)));
    desk.pass(Duration::from_secs(15));
    assert_eq!(desk.seen().growth, Growth::Possible);
}
