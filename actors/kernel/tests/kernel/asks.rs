//! A question is answered or refused by its deadline, whatever becomes of who was asked.

use futures::FutureExt;
use kernel::{AskError, Policy, Seat};
use std::sync::Arc;
use std::time::Duration;

use crate::puppet::Say;
use crate::stage::{
    Journal, Opening, Stage, ask, hello, in_virtual_time, millis, puppet_that, seconds, solo,
};

#[test]
fn the_deadline_holds_whether_nobody_is_there_or_nobody_answers() {
    in_virtual_time(async {
        let (stage, link, _journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let began = stage.clock.now();
        assert_eq!(link.ask(seconds(3), Say::Hoard).await, Err(AskError::Deadline));
        assert_eq!(stage.clock.now() - began, seconds(3));

        let (nobody, _inbox) = kernel::link::<Say>("nobody");
        let began = stage.clock.now();
        assert_eq!(nobody.ask(seconds(2), Say::Hello).await, Err(AskError::Deadline));
        assert_eq!(stage.clock.now() - began, seconds(2));
        assert_eq!(nobody.ask(Duration::ZERO, Say::Hello).await, Err(AskError::Deadline));
    });
}

#[test]
fn a_question_may_have_no_deadline_to_speak_of() {
    in_virtual_time(async {
        let (_stage, link, _journal) = solo(Policy::default());
        assert!(link.ask(Duration::MAX, Say::Hello).await.is_ok());
    });
}

#[test]
fn a_question_asked_before_anybody_started_is_answered() {
    in_virtual_time(async {
        let journal = Journal::new();
        let opening: Opening = Arc::new(|_| {
            async {
                tokio::time::sleep(seconds(4)).await;
                Ok(())
            }
            .boxed()
        });
        let (link, spec) = puppet_that("late", Policy::default(), &journal, opening);
        let _stage = Stage::virtual_time(|tree| tree.add(spec));
        assert_eq!(hello(&link).await.unwrap().incarnation, 1);
    });
}

#[test]
fn what_no_handler_had_begun_is_sent_again_and_handled_once() {
    in_virtual_time(async {
        let (_stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        link.tell(Say::Poison).unwrap();
        let answer = hello(&link).await.unwrap();
        assert_eq!((answer.incarnation, answer.mail), (2, 1));
        assert_eq!((journal.count("1: hello"), journal.count("2: hello")), (1, 1));
    });
}

#[test]
fn what_a_handler_had_begun_is_sent_again_once() {
    in_virtual_time(async {
        let (mut stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let asked = actix_rt::spawn({
            let link = link.clone();
            async move { ask(&link, Say::Hoard).await }
        });
        journal.until("1: hoard").await;
        link.tell(Say::GiveUp("the first time")).unwrap();
        journal.until("2: hoard").await;
        stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        link.tell(Say::GiveUp("the second time")).unwrap();
        assert_eq!(asked.await.unwrap(), Err(AskError::Poisoned));
        stage.until(|vitals| vitals.incarnation == 3 && vitals.running()).await;
        stage.now().await;
        assert_eq!(journal.count("3: hoard"), 0);
    });
}

#[test]
fn a_question_dropped_by_a_living_actor_is_unanswered_and_not_sent_again() {
    in_virtual_time(async {
        let (stage, link, mut journal) = solo(Policy::default());
        let began = stage.clock.now();
        assert_eq!(ask(&link, Say::Ignore).await, Err(AskError::Unanswered));
        assert!(stage.clock.now() - began < millis(200));
        stage.close().await;
        assert_eq!((journal.count("1: ignore"), journal.count("2: ignore")), (1, 0));
    });
}

#[test]
fn a_full_mailbox_refuses_questions_at_once_from_whichever_clone() {
    in_virtual_time(async {
        let (_stage, link, _journal) = solo(Policy { mailbox: 3, ..Policy::default() });
        hello(&link).await.unwrap();
        let clones: Vec<_> = (0..5).map(|_| link.clone()).collect();
        let answers = futures::future::join_all(clones.iter().map(hello)).await;
        let refused = answers.iter().filter(|answer| **answer == Err(AskError::Overloaded)).count();
        assert_eq!(refused, 2, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 3);
        assert!(hello(&link).await.is_ok(), "places are free again");
    });
}

#[test]
fn a_mailbox_is_bounded_before_its_actor_has_turned_for_the_first_time() {
    in_virtual_time(async {
        let (_stage, link, _journal) = solo(Policy { mailbox: 40, ..Policy::default() });
        // All wait for the door, and are through it before the room's first turn.
        let answers = futures::future::join_all((0..50).map(|_| hello(&link))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 40, "{answers:?}");
    });
}

#[test]
fn one_who_dies_in_every_start_after_the_question_was_begun_answers_by_the_deadline() {
    in_virtual_time(async {
        let journal = Journal::new();
        let opening: Opening = Arc::new(|seat: Seat| {
            async move {
                match seat.fence.incarnation() {
                    1 => Ok(()),
                    _ => Err(kernel::StartError("no".to_owned())),
                }
            }
            .boxed()
        });
        let (link, spec) = puppet_that("once", Policy::default(), &journal, opening);
        let stage = Stage::virtual_time(|tree| tree.add(spec));
        let began = stage.clock.now();
        assert_eq!(ask(&link, Say::PoisonedQuestion).await, Err(AskError::Unavailable));
        assert!(stage.clock.now() - began < seconds(30));
    });
}

#[test]
fn who_waits_when_the_tree_ends_is_told() {
    in_virtual_time(async {
        let (stage, link, mut journal) = solo(Policy::default());
        hello(&link).await.unwrap();
        let asked = actix_rt::spawn({
            let link = link.clone();
            async move { ask(&link, Say::Hoard).await }
        });
        journal.until("1: hoard").await;
        stage.close().await;
        assert_eq!(asked.await.unwrap(), Err(AskError::Unavailable));
        assert_eq!(hello(&link).await, Err(AskError::Unavailable));
    });
}
