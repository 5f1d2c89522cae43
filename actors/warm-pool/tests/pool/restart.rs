//! What is made of the disk and the kernel at start.

use crate::desk::*;
use contract::Boottime;
use contract::causes::Cause;
use contract::model::LeasePhase::{Assigned, Releasing, Reserved, Wired};
use contract::model::TableId;
use contract::ports::checkpoint::{Cooling, Loaded};
use contract::ports::host::{HostSnapshot, Route};
use std::time::Duration;

const NOW: Boottime = Duration::from_secs(5000);

#[test]
fn after_a_plain_restart_the_plan_is_empty() {
    let leases = vec![on_disk(1, 1, Assigned), on_disk(2, 2, Assigned)];
    let (mut desk, notes) = Desk::recovered(config(), leases, kernel_with([at(1), at(2)]), NOW);
    assert_eq!(notes, Vec::<String>::new());
    desk.hear_enis(vec![eni(0, &[1, 2, 3])]);
    desk.pass(Duration::from_secs(3600));
    assert_eq!((desk.writes_seen, desk.unwires.len(), desk.reads), (0, 0, 0));
    assert_eq!(desk.view.as_ref().unwrap().counts.leased, 2);
    assert_eq!(desk.assigned(3), at(3));
}

#[test]
fn what_was_only_read_is_written_once_before_anything_is_answered_from_it() {
    let leases = vec![on_disk(1, 1, Assigned)];
    let (mut desk, _) = Desk::recovered(config(), leases, kernel_with([at(1)]), NOW);
    desk.hear_enis(vec![eni(0, &[1])]);
    // Its shim repeats the ADD. Whoever died may have seen the sync of this very lease fail.
    let mut asked = desk.lease(1);
    assert!(waits(&mut asked));
    desk.write_ends(Ok(()));
    assert_eq!(answer(&mut asked).unwrap().address, at(1));
    let mut again = desk.lease(1);
    assert!(answer(&mut again).is_ok() && desk.write.is_none());
}

#[test]
fn an_address_that_no_link_carries_any_more_is_released() {
    let leases = vec![on_disk(1, 1, Assigned), on_disk(2, 2, Assigned)];
    let (mut desk, notes) = Desk::recovered(config(), leases, kernel_with([at(2)]), NOW);
    assert_eq!(notes.len(), 1);
    assert_eq!(desk.unwires, [(key(1), at(1))]);
    desk.hear_enis(vec![eni(0, &[1, 2])]);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    let mut asked = desk.lease(3);
    assert!(waits(&mut asked));
    desk.pass(COOLDOWN);
    desk.kernel_shows(Some(kernel_with([at(2)])));
    desk.write_all();
    assert_eq!(answer(&mut asked).unwrap().address, at(1));
    assert_eq!(desk.phase(2), Some(Assigned));
}

#[test]
fn a_release_that_was_interrupted_goes_on() {
    let (desk, _) = Desk::recovered(config(), vec![on_disk(1, 1, Releasing)], kernel_with([at(1)]), NOW);
    assert_eq!(desk.unwires, [(key(1), at(1))]);
}

#[test]
fn a_lease_on_its_way_waits_for_its_shim_until_the_grace_after_a_restart_ends() {
    for phase in [Reserved, Wired] {
        let (mut desk, _) = Desk::recovered(config(), vec![on_disk(1, 1, phase)], kernel_with([at(1)]), NOW);
        desk.pass(UNDO_AFTER_RESTART - Duration::from_millis(1));
        assert!(desk.unwires.is_empty());
        desk.pass(Duration::from_millis(1));
        assert_eq!(desk.unwires, [(key(1), at(1))]);
    }
}

#[test]
fn a_shim_that_comes_back_after_a_restart_goes_on_where_it_was() {
    let (mut desk, _) = Desk::recovered(config(), vec![on_disk(1, 1, Reserved)], kernel_with([]), NOW);
    desk.hear_enis(vec![eni(0, &[1])]);
    let mut wired = desk.wired(1, 77);
    desk.write_all();
    answer(&mut wired).unwrap();
    desk.pass(UNDO_AFTER_RESTART * 2);
    assert_eq!(desk.phase(1), Some(Wired));
    desk.close(1, 77);
    desk.pass(UNDO);
    assert_eq!(desk.unwires.len(), 1);
}

#[test]
fn of_two_records_the_assigned_one_counts_and_the_disk_is_put_right() {
    let leases = vec![on_disk(1, 1, Reserved), on_disk(2, 1, Assigned), on_disk(2, 2, Wired)];
    let (mut desk, notes) = Desk::recovered(config(), leases, kernel_with([at(1), at(2)]), NOW);
    assert_eq!(desk.address(2), Some(at(1)));
    assert_eq!((desk.phase(1), desk.phase(2)), (None, Some(Assigned)));
    assert_eq!(notes.iter().filter(|note| note.contains("second record")).count(), 2);
    assert_eq!(desk.write_ends(Ok(())).leases, [on_disk(2, 1, Assigned)]);
    // The address of the record that was dropped is in use, so it is nobody's.
    desk.hear_enis(vec![eni(0, &[1, 2])]);
    assert!(waits(&mut desk.lease(3)));
    assert_eq!(desk.view.unwrap().counts.pinned, 1);
}

