//! `add_waits_for_address`: the waiting line, its order, its bound, and every way out of it.

use crate::desk::*;
use contract::causes::Cause;
use contract::mail::warm_pool::PoolMail;
use contract::model::{EniView, Growth};
use std::time::Duration;

#[test]
fn an_add_without_a_free_address_waits_and_wakes_when_one_comes() {
    let mut desk = Desk::with(&[]);
    let mut asked = desk.lease(1);
    assert!(waits(&mut asked));
    assert!(desk.write.is_none());
    let view = desk.view.clone().unwrap();
    assert_eq!((view.counts.waiting, view.waiting_since), (1, Some(desk.now)));
    assert_eq!(view.waiting_for, Some(Cause::PoolEmpty));
    desk.pass(Duration::from_secs(3));
    desk.hear_enis(vec![eni(0, &[1])]);
    desk.write_all();
    assert_eq!(answer(&mut asked).unwrap().address, at(1));
    assert_eq!(desk.view.unwrap().waiting_for, None);
}

#[test]
fn who_began_first_is_served_first_however_late_the_mail_was() {
    let mut desk = Desk::with(&[]);
    let began = desk.now;
    desk.pass(Duration::from_secs(1));
    let mut second = desk.lease_by(2, 2, began + Duration::from_millis(20));
    let mut first = desk.lease_by(9, 9, began + Duration::from_millis(10));
    let mut third = desk.lease_by(3, 3, began + Duration::from_millis(30));
    desk.hear_enis(vec![eni(0, &[1])]);
    desk.write_all();
    assert_eq!(answer(&mut first).unwrap().address, at(1));
    assert!(waits(&mut second) && waits(&mut third));
    desk.hear_enis(vec![eni(0, &[1, 2])]);
    desk.write_all();
    assert_eq!(answer(&mut second).unwrap().address, at(2));
    assert!(waits(&mut third));
}

#[test]
fn mail_sent_again_keeps_its_place_and_the_older_waiter_is_told() {
    let mut desk = Desk::with(&[]);
    let began = desk.now;
    let mut first = desk.lease(9);
    desk.pass(Duration::from_secs(1));
    let mut second = desk.lease(2);
    desk.pass(Duration::from_secs(1));
    let mut again = desk.lease_by(9, 11, began);
    assert!(superseded(&mut first));
    desk.hear_enis(vec![eni(0, &[1])]);
    desk.write_all();
    assert_eq!(answer(&mut again).unwrap().address, at(1));
    assert!(waits(&mut second));
}

#[test]
fn a_wait_that_is_too_long_ends_with_its_reason_inside() {
    let limit = Cause::NodeAddressLimit { max: 9, in_use: 9 };
    let throttled = Cause::Throttled { action: "AssignPrivateIpAddresses" };
    for (growth, trouble, because) in [
        (Growth::AtLimit(limit.clone()), Some(throttled.clone()), limit.clone()),
        (Growth::Held(throttled.clone()), None, throttled.clone()),
        (Growth::UnderWay, None, Cause::PoolEmpty),
        (Growth::Possible, Some(throttled.clone()), throttled),
    ] {
        let mut desk = Desk::new(config());
        let view = EniView { growth, trouble, ..enis(vec![eni(0, &[])]) };
        desk.mail(PoolMail::Enis(view));
        let mut asked = desk.lease(1);
        desk.pass(PATIENCE - Duration::from_millis(1));
        assert!(waits(&mut asked));
        desk.pass(Duration::from_millis(1));
        let cause = Cause::WaitedTooLong { waited_seconds: 90, because: Box::new(because) };
        assert_eq!(answer(&mut asked), Err(cause));
        assert_eq!(desk.view.unwrap().counts.waiting, 0);
    }
}

#[test]
fn who_is_heard_too_late_gets_an_address_that_is_there_all_the_same() {
    let mut desk = Desk::with(&[1]);
    let began = desk.now;
    desk.now += Duration::from_secs(300);
    let mut asked = desk.lease_by(1, 1, began);
    desk.write_all();
    assert_eq!(answer(&mut asked).unwrap().address, at(1));
}

#[test]
fn a_full_line_turns_the_next_away_and_nobody_else() {
    let mut desk = Desk::new(warm_pool::PoolConfig { line_bound: 2, ..config() });
    let mut inside = [desk.lease(1), desk.lease(2)];
    let mut outside = desk.lease(3);
    assert_eq!(answer(&mut outside), Err(Cause::LineFull { bound: 2 }));
    assert!(inside.iter_mut().all(waits));
    // Asking again takes no second place.
    let mut again = desk.lease_by(2, 22, desk.now);
    assert!(waits(&mut again));
    desk.hear_enis(vec![eni(0, &[1, 2])]);
    desk.write_all();
    answer(&mut again).unwrap();
}

#[test]
fn a_waiter_whose_stream_closed_leaves_the_line() {
    let mut desk = Desk::with(&[]);
    let mut gone = desk.lease(1);
    let mut next = desk.lease(2);
    desk.close(1, 99);
    assert!(waits(&mut gone));
    desk.close(1, 1);
    assert!(dropped(&mut gone));
    desk.hear_enis(vec![eni(0, &[1])]);
    desk.write_all();
    assert_eq!(answer(&mut next).unwrap().address, at(1));
}

#[test]
fn a_del_takes_its_waiter_out_of_the_line() {
    let mut desk = Desk::with(&[]);
    let mut waiter = desk.lease(1);
    assert_eq!(answer(&mut desk.release(1)), Ok(None));
    assert!(superseded(&mut waiter));
    desk.hear_enis(vec![eni(0, &[1])]);
    assert_eq!(desk.address(1), None);
}

#[test]
fn a_line_is_served_from_an_address_that_has_rested() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    let mut waiter = desk.lease(2);
    let mut gone = desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    answer(&mut gone).unwrap();
    desk.pass(COOLDOWN - Duration::from_millis(1));
    assert!(waits(&mut waiter));
    desk.pass(Duration::from_millis(1));
    desk.write_all();
    assert_eq!(answer(&mut waiter).unwrap().address, at(1));
}
