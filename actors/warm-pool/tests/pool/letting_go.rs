//! `scale_down`: what is let go, when, and what is never.

use crate::desk::*;
use contract::causes::Cause;
use contract::mail::warm_pool::PoolMail;
use contract::model::{Eni, EniId, EniView, LeasePhase, Leaving};
use contract::ports::checkpoint::{CheckpointImage, Loaded};
use std::time::Duration;
use warm_pool::{Fate, PoolConfig, WarmTargets};

const PAUSE: Duration = Duration::from_secs(30);
const ENI_STAYS: Duration = Duration::from_secs(60);
const READ_PAUSE: Duration = Duration::from_millis(250);

fn keeping(addresses: u32, addresses_min: u32) -> PoolConfig {
    let targets = WarmTargets { enis: 1, addresses: Some(addresses), addresses_min: Some(addresses_min) };
    PoolConfig { targets, ..config() }
}

fn keeping_enis(enis: u32) -> PoolConfig {
    PoolConfig { targets: WarmTargets { enis, ..WarmTargets::default() }, ..config() }
}

fn some(device: u32, addresses: &[u8]) -> Leaving {
    let addresses = addresses.iter().map(|n| at(*n)).collect();
    Leaving { eni: EniId::new(format!("eni-{device}")), addresses, whole: false }
}

fn whole(device: u32, addresses: &[u8]) -> Leaving {
    Leaving { whole: true, ..some(device, addresses) }
}

/// A node that has been up for long enough to let go.
fn settled(config: PoolConfig, enis: Vec<Eni>) -> Desk {
    let mut desk = Desk::new(config);
    desk.hear_enis(enis);
    desk.pass(PAUSE);
    desk
}

fn counts(desk: &Desk) -> (u32, u32, u32) {
    let counts = desk.view.as_ref().unwrap().counts;
    (counts.total, counts.leaving, counts.free)
}

fn refused() -> Cause {
    Cause::Ec2Refused { action: "UnassignPrivateIpAddresses", code: "Nope".into(), detail: "no".into() }
}

#[test]
fn what_is_let_go_is_on_disk_before_it_is_asked_for_and_is_nobodys_from_then_on() {
    let mut desk = settled(keeping(1, 0), vec![eni(0, &[1, 2, 3])]);
    assert!(desk.let_go.is_empty());
    assert_eq!(counts(&desk), (3, 2, 1));
    let image = desk.write_ends(Ok(()));
    assert_eq!(image.leaving, [some(0, &[2, 3])]);
    assert_eq!(desk.let_go, [some(0, &[2, 3])]);
    // Two ADDs: one gets what is left, the other waits for a purchase rather than for what leaves.
    let mut first = desk.lease(1);
    let mut second = desk.lease(2);
    desk.write_all();
    assert_eq!(answer(&mut first).unwrap().address, at(1));
    desk.pass(GATHER);
    let demand = desk.demands.last().unwrap();
    assert_eq!((demand.needed, demand.wanted, demand.waiting), (2, 3, 1));
    desk.fate_is(Fate::Gone);
    assert!(waits(&mut second));
    desk.hear_enis(vec![eni(0, &[1, 4, 5])]);
    assert_eq!(desk.write_ends(Ok(())).leaving, []);
    desk.write_all();
    assert_eq!(answer(&mut second).unwrap().address, at(4));
}

#[test]
fn it_is_forgotten_only_when_a_whole_view_lacks_it() {
    let mut desk = settled(keeping(1, 0), vec![eni(0, &[1, 2, 3])]);
    desk.write_all();
    desk.fate_is(Fate::Gone);
    assert_eq!(counts(&desk), (3, 2, 1));
    // A view that is older than the answer, and one that may hide some.
    desk.hear_enis(vec![eni(0, &[1, 2, 3])]);
    assert_eq!(counts(&desk), (3, 2, 1));
    let partial = EniView { complete: false, ..enis(vec![eni(0, &[1])]) };
    desk.mail(PoolMail::Enis(partial));
    desk.hear_enis(vec![eni(0, &[1, 3])]);
    assert_eq!(counts(&desk), (2, 1, 1));
    assert!(desk.write.is_none());
    desk.hear_enis(vec![eni(0, &[1])]);
    assert_eq!(desk.write_ends(Ok(())).leaving, []);
    // Given anew by EC2, it is as good as any other.
    desk.hear_enis(vec![eni(0, &[1, 3])]);
    assert_eq!(counts(&desk), (2, 0, 2));
}

