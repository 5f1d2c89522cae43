//! DEL: the host side is taken down, the address rests, and the caller hears of it once that is on disk.

use crate::desk::*;
use contract::causes::Cause;
use contract::model::LeasePhase;
use contract::ports::host::HostSnapshot;
use std::time::Duration;

fn route_trouble() -> Cause {
    Cause::HostWiring { step: "remove the rule".into(), detail: "busy".into() }
}

#[test]
fn a_del_is_answered_once_the_release_is_on_disk() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    let mut gone = desk.release(1);
    assert_eq!(desk.unwires, [(key(1), at(1))]);
    assert_eq!(desk.write_ends(Ok(())).leases, [on_disk(1, 1, LeasePhase::Releasing)]);
    assert!(waits(&mut gone));
    desk.unwire_ends(1, Ok(()));
    assert!(waits(&mut gone));
    let image = desk.write_ends(Ok(()));
    assert_eq!(answer(&mut gone), Ok(Some(at(1))));
    assert!(image.leases.is_empty());
    assert_eq!(image.cooling[0].address, at(1));
    assert_eq!(image.cooling[0].until, desk.now + COOLDOWN);
}

#[test]
fn a_del_of_what_was_never_there_succeeds_at_once() {
    let mut desk = Desk::with(&[1]);
    assert_eq!(answer(&mut desk.release(7)), Ok(None));
    assert!(desk.write.is_none() && desk.unwires.is_empty());
}

#[test]
fn two_dels_at_once_take_the_host_side_down_once_and_both_hear_of_it() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    let mut both = [desk.release(1), desk.release(1)];
    assert_eq!(desk.unwires.len(), 1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    assert!(both.iter_mut().all(|asked| answer(asked) == Ok(Some(at(1)))));
    assert_eq!(answer(&mut desk.release(1)), Ok(None));
}

#[test]
fn a_host_side_that_stays_is_told_to_the_caller_and_tried_again() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    let mut gone = desk.release(1);
    desk.unwire_ends(1, Err(route_trouble()));
    assert_eq!(answer(&mut gone), Err(route_trouble()));
    desk.write_all();
    assert_eq!(desk.phase(1), Some(LeasePhase::Releasing));
    desk.pass(RETRY - Duration::from_millis(1));
    assert!(desk.unwires.is_empty());
    desk.pass(Duration::from_millis(1));
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    assert_eq!(desk.phase(1), None);
    assert_eq!(desk.view.unwrap().counts.cooling, 1);
}

#[test]
fn a_del_asked_again_after_a_failure_does_not_wait_for_the_retry() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    let mut gone = desk.release(1);
    desk.unwire_ends(1, Err(route_trouble()));
    answer(&mut gone).unwrap_err();
    let mut again = desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    assert_eq!(answer(&mut again), Ok(Some(at(1))));
}

#[test]
fn a_del_during_an_add_ends_the_add_at_whatever_step_it_is() {
    // Not yet on disk: the ADD never hears of an address.
    let mut desk = Desk::with(&[1]);
    let mut leased = desk.lease(1);
    let mut gone = desk.release(1);
    assert!(superseded(&mut leased));
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    assert_eq!(answer(&mut gone), Ok(Some(at(1))));

    // On disk: its next step is refused.
    let mut desk = Desk::with(&[1]);
    let mut leased = desk.lease(1);
    desk.write_all();
    answer(&mut leased).unwrap();
    desk.release(1);
    assert!(superseded(&mut desk.wired(1, 1)));
    assert!(superseded(&mut desk.assign(1, 1)));

    // About to be assigned: the result does not go out.
    let mut desk = Desk::with(&[1]);
    let mut leased = desk.lease(1);
    desk.write_all();
    answer(&mut leased).unwrap();
    let mut assigned = desk.assign(1, 1);
    desk.release(1);
    assert!(superseded(&mut assigned));
}

#[test]
fn an_add_during_a_del_is_told_to_come_again() {
    let mut desk = Desk::with(&[1, 2]);
    desk.assigned(1);
    let mut gone = desk.release(1);
    assert!(superseded(&mut desk.lease_by(1, 5, desk.now)));
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    answer(&mut gone).unwrap();
    let mut again = desk.lease_by(1, 6, desk.now);
    desk.write_all();
    assert_eq!(answer(&mut again).unwrap().address, at(2));
}

#[test]
fn a_resting_address_is_handed_out_when_it_has_rested_and_not_before() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    desk.pass(COOLDOWN - Duration::from_millis(1));
    let mut asked = desk.lease(2);
    assert!(waits(&mut asked));
    assert_eq!(desk.view.as_ref().unwrap().counts.cooling, 1);
    desk.pass(Duration::from_millis(1));
    desk.write_all();
    assert_eq!(answer(&mut asked).unwrap().address, at(1));
}

