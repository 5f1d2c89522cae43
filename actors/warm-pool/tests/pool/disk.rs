//! A disk that fails: an ADD hears of it, a DEL does not, and the write is tried again.

use crate::desk::*;
use contract::model::LeasePhase;
use std::time::Duration;

/// A step of an ADD waits this long for the disk.
const STEP_PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn an_add_waits_for_a_disk_that_fails_and_has_its_address_when_it_mends() {
    let mut desk = Desk::with(&[1]);
    let mut leased = desk.lease(1);
    desk.write_ends(Err(disk_failed()));
    assert!(waits(&mut leased));
    assert_eq!(desk.view.as_ref().unwrap().checkpoint_trouble, Some(disk_failed()));
    assert!(desk.write.is_none());
    desk.pass(RETRY - Duration::from_millis(1));
    assert!(desk.write.is_none());
    desk.pass(Duration::from_millis(1));
    let image = desk.write_ends(Ok(()));
    assert_eq!(image.leases, [on_disk(1, 1, LeasePhase::Reserved)]);
    assert_eq!(answer(&mut leased).unwrap().address, at(1));
    assert_eq!(desk.view.as_ref().unwrap().checkpoint_trouble, None);
}

#[test]
fn an_add_whose_disk_never_mends_fails_at_its_deadline_and_is_undone_with_its_shim() {
    let mut desk = Desk::with(&[1]);
    let mut leased = desk.lease(1);
    desk.write_ends(Err(disk_failed()));
    let deadline = desk.now + PATIENCE;
    while desk.now + RETRY < deadline {
        desk.pass(RETRY);
        desk.write_ends(Err(disk_failed()));
    }
    assert!(waits(&mut leased));
    desk.pass(RETRY);
    assert_eq!(answer(&mut leased), Err(disk_failed()));
    desk.close(1, 1);
    desk.pass(UNDO);
    assert_eq!(desk.unwires.len(), 1);
}

#[test]
fn a_del_succeeds_though_the_disk_fails() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    let mut gone = desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_ends(Err(disk_failed()));
    assert!(waits(&mut gone));
    desk.pass(RETRY);
    desk.write_ends(Err(disk_failed()));
    assert_eq!(answer(&mut gone), Ok(Some(at(1))));
    desk.pass(RETRY);
    assert!(desk.write_ends(Ok(())).leases.is_empty());
}

#[test]
fn an_assignment_that_cannot_be_written_is_none_and_is_undone_with_its_shim() {
    for shim_left_first in [false, true] {
        let mut desk = Desk::with(&[1]);
        let mut leased = desk.lease(1);
        desk.write_all();
        answer(&mut leased).unwrap();
        let mut wired = desk.wired(1, 1);
        desk.write_all();
        answer(&mut wired).unwrap();
        let mut assigned = desk.assign(1, 1);
        if shim_left_first {
            desk.close(1, 1);
        }
        desk.write_ends(Err(disk_failed()));
        if !shim_left_first {
            desk.pass(STEP_PATIENCE);
        }
        answer(&mut assigned).unwrap_err();
        assert_eq!(desk.phase(1), Some(LeasePhase::Wired));
        if !shim_left_first {
            desk.close(1, 1);
        }
        desk.pass(UNDO);
        assert_eq!(desk.unwires, [(key(1), at(1))]);
    }
}

#[test]
fn a_lease_that_was_assigned_long_ago_stays_so_whatever_the_disk_does_to_a_later_add() {
    let mut desk = Desk::with(&[1, 2]);
    desk.assigned(1);
    let mut other = desk.lease(2);
    let mut again = desk.assign(1, 1);
    desk.write_ends(Err(disk_failed()));
    desk.pass(STEP_PATIENCE);
    assert_eq!(answer(&mut again), Err(disk_failed()));
    assert!(waits(&mut other));
    desk.close(1, 1);
    desk.pass(UNDO * 2);
    assert_eq!(desk.phase(1), Some(LeasePhase::Assigned));
}

#[test]
fn an_add_that_comes_after_a_failure_rides_on_the_next_write() {
    let mut desk = Desk::with(&[1, 2]);
    let mut first = desk.lease(1);
    desk.write_ends(Err(disk_failed()));
    let mut second = desk.lease(2);
    assert!(waits(&mut first) && waits(&mut second));
    desk.pass(RETRY);
    desk.write_ends(Ok(()));
    assert_eq!(answer(&mut first).unwrap().address, at(1));
    assert_eq!(answer(&mut second).unwrap().address, at(2));
}