#[test]
fn what_is_there_again_for_good_must_go_again() {
    let mut desk = settled(keeping(1, 0), vec![eni(0, &[1, 2])]);
    desk.write_all();
    desk.fate_is(Fate::Gone);
    desk.pass(Duration::from_secs(60));
    assert_eq!(desk.let_go, [some(0, &[2])]);
    desk.fate_is(Fate::Gone);
    desk.hear_enis(vec![eni(0, &[1])]);
    desk.write_all();
    desk.pass(Duration::from_secs(600));
    assert!(desk.let_go.is_empty());
}

#[test]
fn what_is_asked_for_again_is_nobodys_until_that_is_answered() {
    let mut desk = settled(keeping(1, 0), vec![eni(0, &[1, 2])]);
    desk.write_all();
    desk.fate_is(Fate::Gone);
    desk.pass(Duration::from_secs(60));
    assert_eq!(desk.let_go, [some(0, &[2])]);
    // It went, and came anew, while the question is on its way.
    desk.hear_enis(vec![eni(0, &[1])]);
    assert!(desk.write.is_none());
    desk.hear_enis(vec![eni(0, &[1, 2])]);
    desk.fate_is(Fate::Gone);
    assert_eq!(counts(&desk), (2, 1, 1));
    desk.hear_enis(vec![eni(0, &[1])]);
    assert_eq!(desk.write_ends(Ok(())).leaving, []);
}

#[test]
fn what_ec2_gives_again_is_as_good_as_any_other_and_the_rest_is_asked_for_again() {
    for shown_before in [&[1, 2, 3][..], &[1, 2], &[1]] {
        let mut desk = settled(keeping(1, 0), vec![eni(0, &[1, 2, 3])]);
        desk.write_all();
        desk.hear_enis(vec![eni(0, shown_before)]);
        desk.fate_is(Fate::GivenAgain([at(2)].into()));
        assert!(desk.let_go.is_empty());
        desk.hear_enis(vec![eni(0, &[1, 2])]);
        assert_eq!(counts(&desk), (2, 0, 2));
        assert_eq!(desk.write_ends(Ok(())).leaving, [some(0, &[3])]);
        assert_eq!(desk.let_go, [some(0, &[3])]);
        desk.fate_is(Fate::GivenAgain([at(3)].into()));
        assert_eq!(desk.write_ends(Ok(())).leaving, []);
        assert!(desk.let_go.is_empty());
    }
}

#[test]
fn what_ec2_keeps_can_be_handed_out_and_its_eni_is_left_alone_for_longer_and_longer() {
    let mut desk = settled(keeping(1, 0), vec![eni(0, &[1, 2])]);
    desk.write_all();
    desk.fate_is(Fate::Stays(refused()));
    assert_eq!(counts(&desk), (2, 0, 2));
    assert_eq!(desk.write_ends(Ok(())).leaving, []);
    for pause in [30, 60, 120] {
        desk.pass(Duration::from_secs(pause - 1));
        assert!(desk.write.is_none(), "after {pause} s");
        desk.pass(Duration::from_secs(1));
        desk.write_all();
        desk.fate_is(Fate::Stays(refused()));
        desk.write_all();
    }
}

