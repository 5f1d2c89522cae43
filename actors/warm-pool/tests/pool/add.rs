//! ADD: reserved and assigned, each durable before it is answered, and wired between them; and what becomes of one whose shim
//! goes away.

use crate::desk::*;
use contract::causes::Cause;
use contract::model::{LeasePhase, TableId};
use std::time::Duration;

#[test]
fn reservation_and_assignment_are_answered_only_once_they_are_on_disk() {
    let mut desk = Desk::with(&[1]);
    let mut leased = desk.lease(1);
    assert!(waits(&mut leased));
    let image = desk.write_ends(Ok(()));
    assert_eq!(image.leases, [on_disk(1, 1, LeasePhase::Reserved)]);
    let grant = answer(&mut leased).unwrap();
    assert_eq!((grant.address, grant.device), (at(1), 0));
    assert_eq!(grant.table, TableId::of_eni(0, 0));

    // Between them nothing is promised: the reservation that is on disk is undone in the same way.
    let mut wired = desk.wired(1, 1);
    answer(&mut wired).unwrap();
    assert!(desk.write.is_none());

    let mut assigned = desk.assign(1, 1);
    assert!(waits(&mut assigned));
    assert_eq!(desk.write_ends(Ok(())).leases, [on_disk(1, 1, LeasePhase::Assigned)]);
    answer(&mut assigned).unwrap();
    assert!(desk.write.is_none());
    assert_eq!(desk.writes_seen, 2);
}

#[test]
fn a_wired_lease_goes_to_disk_with_the_next_write_and_waits_for_none() {
    let mut desk = Desk::with(&[1, 2]);
    let mut first = desk.lease(1);
    desk.write_all();
    answer(&mut first).unwrap();
    let mut second = desk.lease(2);
    answer(&mut desk.wired(1, 1)).unwrap();
    assert!(waits(&mut second));
    desk.write_ends(Ok(()));
    let mut assigned = desk.assign(2, 2);
    let image = desk.write_ends(Ok(())).leases;
    assert_eq!(image, [on_disk(1, 1, LeasePhase::Wired), on_disk(2, 2, LeasePhase::Assigned)]);
    answer(&mut assigned).unwrap();
}

#[test]
fn what_changes_during_a_write_goes_with_the_next_one_all_together() {
    let mut desk = Desk::with(&[1, 2, 3, 4]);
    let mut first = desk.lease(1);
    let mut others = [desk.lease(2), desk.lease(3), desk.lease(4)];
    assert_eq!(desk.writes_seen, 1);
    assert_eq!(desk.write_ends(Ok(())).leases.len(), 1);
    answer(&mut first).unwrap();
    assert!(others.iter_mut().all(waits));
    assert_eq!(desk.write_ends(Ok(())).leases.len(), 4);
    assert!(others.iter_mut().all(|asked| answer(asked).is_ok()));
    assert_eq!(desk.writes_seen, 2);
}

#[test]
fn the_same_attachment_gets_the_same_address_and_writes_nothing() {
    let mut desk = Desk::with(&[1, 2]);
    let address = desk.assigned(1);
    let mut again = desk.lease_by(1, 50, desk.now);
    assert_eq!(answer(&mut again).unwrap().address, address);
    assert_eq!(desk.writes_seen, 2);
    assert_eq!(desk.phase(1), Some(LeasePhase::Assigned));
}

#[test]
fn who_has_an_address_gets_it_though_the_line_is_full() {
    let mut desk = Desk::new(warm_pool::PoolConfig { line_bound: 1, ..config() });
    desk.hear_enis(vec![eni(0, &[1])]);
    let address = desk.assigned(1);
    let mut in_line = desk.lease(2);
    assert!(waits(&mut in_line));
    let mut again = desk.lease_by(1, 50, desk.now);
    assert_eq!(answer(&mut again).unwrap().address, address);
}

#[test]
fn a_lease_on_an_eni_that_is_not_known_again_waits_for_it_and_blocks_nobody() {
    let kept = vec![on_disk(1, 9, LeasePhase::Assigned)];
    let (mut desk, _) = Desk::recovered(config(), kept, kernel_with([at(9)]), Duration::from_secs(5));
    let mut again = desk.lease(1);
    assert!(waits(&mut again));
    let mut other = desk.lease(2);
    desk.hear_enis(vec![eni(0, &[1])]);
    desk.write_all();
    assert_eq!(answer(&mut other).unwrap().address, at(1));
    assert!(waits(&mut again));
    desk.hear_enis(vec![eni(0, &[1]), eni(1, &[9])]);
    let grant = answer(&mut again).unwrap();
    assert_eq!((grant.address, grant.device), (at(9), 1));
}

