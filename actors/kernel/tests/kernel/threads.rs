//! What only real threads do: block, flood, and refuse to end. Nothing here sleeps: a blocked thread waits for the test.

use kernel::{Ended, Link, Policy, TellError};
use std::sync::atomic::Ordering;
use std::sync::mpsc as blocking;
use std::time::Duration;
use tokio::sync::oneshot;

use crate::puppet::{Deed, Fruit, Say, work};
use crate::stage::{
    Journal, REAL_PATIENCE, Stage, ask, deaths, hello, in_real_time, in_virtual_time, millis, puppet, seconds,
};

/// Judged after 400 ms of silence.
fn watched() -> Policy {
    Policy { pulse: millis(100), ..Policy::default() }
}

fn nothing() -> Deed {
    Box::new(|| ())
}

#[test]
fn a_blocked_thread_is_replaced_its_callers_are_answered_and_its_zombie_does_nothing_more() {
    in_real_time(async |io| {
        let mut journal = Journal::new();
        let (link, spec) = puppet("blocked", watched(), &journal);
        let mut stage = Stage::threads(io, |tree| tree.add(spec));
        assert_eq!(hello(&link).await.unwrap().incarnation, 1);
        let (finish, finished) = oneshot::channel::<()>();
        let outcome = work(|| async {
            let _ = finished.await;
            Ok(Some(Fruit::Value(5)))
        });
        link.tell(Say::Run { timeout: REAL_PATIENCE, work: outcome }).unwrap();
        let (let_go, held) = blocking::channel();
        let pen = journal.pen();
        let late: Deed = Box::new(move || {
            let _ = pen.send((Duration::ZERO, "the zombie acts".to_owned()));
        });
        link.tell(Say::Block(held, late)).unwrap();
        journal.until("1: blocks").await;
        // Its outcome is in the mailbox of one who does not turn.
        finish.send(()).unwrap();
        let began = tokio::time::Instant::now();
        let answers = futures::future::join_all((0..10).map(|_| hello(&link))).await;
        assert!(
            answers.iter().all(|answer| answer.is_ok_and(|answer| answer.incarnation == 2)),
            "{answers:?}"
        );
        assert!(began.elapsed() < seconds(20), "{:?}", began.elapsed());
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "lost_thread"), 1);
        let_go.send(()).unwrap();
        journal.until("1: is gone").await;
        assert_eq!((journal.count("1: goes on"), journal.count("the zombie acts")), (1, 0));
        assert!(!journal.words().iter().any(|line| line.contains("outcome")));
        stage.until(|vitals| vitals.stale_outcomes == 1 && vitals.in_flight == 0).await;
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        assert_eq!(stage.close().await, Ended::Stopped);
    });
}

#[test]
fn a_question_that_blocks_its_thread_is_asked_once_more_and_the_first_answer_does_not_count() {
    in_real_time(async |io| {
        let mut journal = Journal::new();
        let (link, spec) = puppet("blocked", watched(), &journal);
        let stage = Stage::threads(io, |tree| tree.add(spec));
        hello(&link).await.unwrap();
        let asked = actix_rt::spawn({
            let link = link.clone();
            async move { ask(&link, Say::Hoard).await }
        });
        journal.until("1: hoard").await;
        let (let_go, held) = blocking::channel();
        link.tell(Say::Block(held, nothing())).unwrap();
        journal.until("2: hoard").await;
        assert!(!asked.is_finished());
        let_go.send(()).unwrap();
        journal.until("1: is gone").await;
        stage.close().await;
        assert!(asked.await.unwrap().is_err());
    });
}

#[test]
fn an_effect_that_blocks_its_thread_is_overdue_like_any_other() {
    in_real_time(async |io| {
        let journal = Journal::new();
        let policy = Policy { grace: millis(100), ..Policy::default() };
        let (link, spec) = puppet("owner", policy, &journal);
        let mut stage = Stage::threads(io, |tree| tree.add(spec));
        hello(&link).await.unwrap();
        let (let_go, held) = blocking::channel::<()>();
        let blocks = work(move || async move {
            let _ = held.recv();
            Ok(Some(Fruit::Value(5)))
        });
        link.tell(Say::Run { timeout: millis(100), work: blocks }).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "stalled_call"), 1);
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        let_go.send(()).unwrap();
        stage.close().await;
    });
}

#[test]
fn one_who_floods_itself_is_seen_and_replaced() {
    in_real_time(async |io| {
        let mut journal = Journal::new();
        let (link, spec) = puppet("flood", watched(), &journal);
        let mut stage = Stage::threads(io, |tree| tree.add(spec));
        hello(&link).await.unwrap();
        link.tell(Say::Flood(link.clone())).unwrap();
        let vitals = stage.until(|vitals| vitals.incarnation == 2 && vitals.running()).await;
        assert_eq!(deaths(&vitals, "lost_thread"), 1);
        journal.until("1: is gone").await;
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        stage.close().await;
    });
}