#[test]
fn without_an_answer_it_is_asked_for_again_and_never_handed_out() {
    let mut desk = settled(keeping(0, 1), vec![eni(0, &[1, 2])]);
    desk.write_all();
    for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
        desk.fate_is(Fate::Unknown);
        desk.pass(Duration::from_secs(pause) - Duration::from_millis(1));
        assert!(desk.let_go.is_empty(), "before {pause} s");
        desk.pass(Duration::from_millis(1));
        assert_eq!(desk.let_go, [some(0, &[2])]);
    }
    assert_eq!(counts(&desk), (2, 1, 1));
}

#[test]
fn a_disk_that_fails_lets_nothing_go() {
    let mut desk = settled(keeping(0, 1), vec![eni(0, &[1, 2])]);
    desk.write_ends(Err(disk_failed()));
    assert!(desk.let_go.is_empty());
    desk.pass(RETRY);
    desk.write_all();
    assert_eq!(desk.let_go, [some(0, &[2])]);
}

#[test]
fn after_a_restart_what_was_leaving_is_asked_for_again_once_it_is_on_disk_for_sure() {
    let image = CheckpointImage {
        leases: vec![on_disk(1, 1, LeasePhase::Assigned)],
        leaving: vec![some(0, &[1, 2]), whole(1, &[4]), some(2, &[5])],
        ..CheckpointImage::default()
    };
    let loaded = Loaded { image, ..Loaded::default() };
    let (mut desk, notes) =
        Desk::recovered_from(keeping(9, 0), loaded, kernel_with([at(1), at(5)]), Duration::from_secs(9));
    // What is in use by lease or by the kernel does not leave, whatever was written down.
    assert_eq!(notes.iter().filter(|note| note.contains("does not leave")).count(), 2, "{notes:?}");
    assert!(desk.let_go.is_empty());
    desk.write_all();
    assert_eq!(desk.let_go, [whole(1, &[4])]);
    desk.hear_enis(vec![eni(0, &[1, 2]), eni(1, &[4, 6])]);
    assert_eq!(counts(&desk), (4, 2, 1));
    desk.fate_is(Fate::Gone);
    desk.hear_enis(vec![eni(0, &[1, 2])]);
    assert_eq!(desk.write_ends(Ok(())).leaving, []);
}

#[test]
fn only_what_the_kernel_shows_to_be_unused_since_goes_and_what_somebody_else_uses_is_pinned() {
    let mut desk = settled(keeping(0, 1), vec![eni(0, &[1])]);
    desk.reads_by_hand = true;
    desk.reads = 0;
    desk.hear_enis(vec![eni(0, &[1, 2, 3])]);
    assert_eq!(desk.reads, 1);
    desk.kernel_shows(None);
    assert_eq!(counts(&desk), (3, 0, 3));
    desk.pass(RETRY);
    assert_eq!(desk.reads, 2);
    desk.kernel_shows(Some(kernel_with([at(3)])));
    assert_eq!(desk.view.as_ref().unwrap().counts.pinned, 1);
    assert_eq!(desk.write_ends(Ok(())).leaving, [some(0, &[1, 2])]);
}

#[test]
fn a_reading_that_began_before_proves_nothing() {
    let pinned = kernel_with([at(9)]);
    let (mut desk, _) = Desk::recovered(keeping(0, 1), Vec::new(), pinned.clone(), Duration::from_secs(9));
    desk.hear_enis(vec![eni(0, &[9])]);
    desk.kernel_shows(Some(pinned.clone()));
    desk.pass(PAUSE);
    // The pin is read again, and while that lasts there are two addresses more.
    assert_eq!(desk.reads, 2);
    desk.pass(Duration::from_millis(1));
    desk.hear_enis(vec![eni(0, &[1, 2, 9])]);
    desk.kernel_shows(Some(pinned.clone()));
    assert_eq!(counts(&desk).1, 0);
    desk.pass(READ_PAUSE);
    desk.kernel_shows(Some(pinned));
    assert_eq!(counts(&desk).1, 2);
}

