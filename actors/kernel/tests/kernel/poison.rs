//! Mail that is the death of whoever handles it costs one message, never the process.

use kernel::{AskError, Past, Policy, Publisher};
use std::sync::mpsc as blocking;

use crate::puppet::Say;
use crate::stage::{
    Journal, Stage, ask, deaths, hello, in_real_time, in_virtual_time, millis, puppet, seconds, solo,
};

fn indispensable() -> Policy {
    Policy { past: Past::EndProcess, ..Policy::default() }
}

#[test]
fn a_poisonous_question_asked_again_and_again_never_ends_the_process() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(indispensable());
        for _ in 0..20 {
            assert_eq!(ask(&link, Say::PoisonedQuestion).await, Err(AskError::Poisoned));
            assert!(hello(&link).await.is_ok());
        }
        let vitals = stage.now().await;
        assert_eq!((deaths(&vitals, "panic"), vitals.running()), (40, true));
    });
}

#[test]
fn the_pauses_after_poison_do_not_grow() {
    in_virtual_time(async {
        let (stage, link, _journal) = solo(Policy::default());
        for _ in 0..20 {
            let before = stage.clock.now();
            assert_eq!(ask(&link, Say::PoisonedQuestion).await, Err(AskError::Poisoned));
            assert!(hello(&link).await.is_ok());
            assert!(stage.clock.now() - before < millis(200));
        }
    });
}

#[test]
fn a_poisonous_snapshot_costs_two_lives_and_the_next_snapshot_arrives() {
    in_virtual_time(async {
        let mut journal = Journal::new();
        let publisher = Publisher::<u64>::new();
        let (link, spec) = puppet("solo", indispensable(), &journal);
        let spec = spec.follow(publisher.subscribe(), |number| match number {
            13 => Say::Poison,
            number => Say::Note(number),
        });
        let mut stage = Stage::virtual_time(|tree| tree.add(spec));
        assert!(hello(&link).await.is_ok());
        publisher.publish(13);
        tokio::time::sleep(seconds(120)).await;
        let vitals = stage.now().await;
        assert_eq!((deaths(&vitals, "panic"), vitals.running()), (2, true));
        publisher.publish(14);
        journal.until("3: note 14").await;
        // The poison is forgotten: a later life begins with the newest.
        link.tell(Say::Poison).unwrap();
        journal.until("4: note 14").await;
    });
}

#[test]
fn a_question_dropped_long_before_its_handler_panics_is_asked_again() {
    in_real_time(async |io| {
        let journal = Journal::new();
        let (link, spec) = puppet("solo", Policy::default(), &journal);
        let stage = Stage::threads(io, |tree| tree.add(spec));
        hello(&link).await.unwrap();
        let answer = ask(&link, |reply| {
            drop(reply);
            let (hold, until) = blocking::channel::<()>();
            std::thread::spawn(move || {
                let (_open, silence) = blocking::channel::<()>();
                let _ = silence.recv_timeout(millis(150));
                drop(hold);
            });
            Say::Block(until, Box::new(|| panic!("long after the question was dropped")))
        })
        .await;
        assert_eq!(answer, Err(AskError::Poisoned));
        stage.close().await;
    });
}
