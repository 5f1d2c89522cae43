//! Every death takes one path: the incarnation is thrown away, a fresh one serves, and whoever asked hears of it.

use futures::FutureExt;
use kernel::{AskError, Policy, Publisher, Spec, Vitals, link};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::puppet::{Fruit, Hands, Puppet, Say, panic_nastily, work};
use crate::stage::{Journal, Stage, ask, deaths, hello, in_virtual_time, puppet_that, seconds, solo};

#[test]
fn a_panic_in_a_handler_costs_one_life_and_the_next_is_fresh() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        let first = hello(&link).await.unwrap();
        assert_eq!((first.incarnation, first.mail), (1, 1));
        link.tell(Say::Poison).unwrap();
        let second = hello(&link).await.unwrap();
        assert_eq!((second.incarnation, second.mail), (2, 1), "state of a dead life is kept");
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "panic"), 1);
        assert_eq!(vitals.last.as_deref(), Some("panic: poison"));
    });
}

#[test]
fn a_panic_on_an_outcome_costs_one_life() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let work = work(|| async { Ok(Some(Fruit::Poison)) });
        link.tell(Say::Run { timeout: seconds(1), work }).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(vitals.last.as_deref(), Some("panic: poison in an outcome"));
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
    });
}

#[test]
fn a_panic_in_an_effect_costs_one_life_whether_it_is_polled_or_only_made() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let polled = work(|| async { panic!("while it is polled") });
        link.tell(Say::Run { timeout: seconds(1), work: polled }).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(vitals.last.as_deref(), Some("panic: while it is polled"));
        let made: crate::puppet::Work = Box::new(|| panic!("while it is made"));
        link.tell(Say::Run { timeout: seconds(1), work: made }).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 3 && vitals.running()).await;
        assert_eq!(vitals.last.as_deref(), Some("panic: while it is made"));
        assert_eq!(vitals.in_flight, 0);
    });
}

#[test]
fn a_core_that_gives_itself_up_is_started_afresh() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        link.tell(Say::GiveUp("had enough")).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "stopped"), 1);
        assert_eq!(vitals.last.as_deref(), Some("stopped: had enough"));
        assert_eq!(hello(&link).await.unwrap().mail, 1);
    });
}

#[test]
fn a_poisonous_question_is_answered_after_two_deaths_and_the_others_are_served() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let poison = ask(&link, Say::PoisonedQuestion);
        let others = futures::future::join_all((0..20).map(|_| hello(&link)));
        let (poisoned, others) = tokio::join!(poison, others);
        assert_eq!(poisoned, Err(AskError::Poisoned));
        assert!(others.iter().all(Result::is_ok), "{others:?}");
        assert_eq!(journal.count("1: poison") + journal.count("2: poison"), 2);
        let vitals = stage.until(|vitals| vitals.incarnation == 3 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "panic"), 2);
        assert_eq!(hello(&link).await.unwrap().incarnation, 3);
    });
}

#[test]
fn a_poisonous_hint_costs_one_message() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        link.tell(Say::Note(1)).unwrap();
        link.tell(Say::Poison).unwrap();
        stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        link.tell(Say::Note(2)).unwrap();
        journal.until("2: note 2").await;
        assert_eq!(journal.count("1: note 1"), 1);
        let vitals = stage.now().await;
        assert_eq!((vitals.incarnation, deaths(&vitals, "panic")), (2, 1));
    });
}

#[test]
fn a_panic_whose_payload_panics_when_dropped_is_a_panic_like_others() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        link.tell(Say::NastyPoison).unwrap();
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        let nasty = work(|| async { panic_nastily() });
        link.tell(Say::Run { timeout: seconds(1), work: nasty }).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 3 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "panic"), 2);
        assert_eq!(vitals.in_flight, 0);
    });
}

#[test]
fn a_start_that_panics_even_while_its_panic_is_dropped_is_a_failed_start() {
    in_virtual_time(async {
        let journal = Journal::new();
        let first = Arc::new(AtomicBool::new(true));
        let opening = Arc::new(move |_| {
            let first = first.swap(false, Ordering::Relaxed);
            async move { if first { panic_nastily() } else { Ok(()) } }.boxed()
        });
        let (link, spec) = puppet_that("nasty", Policy::default(), &journal, opening);
        let mut stage = Stage::virtual_time(|tree| tree.add(spec));
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        let vitals = stage.now().await;
        assert_eq!(deaths(&vitals, "failed_start"), 1);
    });
}

#[test]
fn a_panic_in_the_first_plan_is_a_death_like_others() {
    in_virtual_time(async {
        let journal = Journal::new();
        let (link, inbox) = link("planner");
        let pen = journal.pen();
        let spec = Spec::new("planner", Policy::default(), inbox, move |seat| {
            let pen = pen.clone();
            async move {
                let mut puppet = Puppet::new(seat.fence.clone(), pen);
                puppet.poison_plan = seat.fence.incarnation() == 1;
                Ok((puppet, Arc::new(Hands) as _))
            }
        });
        let mut stage = Stage::virtual_time(|tree| tree.add(spec));
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        let vitals = stage.now().await;
        assert_eq!(vitals.last.as_deref(), Some("panic: poison in a plan"));
    });
}

#[test]
fn a_snapshot_that_cannot_become_mail_is_a_panic_of_the_child() {
    in_virtual_time(async {
        let journal = Journal::new();
        let board = Publisher::new();
        let (link, spec) = crate::stage::puppet("reader", Policy::default(), &journal);
        let spec = spec.follow(board.subscribe(), |number: u64| {
            assert!(number != 13, "unlucky");
            Say::Note(number)
        });
        let mut stage = Stage::virtual_time(|tree| tree.add(spec));
        hello(&link).await.unwrap();
        board.publish(13);
        let vitals = stage.until(|vitals| deaths(vitals, "panic") > 0).await;
        assert_eq!(vitals.last.as_deref(), Some("panic: unlucky"));
        board.publish(14);
        stage.until(Vitals::running).await;
        assert!(hello(&link).await.unwrap().incarnation >= 2);
    });
}

#[test]
fn a_tree_that_is_dropped_takes_its_children_along_at_once() {
    in_virtual_time(async {
        let (stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let (ended, end) = tokio::sync::oneshot::channel::<()>();
        let effect = work(move || async move {
            tokio::time::sleep(seconds(5)).await;
            let _ = ended.send(());
            Ok(None)
        });
        link.tell(Say::Run { timeout: seconds(60), work: effect }).unwrap();
        hello(&link).await.unwrap();
        stage.kill().await;
        // Its effect is dropped unfinished, its room is gone, and whoever asks is told so.
        assert!(end.await.is_err());
        journal.until("1: is gone").await;
        assert_eq!(hello(&link).await, Err(AskError::Unavailable));
        assert_eq!(journal.count("solo starts 2"), 0);
    });
}
