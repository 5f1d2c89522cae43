//! Effects: what is under way when a life ends, what never comes back, and what is waited for.

use kernel::{Broken, Fence, Policy};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

use crate::puppet::{Deed, Fruit, Say, Work, work};
use crate::stage::{
    Journal, Opening, Stage, deaths, hello, in_virtual_time, millis, puppet_that, seconds, solo,
};

#[test]
fn an_outcome_comes_back_to_the_life_that_asked_for_it() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let slow = work(|| async {
            tokio::time::sleep(seconds(1)).await;
            Ok(Some(Fruit::Value(5)))
        });
        link.tell(Say::Run { timeout: seconds(2), work: slow }).unwrap();
        let nothing = work(|| async { Ok(None) });
        link.tell(Say::Run { timeout: seconds(2), work: nothing }).unwrap();
        journal.until("1: outcome 5").await;
        let vitals = stage.now().await;
        assert_eq!((vitals.in_flight, vitals.stale_outcomes, vitals.incarnation), (0, 0, 1));
    });
}

#[test]
fn the_outcome_of_a_dead_life_reaches_nobody_and_is_counted() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let (go, gone) = oneshot::channel::<()>();
        let fruitful = work(|| async {
            let _ = gone.await;
            Ok(Some(Fruit::Value(5)))
        });
        let (break_it, broken) = oneshot::channel::<()>();
        let breaking = work(|| async {
            let _ = broken.await;
            Err(Broken { reason: "socket closed".into() })
        });
        link.tell(Say::Run { timeout: seconds(9), work: fruitful }).unwrap();
        link.tell(Say::Run { timeout: seconds(9), work: breaking }).unwrap();
        stage.until(|vitals| vitals.in_flight == 2).await;
        // Both at once: the outcome is in the mailbox when the other effect condemns its life.
        go.send(()).unwrap();
        break_it.send(()).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "broken_connection"), 1);
        let vitals = stage.now().await;
        assert_eq!((vitals.stale_outcomes, vitals.in_flight), (1, 0));
        assert!(!journal.words().iter().any(|line| line.contains("outcome")));
    });
}

#[test]
fn what_is_under_way_is_dropped_with_its_life() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let done = Arc::new(AtomicU64::new(0));
        let counted = done.clone();
        let slow = work(|| async move {
            tokio::time::sleep(seconds(2)).await;
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(Some(Fruit::Value(5)))
        });
        link.tell(Say::Run { timeout: seconds(9), work: slow }).unwrap();
        tokio::time::sleep(seconds(1)).await;
        link.tell(Say::Poison).unwrap();
        stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        tokio::time::sleep(seconds(9)).await;
        assert_eq!(done.load(Ordering::Relaxed), 0);
        assert_eq!(journal.count("2: outcome 5"), 0);
    });
}

#[test]
fn an_effect_that_was_not_begun_when_its_life_ended_never_begins() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let begun = Arc::new(AtomicU64::new(0));
        let counted = begun.clone();
        let effect: Work = Box::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Box::pin(async { Ok(None) })
        });
        link.tell(Say::RunThenPanic(effect)).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(vitals.last.as_deref(), Some("panic: in perform_now"));
        stage.now().await;
        assert_eq!(begun.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_call_without_any_outcome_costs_a_restart_and_is_never_counted_to_intensity() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        for round in 1..=20 {
            let incarnation = hello(&link).await.unwrap().incarnation;
            assert_eq!(incarnation, round);
            let began = stage.clock.now();
            let never = work(std::future::pending);
            link.tell(Say::Run { timeout: millis(500), work: never }).unwrap();
            let vitals = stage.until(|vitals| vitals.incarnation > round || vitals.state != "running").await;
            assert_ne!(vitals.state, "parked");
            let took = stage.clock.now() - began;
            assert!(took >= millis(5_500) && took < millis(5_600), "{took:?}");
        }
        let vitals = stage.now().await;
        assert_eq!(deaths(&vitals, "stalled_call"), 20);
    });
}

#[test]
fn a_connection_broken_again_and_again_is_never_parked() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        for round in 1..=20 {
            assert_eq!(hello(&link).await.unwrap().incarnation, round);
            let breaking = work(|| async { Err(Broken { reason: "socket closed".into() }) });
            link.tell(Say::Run { timeout: seconds(1), work: breaking }).unwrap();
            let vitals = stage.until(|vitals| deaths(vitals, "broken_connection") == round).await;
            assert_ne!(vitals.state, "parked");
            assert_eq!(vitals.last.as_deref(), Some("broken_connection: socket closed"));
        }
    });
}

