//! What EniManager is told: totals, gathered, and silence once they are met.

use crate::desk::*;
use contract::mail::eni_manager::Demand;
use contract::mail::warm_pool::PoolMail;
use contract::model::EniView;
use std::time::Duration;
use warm_pool::{PoolConfig, WarmTargets};

fn cold() -> PoolConfig {
    PoolConfig { targets: WarmTargets { enis: 0, addresses: Some(0), addresses_min: None }, ..config() }
}

fn demand(needed: u32, waiting: u32) -> Demand {
    Demand { needed, wanted: needed, waiting, whole_enis: false }
}

#[test]
fn a_burst_is_one_demand_and_is_silent_once_it_is_met() {
    let mut desk = Desk::new(cold());
    desk.hear_enis(vec![eni(0, &[])]);
    desk.demands.clear();
    let mut asked: Vec<_> = (1..=20)
        .map(|n| {
            desk.pass(Duration::from_millis(1));
            desk.lease(n)
        })
        .collect();
    assert!(desk.demands.is_empty());
    desk.pass(GATHER);
    assert_eq!(desk.demands, [demand(20, 20)]);
    desk.pass(Duration::from_secs(5));
    assert_eq!(desk.demands.len(), 1);
    let all: Vec<u8> = (1..=20).collect();
    desk.hear_enis(vec![eni(0, &all)]);
    desk.write_all();
    assert!(asked.iter_mut().all(|asked| answer(asked).is_ok()));
    desk.pass(Duration::from_secs(5));
    // Nobody waits any more; nothing more is needed or wanted.
    assert_eq!(desk.demands[1..], [demand(20, 0)]);
}

#[test]
fn what_rests_and_what_is_pinned_counts_as_used() {
    let pinned = kernel_with([at(3)]);
    let (mut desk, _) = Desk::recovered(cold(), Vec::new(), pinned, Duration::from_secs(9));
    desk.hear_enis(vec![eni(0, &[1, 2, 3])]);
    desk.assigned(1);
    desk.assigned(2);
    desk.release(1);
    desk.unwire_ends(1, Ok(()));
    desk.write_all();
    let counts = desk.view.as_ref().unwrap().counts;
    assert_eq!((counts.total, counts.leased, counts.cooling, counts.pinned, counts.free), (3, 1, 1, 1, 0));
    let mut asked = desk.lease(3);
    desk.pass(GATHER);
    assert_eq!(desk.demands.last(), Some(&demand(4, 1)));
    desk.hear_enis(vec![eni(0, &[1, 2, 3, 4])]);
    desk.write_all();
    assert_eq!(answer(&mut asked).unwrap().address, at(4));
}

#[test]
fn a_waiter_who_has_an_address_already_wants_no_other() {
    let kept = vec![on_disk(1, 9, contract::model::LeasePhase::Assigned)];
    let (mut desk, _) = Desk::recovered(cold(), kept, kernel_with([at(9)]), Duration::from_secs(9));
    desk.hear_enis(vec![eni(0, &[])]);
    let _asked = desk.lease(1);
    desk.pass(GATHER * 2);
    assert_eq!(desk.demands.last().unwrap().needed, 0);
}

#[test]
fn a_change_that_is_taken_back_while_it_is_gathered_is_not_told() {
    let mut desk = Desk::new(cold());
    desk.hear_enis(vec![eni(0, &[])]);
    desk.demands.clear();
    let _asked = desk.lease(1);
    desk.close(1, 1);
    desk.pass(Duration::from_secs(1));
    assert!(desk.demands.is_empty());
}

#[test]
fn the_reserve_is_wanted_and_the_waiters_are_needed() {
    let mut desk = Desk::new(PoolConfig {
        targets: WarmTargets { enis: 1, addresses: Some(3), addresses_min: Some(2) },
        ..config()
    });
    desk.hear_enis(vec![eni(0, &[])]);
    let _waiting = desk.lease(1);
    desk.pass(GATHER);
    let told = Demand { needed: 1, wanted: 4, waiting: 1, whole_enis: false };
    assert_eq!(desk.demands.last(), Some(&told));
}

#[test]
fn adds_that_come_before_the_first_eni_is_known_are_one_demand_with_the_whole_eni() {
    let mut desk =
        Desk::new(PoolConfig { targets: WarmTargets { enis: 0, ..WarmTargets::default() }, ..config() });
    let _waiting: Vec<_> = (1..=4).map(|n| desk.lease(n)).collect();
    desk.pass(Duration::from_secs(2));
    assert!(desk.demands.is_empty(), "{:?}", desk.demands);
    desk.hear_enis(vec![eni(0, &[])]);
    desk.pass(Duration::from_secs(2));
    // Its limit is ten, and its own address is one of them.
    assert_eq!(desk.demands, [Demand { needed: 4, wanted: 9, waiting: 4, whole_enis: true }]);
}

#[test]
fn a_view_that_may_hide_some_is_no_reason_to_buy_a_reserve() {
    let mut desk = Desk::new(PoolConfig {
        targets: WarmTargets { enis: 0, addresses: Some(2), addresses_min: None },
        ..config()
    });
    let partial = EniView { complete: false, ..enis(vec![eni(0, &[])]) };
    desk.mail(PoolMail::Enis(partial));
    desk.pass(GATHER);
    assert_eq!(desk.demands.last(), Some(&Demand { needed: 0, wanted: 0, waiting: 0, whole_enis: false }));
    // Whoever waits is bought for, and the reserve with it.
    let _waiting = desk.lease(1);
    desk.pass(GATHER);
    assert_eq!(desk.demands.last(), Some(&Demand { needed: 1, wanted: 3, waiting: 1, whole_enis: false }));
    desk.close(1, 1);
    desk.hear_enis(vec![eni(0, &[])]);
    desk.pass(GATHER);
    assert_eq!(desk.demands.last(), Some(&Demand { needed: 0, wanted: 2, waiting: 0, whole_enis: false }));
}