#[test]
fn an_address_in_use_that_no_lease_explains_is_never_handed_out() {
    let (mut desk, notes) = Desk::recovered(config(), Vec::new(), kernel_with([at(1)]), NOW);
    let ifindex = 10;
    assert_eq!(notes, [Cause::UnexplainedUse { address: at(1), ifindex }.to_string()]);
    assert_eq!(desk.reads, 1);
    desk.hear_enis(vec![eni(0, &[1])]);
    for read in 1..10 {
        assert_eq!(desk.reads, read);
        let mut asked = desk.lease(1);
        desk.kernel_shows(Some(kernel_with([at(1)])));
        desk.pass(Duration::from_secs(30));
        assert!(waits(&mut asked));
    }
}

#[test]
fn a_pin_ends_when_a_whole_reading_no_longer_shows_it_and_the_address_rests() {
    let (mut desk, _) = Desk::recovered(config(), Vec::new(), kernel_with([at(1)]), NOW);
    desk.write_all();
    desk.hear_enis(vec![eni(0, &[1])]);
    // Absence in a partial reading, or in none, means nothing.
    for nothing in [None, Some(HostSnapshot::default())] {
        desk.kernel_shows(nothing);
        assert_eq!(desk.view.as_ref().unwrap().counts.pinned, 1);
        desk.pass(Duration::from_secs(30));
    }
    assert_eq!(desk.reads, 3);
    let mut asked = desk.lease(1);
    desk.kernel_shows(Some(kernel_with([])));
    desk.write_all();
    assert_eq!(desk.view.as_ref().unwrap().counts.pinned, 0);
    assert!(waits(&mut asked));
    desk.pass(Duration::from_millis(29_999));
    assert_eq!(desk.address(1), None);
    desk.pass(Duration::from_millis(1));
    assert_eq!((desk.reads, desk.address(1)), (4, None));
    desk.kernel_shows(Some(kernel_with([])));
    desk.write_all();
    assert_eq!(desk.address(1), Some(at(1)));
}

#[test]
fn an_incomplete_reading_of_the_kernel_releases_nothing() {
    let leases = vec![on_disk(1, 1, Assigned)];
    let (mut desk, notes) = Desk::recovered(config(), leases, HostSnapshot::default(), NOW);
    assert_eq!(notes, Vec::<String>::new());
    desk.pass(Duration::from_secs(600));
    assert!(desk.unwires.is_empty());
    assert_eq!(desk.phase(1), Some(Assigned));
}

#[test]
fn where_the_kernel_does_not_tell_what_is_behind_a_link_a_host_route_to_it_is_use() {
    let mut host = kernel_with([at(1)]);
    host.links[0].behind = None;
    let route = |to, table, ifindex| Route { table, to, prefix_length: 32, via: None, ifindex };
    host.routes = vec![route(at(1), TableId::MAIN, 10), route(at(2), TableId::MAIN, 99)];
    let leases = vec![on_disk(1, 1, Assigned), on_disk(2, 2, Assigned)];
    let (desk, _) = Desk::recovered(config(), leases, host, NOW);
    assert_eq!((desk.phase(1), desk.phase(2)), (Some(Assigned), Some(Releasing)));
}

#[test]
fn what_rests_goes_on_resting_and_never_longer_than_the_cooldown() {
    let resting = |n, until| Cooling { address: at(n), until };
    let mut loaded = Loaded { earlier_boot: true, ..Loaded::default() };
    loaded.image.cooling =
        vec![resting(1, NOW + Duration::from_secs(10)), resting(2, NOW * 100), resting(3, NOW)];
    let (mut desk, _) = Desk::recovered_from(config(), loaded, kernel_with([]), NOW);
    desk.hear_enis(vec![eni(0, &[1, 2, 3])]);
    assert_eq!(desk.assigned(1), at(3));
    let mut asked = [desk.lease(2), desk.lease(3)];
    desk.pass(Duration::from_secs(10));
    desk.write_all();
    assert_eq!(answer(&mut asked[0]).unwrap().address, at(1));
    desk.pass(COOLDOWN - Duration::from_secs(10));
    desk.write_all();
    assert_eq!(answer(&mut asked[1]).unwrap().address, at(2));
}

#[test]
fn a_file_that_was_set_aside_is_told_and_the_disk_is_written_whole() {
    let mut loaded = Loaded::default();
    loaded.set_aside.push(("ipam.json.bad".into(), "not JSON".into()));
    let (desk, notes) = Desk::recovered_from(config(), loaded, kernel_with([]), NOW);
    assert_eq!(notes, ["ipam.json.bad was set aside: not JSON"]);
    assert!(desk.write.is_some());
}

#[test]
fn a_record_of_rest_for_an_address_that_is_leased_again_is_stale() {
    let mut loaded = Loaded::default();
    loaded.image.leases = vec![on_disk(1, 1, Assigned)];
    loaded.image.cooling = vec![Cooling { address: at(1), until: NOW + Duration::from_secs(10) }];
    let (desk, _) = Desk::recovered_from(config(), loaded, kernel_with([at(1)]), NOW);
    assert_eq!(desk.phase(1), Some(Assigned));
}