#[test]
fn a_port_that_answers_its_own_timeout_restarts_nobody() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        for call in 0..50 {
            let black_hole = work(move || async move {
                let hole = std::future::pending::<()>();
                let answered = tokio::time::timeout(seconds(30), hole).await;
                Ok(answered.err().map(|_| Fruit::Value(call)))
            });
            link.tell(Say::Run { timeout: seconds(30), work: black_hole }).unwrap();
        }
        journal.until("1: outcome 49").await;
        let vitals = stage.now().await;
        assert_eq!((vitals.incarnation, vitals.deaths.len()), (1, 0));
    });
}

/// A puppet that gives its fences away.
fn with_fences(policy: Policy) -> (Stage, kernel::Link<Say>, Journal, mpsc::UnboundedReceiver<Fence>) {
    let journal = Journal::new();
    let (fences, given) = mpsc::unbounded_channel();
    let opening: Opening = Arc::new(move |seat: kernel::Seat| {
        let _ = fences.send(seat.fence);
        Box::pin(async { Ok(()) })
    });
    let (link, spec) = puppet_that("holder", policy, &journal, opening);
    (Stage::virtual_time(|tree| tree.add(spec)), link, journal, given)
}

async fn second_start(hold_for: Duration) -> Duration {
    let (stage, link, mut journal, mut fences) = with_fences(Policy::default());
    hello(&link).await.unwrap();
    let hold = fences.recv().await.unwrap().hold().unwrap();
    let died = stage.clock.now();
    link.tell(Say::Poison).unwrap();
    tokio::spawn(async move {
        tokio::time::sleep(hold_for).await;
        drop(hold);
    });
    hello(&link).await.unwrap();
    journal.until("holder starts 2").await - died
}

#[test]
fn what_cannot_be_dropped_holds_the_next_life_back_until_it_has_ended() {
    in_virtual_time(async {
        let waited = second_start(seconds(2)).await;
        assert!(waited >= seconds(2) && waited < millis(2_050), "{waited:?}");
    });
}

#[test]
fn a_stopping_tree_waits_for_what_is_held_and_its_pulse_goes_on() {
    in_virtual_time(async {
        let (stage, link, _journal, mut fences) = with_fences(Policy::default());
        hello(&link).await.unwrap();
        let _hold = fences.recv().await.unwrap().hold().unwrap();
        let (began, clock, pulse) = (stage.clock.now(), stage.clock, stage.pulse.clone());
        let before = pulse.load(Ordering::Relaxed);
        stage.close().await;
        let took = clock.now() - began;
        assert!(took >= seconds(5) && took < millis(5_050), "{took:?}");
        assert!(pulse.load(Ordering::Relaxed) >= before + 9);
    });
}

#[test]
fn what_never_ends_holds_the_next_life_back_no_longer_than_the_drain() {
    in_virtual_time(async {
        let waited = second_start(seconds(500)).await;
        assert!(waited >= seconds(5) && waited < millis(5_050), "{waited:?}");
    });
}

#[test]
fn nothing_is_held_checked_or_run_behind_a_revoked_fence() {
    in_virtual_time(async {
        let (mut stage, link, _journal, mut fences) = with_fences(Policy::default());
        hello(&link).await.unwrap();
        let fence = fences.recv().await.unwrap();
        assert_eq!(fence.within(async { 1 }).await, Some(1));
        link.tell(Say::Poison).unwrap();
        stage.until(|vitals| vitals.incarnation == 2).await;
        fence.revoked().await;
        assert_eq!(fence.check().unwrap_err().to_string(), "incarnation 1 is over");
        assert!(fence.hold().is_err());
        assert_eq!(fence.within(async { 1 }).await, None);
    });
}

#[test]
fn what_needs_no_waiting_is_done_at_once_and_in_order() {
    in_virtual_time(async {
        let (_stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let pen = journal.pen();
        let deeds: Vec<Deed> = (0..5)
            .map(|number| {
                let pen = pen.clone();
                Box::new(move || {
                    let _ = pen.send((Duration::ZERO, format!("deed {number}")));
                }) as Deed
            })
            .collect();
        link.tell(Say::Now(deeds)).unwrap();
        link.tell(Say::Note(9)).unwrap();
        journal.until("1: note 9").await;
        let words = journal.words();
        let tail: Vec<_> = words[words.len() - 6..].to_vec();
        assert_eq!(tail, ["deed 0", "deed 1", "deed 2", "deed 3", "deed 4", "1: note 9"]);
    });
}
