//! Time: when a core is woken, how often the kernel turns, and whom it blames for its own lateness.

use kernel::Policy;
use std::sync::atomic::Ordering;

use crate::puppet::{Say, work};
use crate::stage::{Journal, Stage, deaths, hello, in_virtual_time, millis, puppet, seconds, solo};

#[test]
fn a_core_is_woken_when_it_asked_and_never_before() {
    in_virtual_time(async {
        let (stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let at = stage.clock.now() + millis(12_345);
        link.tell(Say::WakeAt(at)).unwrap();
        let woken = journal.until("1: wakes").await;
        assert!(woken >= at && woken <= at + millis(2), "{woken:?} instead of {at:?}");
    });
}

#[test]
fn a_wake_that_is_moved_rings_once_at_its_last_place() {
    in_virtual_time(async {
        let (stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let now = stage.clock.now();
        for at in [50, 10, 90, 20, 70, 30] {
            link.tell(Say::WakeAt(now + seconds(at))).unwrap();
        }
        let woken = journal.until("1: wakes").await - now;
        assert!(woken >= seconds(30) && woken < millis(30_010), "{woken:?}");
        tokio::time::sleep(seconds(200)).await;
        assert_eq!(journal.count("1: wakes"), 1);
    });
}

#[test]
fn a_wake_in_the_past_comes_soon_and_lets_others_speak() {
    in_virtual_time(async {
        let (stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let began = stage.clock.now();
        link.tell(Say::WakeAt(seconds(1))).unwrap();
        link.tell(Say::Note(1)).unwrap();
        let woken = journal.until("1: wakes").await - began;
        assert!(woken <= millis(3), "{woken:?}");
        let words = journal.words();
        assert_eq!(words[words.len() - 2..], ["1: note 1", "1: wakes"]);
    });
}

#[test]
fn a_dead_life_is_not_woken_and_its_core_is_gone() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let at = stage.clock.now() + seconds(9);
        link.tell(Say::WakeAt(at)).unwrap();
        let never = work(std::future::pending);
        link.tell(Say::Run { timeout: millis(1), work: never }).unwrap();
        stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        journal.until("1: is gone").await;
        assert!(stage.clock.now() < at, "it stayed until it was woken");
        tokio::time::sleep(seconds(20)).await;
        assert_eq!(journal.count("1: wakes"), 0);
    });
}

#[test]
fn the_kernel_turns_twice_a_second_and_no_more_than_there_is_to_do() {
    in_virtual_time(async {
        let (stage, link, _journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let before = stage.pulse.load(Ordering::Relaxed);
        tokio::time::sleep(seconds(100)).await;
        let turns = stage.pulse.load(Ordering::Relaxed) - before;
        assert!((100..=400).contains(&turns), "{turns} turns in 100 s");
    });
}

#[test]
fn a_child_is_not_blamed_for_the_lateness_of_the_kernel() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        for _ in 0..5 {
            tokio::time::sleep(millis(1_234)).await;
            tokio::time::advance(seconds(7)).await;
        }
        let vitals = stage.now().await;
        assert_eq!((vitals.incarnation, deaths(&vitals, "lost_thread")), (1, 0));
        assert!(vitals.running());
    });
}

#[test]
fn a_policy_may_wait_for_ever() {
    in_virtual_time(async {
        let journal = Journal::new();
        let for_ever = std::time::Duration::MAX;
        let policy = Policy {
            backoff_first: for_ever,
            backoff_max: for_ever,
            window: for_ever,
            parked: for_ever,
            pulse: for_ever,
            start_deadline: for_ever,
            grace: for_ever,
            drain: for_ever,
            intensity: 1,
            mailbox: usize::MAX,
            ..Policy::default()
        };
        let (link, spec) = puppet("patient", policy, &journal);
        let mut stage = Stage::virtual_time(|tree| tree.add(spec));
        hello(&link).await.unwrap();
        let short = work(|| async { Ok(None) });
        link.tell(Say::Run { timeout: for_ever, work: short }).unwrap();
        link.tell(Say::WakeAt(for_ever)).unwrap();
        link.tell(Say::Poison).unwrap();
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        link.tell(Say::Poison).unwrap();
        let vitals = stage.until(|vitals| vitals.state == "parked").await;
        assert_eq!(vitals.again_at, Some(for_ever));
    });
}