#[test]
fn many_dels_take_down_a_few_host_sides_at_a_time_and_all_of_them_in_the_end() {
    let all: Vec<u8> = (1..=40).collect();
    let mut desk = Desk::with(&all);
    for n in 1..=40 {
        desk.assigned(n);
    }
    let mut gone: Vec<_> = (1..=40).map(|n| desk.release(n)).collect();
    assert_eq!(desk.unwires.len(), 16);
    while let Some((key, _)) = desk.unwires.first().cloned() {
        let n = key.container_id.trim_start_matches("box").parse().unwrap();
        desk.unwire_ends(n, Ok(()));
        assert!(desk.unwires.len() <= 16);
    }
    desk.write_all();
    assert!(gone.iter_mut().all(|asked| answer(asked).is_ok()));
}

#[test]
fn what_an_add_wires_after_its_del_is_taken_down_while_the_address_rests() {
    let mut desk = Desk::with(&[1]);
    let mut asked = desk.lease(1);
    desk.write_all();
    answer(&mut asked).unwrap();
    let mut gone = desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    answer(&mut gone).unwrap();
    assert!(desk.sweeps.is_empty());
    let mut late = desk.wired(1, 1);
    assert!(matches!(answer(&mut late), Err(Cause::NoLease { .. })));
    assert_eq!(desk.sweeps, [at(1)]);
}

#[test]
fn what_an_add_wires_during_its_del_is_taken_down_after_it() {
    let mut desk = Desk::with(&[1]);
    let mut asked = desk.lease(1);
    desk.write_all();
    answer(&mut asked).unwrap();
    let mut gone = desk.release(1);
    assert!(superseded(&mut desk.wired(1, 1)));
    assert!(desk.sweeps.is_empty());
    desk.unwire_ends(1, Ok(()));
    assert_eq!(desk.sweeps, [at(1)]);
    desk.write_all();
    answer(&mut gone).unwrap();
}

#[test]
fn an_address_that_is_leased_again_is_not_swept() {
    let mut desk = Desk::with(&[1]);
    desk.assigned(1);
    let mut gone = desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    answer(&mut gone).unwrap();
    desk.pass(COOLDOWN);
    desk.assigned(2);
    let mut late = desk.wired(1, 1);
    assert!(matches!(answer(&mut late), Err(Cause::NoLease { .. })));
    assert!(desk.sweeps.is_empty());
}

/// One address, released, after its rest: the reading that was asked for has not ended yet.
fn rested() -> Desk {
    let mut desk = Desk { reads_by_hand: true, ..Desk::with(&[1]) };
    desk.assigned(1);
    drop(desk.release(1));
    desk.write_all();
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    desk.pass(COOLDOWN);
    assert_eq!(desk.reads, 1);
    desk
}

#[test]
fn an_address_that_a_lingering_namespace_still_carries_after_its_rest_is_pinned() {
    let mut desk = rested();
    let mut asked = desk.lease(2);
    desk.kernel_shows(Some(kernel_with([at(1)])));
    assert!(waits(&mut asked));
    assert_eq!(desk.view.as_ref().unwrap().counts.pinned, 1);
    // Its pin is looked at again, and once nobody carries it, it rests once more.
    desk.pass(Duration::from_secs(30));
    desk.kernel_shows(Some(kernel_with([])));
    desk.write_all();
    desk.pass(COOLDOWN);
    desk.kernel_shows(Some(kernel_with([])));
    desk.write_all();
    assert_eq!(answer(&mut asked).unwrap().address, at(1));
}

#[test]
fn a_reading_that_tells_nothing_is_repeated_and_frees_nothing() {
    let mut desk = rested();
    let mut asked = desk.lease(2);
    for (reads, nothing) in [(2, None), (3, Some(HostSnapshot::default()))] {
        desk.kernel_shows(nothing);
        // Whoever waits is told so.
        assert_eq!(desk.view.as_ref().unwrap().waiting_for.as_ref().map(Cause::label), Some("HostWiring"));
        desk.pass(RETRY);
        assert_eq!(desk.reads, reads);
        assert!(waits(&mut asked));
    }
    desk.kernel_shows(Some(kernel_with([])));
    desk.write_all();
    assert_eq!(answer(&mut asked).unwrap().address, at(1));
}

#[test]
fn a_reading_that_began_before_the_end_of_a_rest_says_nothing_about_it() {
    let mut desk = Desk { reads_by_hand: true, ..Desk::with(&[1, 2]) };
    for (n, pause) in [(1, Duration::from_secs(1)), (2, Duration::ZERO)] {
        desk.assigned(n);
        drop(desk.release(n));
        desk.write_all();
        desk.unwire_ends(n, Ok(()));
        desk.write_all();
        desk.pass(pause);
    }
    // The first has rested, and the reading for it takes longer than the second rests.
    desk.pass(COOLDOWN);
    assert_eq!(desk.reads, 1);
    let mut asked = [desk.lease(3), desk.lease(4)];
    desk.kernel_shows(Some(kernel_with([])));
    desk.write_all();
    assert_eq!(answer(&mut asked[0]).unwrap().address, at(1));
    assert_eq!((desk.reads, waits(&mut asked[1])), (1, true));
    // Readings have a pause between them.
    desk.pass(Duration::from_millis(250));
    assert_eq!((desk.reads, waits(&mut asked[1])), (2, true));
    desk.kernel_shows(Some(kernel_with([])));
    desk.write_all();
    assert_eq!(answer(&mut asked[1]).unwrap().address, at(2));
}