#[test]
fn nothing_goes_while_somebody_waits_or_the_view_is_partial_or_unconfirmed() {
    let mut desk = Desk::new(keeping(0, 1));
    let _waits = desk.lease(1);
    desk.hear_enis(vec![]);
    desk.pass(PAUSE);
    let partial = EniView { complete: false, ..enis(vec![eni(0, &[1, 2, 3])]) };
    desk.mail(PoolMail::Enis(partial.clone()));
    desk.write_all();
    desk.pass(PAUSE * 4);
    assert_eq!(counts(&desk).1, 0);
    let mut unconfirmed = eni(0, &[1, 2, 3]);
    unconfirmed.addresses.iter_mut().for_each(|on| on.confirmed = false);
    desk.hear_enis(vec![unconfirmed]);
    desk.pass(PAUSE * 4);
    assert_eq!(counts(&desk).1, 0);
    desk.hear_enis(vec![eni(0, &[1, 2, 3])]);
    assert_eq!(desk.write_ends(Ok(())).leaving, [some(0, &[2, 3])]);
}

#[test]
fn what_rests_is_neither_surplus_nor_in_reserve_and_goes_after_its_rest() {
    let mut desk = settled(keeping(1, 0), vec![eni(0, &[1, 2])]);
    desk.write_all();
    desk.fate_is(Fate::Gone);
    desk.hear_enis(vec![eni(0, &[1])]);
    assert_eq!(desk.assigned(1), at(1));
    desk.pass(PAUSE);
    desk.hear_enis(vec![eni(0, &[1, 3])]);
    desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    desk.pass(COOLDOWN - Duration::from_millis(1));
    assert_eq!(counts(&desk), (2, 0, 1));
    desk.pass(Duration::from_millis(1));
    assert_eq!(counts(&desk), (2, 0, 2));
    desk.pass(READ_PAUSE);
    assert_eq!(desk.write_ends(Ok(())).leaving, [some(0, &[3])]);
}

#[test]
fn single_addresses_go_half_a_minute_apart() {
    let mut desk = settled(keeping(0, 1), vec![eni(0, &[1, 2])]);
    desk.write_all();
    desk.fate_is(Fate::Gone);
    desk.hear_enis(vec![eni(0, &[1])]);
    desk.write_all();
    desk.hear_enis(vec![eni(0, &[1, 3])]);
    desk.pass(PAUSE - Duration::from_millis(1));
    assert_eq!(counts(&desk).1, 0);
    desk.pass(Duration::from_millis(1));
    assert_eq!(counts(&desk).1, 1);
}

#[test]
fn the_emptiest_eni_that_can_go_one_day_gives_first_and_the_primary_last() {
    // Three pods: two of them on eni-1, one on eni-2; none on the primary.
    let kept = vec![
        on_disk(1, 11, LeasePhase::Assigned),
        on_disk(2, 12, LeasePhase::Assigned),
        on_disk(3, 21, LeasePhase::Assigned),
    ];
    let carried = kernel_with([at(11), at(12), at(21)]);
    let (mut desk, _) = Desk::recovered(keeping(2, 0), kept, carried.clone(), Duration::from_secs(9));
    desk.pass(PAUSE);
    desk.hear_enis(vec![eni(0, &[1, 2, 3, 4]), eni(1, &[11, 12, 13]), eni(2, &[21, 22, 23])]);
    desk.kernel_shows(Some(carried));
    let image = desk.write_ends(Ok(()));
    assert_eq!(image.leaving, [some(0, &[3, 4]), some(1, &[13]), some(2, &[22, 23])]);
}