#[test]
fn a_bystander_sees_no_error_while_others_panic_block_and_flood() {
    in_real_time(async |io| {
        let mut journal = Journal::new();
        let (bystander, spec) = puppet("bystander", Policy::default(), &Journal::new());
        let (blocked, blocked_spec) = puppet("blocked", watched(), &journal);
        let (flooded, flooded_spec) = puppet("flooded", watched(), &Journal::new());
        let mut stage = Stage::threads(io.clone(), |tree| {
            tree.add(spec);
            tree.add(blocked_spec);
            tree.add(flooded_spec);
        });
        hello(&flooded).await.unwrap();
        let (stop, mut stopped) = oneshot::channel::<()>();
        let load = io.spawn(async move {
            let (mut asked, mut failed) = (0, Vec::new());
            while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
                let answers = futures::future::join_all((0..10).map(|_| hello(&bystander))).await;
                asked += answers.len();
                failed.extend(answers.into_iter().filter(|answer| answer.is_err()));
            }
            (asked, failed)
        });
        let (let_go, held) = blocking::channel();
        blocked.tell(Say::Block(held, nothing())).unwrap();
        flooded.tell(Say::Flood(flooded.clone())).unwrap();
        stage.until_of(1, |vitals| vitals.incarnation == 2 && vitals.running()).await;
        stage.until_of(2, |vitals| vitals.incarnation == 2 && vitals.running()).await;
        blocked.tell(Say::Poison).unwrap();
        stage.until_of(1, |vitals| vitals.incarnation == 3 && vitals.running()).await;
        stop.send(()).unwrap();
        let (asked, failed) = load.await.unwrap();
        assert!(asked > 100, "only {asked} questions");
        assert_eq!(failed, []);
        assert_eq!(stage.until(|_| true).await.incarnation, 1);
        let_go.send(()).unwrap();
        journal.until("1: is gone").await;
        stage.close().await;
    });
}

#[test]
fn too_many_threads_that_cannot_be_ended_end_the_process() {
    in_real_time(async |io| {
        let journal = Journal::new();
        let (link, spec) = puppet("blocked", watched(), &journal);
        let stage = Stage::threads(io, |tree| tree.add(spec));
        let mut held_back = Vec::new();
        while held_back.len() < 3 {
            block_next(&link, &mut held_back).await;
        }
        let Ended::Escalated { reason } = stage.ended().await else {
            panic!("it was not asked to stop");
        };
        assert!(reason.contains("too many threads"), "{reason}");
        assert!(hello(&link).await.is_err());
    });
}

async fn block_next(link: &Link<Say>, held_back: &mut Vec<blocking::Sender<()>>) {
    // A life that serves may be blocked; the last one blocked does not answer.
    if hello(link).await.is_err() {
        return;
    }
    let (let_go, held) = blocking::channel();
    match link.tell(Say::Block(held, nothing())) {
        Ok(()) => held_back.push(let_go),
        Err(TellError::Unavailable | TellError::Overloaded) => {}
    }
}

#[test]
fn threads_that_end_when_told_are_no_zombies_however_many_die() {
    in_real_time(async |io| {
        let journal = Journal::new();
        let policy = Policy { intensity: 1000, backoff_max: millis(1), ..Policy::default() };
        let (links, specs): (Vec<_>, Vec<_>) =
            ["a", "b", "c", "d", "e"].map(|name| puppet(name, policy.clone(), &journal)).into_iter().unzip();
        let stage = Stage::threads(io, |tree| specs.into_iter().for_each(|spec| tree.add(spec)));
        for _ in 0..20 {
            for link in &links {
                hello(link).await.unwrap();
            }
            for link in &links {
                let _ = link.tell(Say::Poison);
            }
        }
        for link in &links {
            hello(link).await.unwrap();
        }
        // Long enough for those who would not end to be noticed.
        let until = stage.pulse.load(Ordering::Relaxed) + 5;
        while stage.pulse.load(Ordering::Relaxed) < until {
            hello(&links[0]).await.unwrap();
        }
        assert_eq!(stage.close().await, Ended::Stopped);
    });
}

#[test]
fn a_room_that_ends_in_the_turn_that_moves_its_timer_is_gone_with_its_thread() {
    in_real_time(async |io| {
        let mut journal = Journal::new();
        let (link, spec) = puppet("moved", Policy::default(), &journal);
        let stage = Stage::threads(io, |tree| tree.add(spec));
        hello(&link).await.unwrap();
        let now = stage.clock.now();
        link.tell(Say::WakeAt(now + seconds(1_000))).unwrap();
        // Earlier: the timer that was set is cancelled, in the turn that is the last.
        link.tell(Say::WakeAtAndGiveUp(now + seconds(500))).unwrap();
        journal.until("1: is gone").await;
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        assert_eq!(stage.close().await, Ended::Stopped);
    });
}

#[test]
fn the_same_puppets_serve_in_either_strategy() {
    let journal = Journal::new();
    let (link, spec) = puppet("either", Policy::default(), &journal);
    in_virtual_time(async {
        let stage = Stage::virtual_time(|tree| tree.add(spec));
        assert!(hello(&link).await.is_ok());
        stage.close().await;
    });
    let (link, spec) = puppet("either", Policy::default(), &journal);
    in_real_time(async |io| {
        let stage = Stage::threads(io, |tree| tree.add(spec));
        assert!(hello(&link).await.is_ok());
        stage.close().await;
    });
}