#[test]
fn a_newer_stream_takes_the_lease_over() {
    let mut desk = Desk::with(&[1]);
    let mut old = desk.lease_by(1, 10, desk.now);
    desk.write_all();
    answer(&mut old).unwrap();
    let mut new = desk.lease_by(1, 11, desk.now);
    assert_eq!(answer(&mut new).unwrap().address, at(1));
    assert!(superseded(&mut desk.wired(1, 10)));
    desk.close(1, 10);
    desk.pass(UNDO * 2);
    assert_eq!(desk.phase(1), Some(LeasePhase::Reserved));
    let mut wired = desk.wired(1, 11);
    desk.write_all();
    answer(&mut wired).unwrap();
}

#[test]
fn a_step_without_a_lease_is_refused_by_name() {
    let mut desk = Desk::with(&[1]);
    assert!(matches!(answer(&mut desk.wired(1, 1)), Err(Cause::NoLease { step: "mark wired", .. })));
    assert!(matches!(answer(&mut desk.assign(1, 1)), Err(Cause::NoLease { step: "assign", .. })));
}

#[test]
fn a_lease_whose_shim_is_gone_is_undone_after_the_grace_by_the_way_of_a_del() {
    for wire in [false, true] {
        let mut desk = Desk::with(&[1]);
        let mut leased = desk.lease(1);
        desk.write_all();
        answer(&mut leased).unwrap();
        if wire {
            let mut wired = desk.wired(1, 1);
            desk.write_all();
            answer(&mut wired).unwrap();
        }
        desk.close(1, 1);
        desk.pass(UNDO - Duration::from_millis(1));
        assert!(desk.unwires.is_empty());
        desk.pass(Duration::from_millis(1));
        assert_eq!(desk.unwires, [(key(1), at(1))]);
        desk.write_all();
        desk.unwire_ends(1, Ok(()));
        let image = desk.write_ends(Ok(()));
        assert!(image.leases.is_empty());
        assert_eq!(image.cooling.len(), 1);
    }
}

#[test]
fn a_shim_that_comes_back_within_the_grace_goes_on() {
    let mut desk = Desk::with(&[1]);
    let mut leased = desk.lease(1);
    desk.write_all();
    answer(&mut leased).unwrap();
    desk.close(1, 1);
    desk.pass(UNDO / 2);
    let mut again = desk.lease_by(1, 2, desk.now);
    assert_eq!(answer(&mut again).unwrap().address, at(1));
    desk.pass(UNDO * 2);
    assert_eq!(desk.phase(1), Some(LeasePhase::Reserved));
    assert!(desk.unwires.is_empty());
}

#[test]
fn an_assigned_lease_outlives_its_stream() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    desk.close(1, 1);
    desk.pass(Duration::from_secs(3600));
    assert_eq!(desk.phase(1), Some(LeasePhase::Assigned));
    assert!(desk.unwires.is_empty());
}

#[test]
fn an_assignment_whose_stream_ended_before_it_was_on_disk_is_undone() {
    let mut desk = Desk::with(&[1]);
    let mut leased = desk.lease(1);
    desk.write_all();
    answer(&mut leased).unwrap();
    let mut wired = desk.wired(1, 1);
    desk.write_all();
    answer(&mut wired).unwrap();
    let mut assigned = desk.assign(1, 1);
    desk.close(1, 1);
    assert!(superseded(&mut assigned));
    desk.write_all();
    desk.pass(UNDO);
    assert_eq!(desk.unwires, [(key(1), at(1))]);
}

#[test]
fn the_eni_with_the_most_in_use_is_filled_first_and_its_lowest_address_goes_first() {
    let mut desk = Desk::new(config());
    desk.hear_enis(vec![eni(0, &[1, 2]), eni(1, &[14, 12, 13, 11])]);
    assert_eq!(desk.assigned(1), at(1));
    assert_eq!(desk.assigned(2), at(2));
    assert_eq!(desk.assigned(3), at(11));
    let mut gone = desk.release(2);
    desk.unwire_ends(2, Ok(()));
    desk.write_all();
    answer(&mut gone).unwrap();
    desk.pass(COOLDOWN);
    // One in use on each: the first of them. Then the one that has more.
    assert_eq!(desk.assigned(4), at(2));
    assert_eq!(desk.assigned(5), at(12));
}