#[test]
fn a_whole_eni_goes_rather_than_its_addresses_once_it_is_a_minute_old() {
    let young = Eni { since: Duration::from_secs(1020), ..eni(1, &[11, 12]) };
    let mut desk = settled(keeping(1, 0), vec![eni(0, &[1, 2]), young]);
    desk.pass(Duration::from_secs(1020) + ENI_STAYS - desk.now - Duration::from_millis(1));
    assert_eq!(counts(&desk).1, 0);
    desk.pass(Duration::from_millis(1));
    assert_eq!(desk.write_ends(Ok(())).leaving, [whole(1, &[11, 12])]);
    assert_eq!(desk.let_go, [whole(1, &[11, 12])]);
    desk.fate_is(Fate::Gone);
    desk.hear_enis(vec![eni(0, &[1, 2])]);
    desk.write_all();
    desk.pass(READ_PAUSE);
    desk.write_all();
    assert_eq!(desk.let_go, [some(0, &[2])]);
}

#[test]
fn one_eni_goes_at_a_time_until_the_reserve_is_left() {
    let full = |device: u32| {
        let first = u8::try_from(device * 20 + 1).unwrap();
        eni(device, &(first..first + 9).collect::<Vec<_>>())
    };
    let mut desk = settled(keeping_enis(1), vec![full(0), full(1), full(2)]);
    assert_eq!(desk.write_ends(Ok(())).leaving.len(), 1);
    assert_eq!((desk.let_go[0].eni.as_str(), desk.let_go[0].whole), ("eni-2", true));
    desk.pass(ENI_STAYS * 2);
    assert_eq!(desk.let_go.len(), 1);
    desk.fate_is(Fate::Gone);
    desk.hear_enis(vec![full(0), full(1)]);
    desk.write_all();
    assert_eq!(desk.let_go[0].eni.as_str(), "eni-1");
    desk.fate_is(Fate::Gone);
    desk.hear_enis(vec![full(0)]);
    desk.write_all();
    desk.pass(ENI_STAYS * 10);
    assert_eq!((desk.let_go.len(), counts(&desk)), (0, (9, 0, 9)));
}

#[test]
fn an_eni_with_a_lease_a_rest_or_a_pin_stays() {
    let full = |device: u32| {
        let first = u8::try_from(device * 20 + 1).unwrap();
        eni(device, &(first..first + 9).collect::<Vec<_>>())
    };
    let kept = vec![on_disk(1, 21, LeasePhase::Assigned)];
    let carried = kernel_with([at(21), at(41)]);
    let (mut desk, _) = Desk::recovered(keeping_enis(0), kept, carried.clone(), Duration::from_secs(999));
    desk.hear_enis(vec![full(0), full(1), full(2)]);
    desk.pass(ENI_STAYS);
    desk.kernel_shows(Some(carried));
    assert_eq!(counts(&desk).1, 0);
    desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    desk.pass(COOLDOWN - Duration::from_millis(1));
    assert_eq!(counts(&desk).1, 0);
    desk.pass(PAUSE);
    // The reading that was under way, that which ends the rest, and that which proves that nobody uses the ENI.
    for _ in 0..3 {
        desk.kernel_shows(Some(kernel_with([at(41)])));
        desk.pass(READ_PAUSE);
    }
    assert_eq!(desk.write_ends(Ok(())).leaving[0].eni.as_str(), "eni-1");
}

#[test]
fn an_eni_that_may_bear_an_address_which_ec2_does_not_show_stays() {
    let mut desk = settled(keeping(1, 0), vec![eni(0, &[1])]);
    assert_eq!(desk.assigned(1), at(1));
    desk.hear_enis(vec![eni(0, &[2]), eni(1, &[11])]);
    desk.pass(ENI_STAYS * 2);
    assert_eq!(desk.write_ends(Ok(())).leaving, [some(1, &[11])]);
}

#[test]
fn an_eni_that_enimanager_takes_away_serves_nobody() {
    let mut desk = settled(keeping(9, 0), vec![Eni { leaving: true, ..eni(1, &[11, 12]) }]);
    let mut asked = desk.lease(1);
    assert!(waits(&mut asked));
    assert_eq!(counts(&desk), (2, 2, 0));
    desk.pass(GATHER);
    assert_eq!(desk.demands.last().unwrap().wanted, 10);
}
