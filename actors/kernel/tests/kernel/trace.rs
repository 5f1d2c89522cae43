//! The same seed gives the same trace.

use futures::FutureExt;
use kernel::{Broken, Policy, Publisher, Seat, StartError, Vitals};
use std::sync::Arc;
use std::time::Duration;

use crate::puppet::{Fruit, Line, Say, work};
use crate::stage::{Journal, Opening, Stage, hello, in_virtual_time, millis, puppet, puppet_that, seconds};

/// What was written down, and how the vitals changed.
type Trace = (Vec<Line>, Vec<(Duration, Vec<Vitals>)>);

fn every_third_start_fails() -> Opening {
    Arc::new(|seat: Seat| {
        async move {
            tokio::time::sleep(millis(30)).await;
            match seat.fence.incarnation() % 3 {
                0 => Err(StartError("every third".to_owned())),
                _ => Ok(()),
            }
        }
        .boxed()
    })
}

fn play(seed: u64) -> Trace {
    in_virtual_time(async move {
        let mut journal = Journal::new();
        let board = Publisher::new();
        let (target, spec) = puppet("target", Policy::default(), &journal);
        let spec = spec.follow(board.subscribe(), Say::Note);
        let (other, other_spec) =
            puppet_that("flaky", Policy::default(), &journal, every_third_start_fails());
        let stage = Stage::seeded(seed, |tree| {
            tree.add(spec);
            tree.add(other_spec);
        });
        let (mut vitals, clock) = (stage.vitals.clone(), stage.clock);
        let watcher = actix_rt::spawn(async move {
            let mut seen = Vec::new();
            while let Some(now) = vitals.next().await {
                seen.push((clock.now(), now));
                if !vitals.changed().await {
                    break;
                }
            }
            seen
        });
        for round in 0_u64..40 {
            board.publish(round);
            let _ = hello(&target).await;
            let _ = other.tell(if round % 7 == 3 { Say::Poison } else { Say::Note(round) });
            let effect = work(move || async move {
                tokio::time::sleep(millis(10 * round)).await;
                match round % 5 {
                    0 => Err(Broken { reason: "gone".to_owned() }),
                    1 => Ok(Some(Fruit::Poison)),
                    2 => std::future::pending().await,
                    _ => Ok(Some(Fruit::Value(round))),
                }
            });
            let _ = target.tell(Say::Run { timeout: seconds(1), work: effect });
            tokio::time::sleep(millis(777)).await;
        }
        stage.close().await;
        let seen = watcher.await.unwrap();
        journal.words();
        (std::mem::take(&mut journal.lines), seen)
    })
}

#[test]
fn those_who_wait_are_woken_in_the_order_they_came() {
    in_virtual_time(async {
        let mut journal = Journal::new();
        let (link, spec) = puppet("target", Policy::default(), &journal);
        let _stage = Stage::virtual_time(|tree| tree.add(spec));
        // Twice: at a door that was never open, and after a death.
        for life in 1..=2 {
            let asking = futures::future::join_all((0..50).map(|number| {
                let link = link.clone();
                actix_rt::spawn(async move {
                    let note = move |reply| Say::Numbered(number, reply);
                    link.ask(seconds(9), note).await
                })
            }));
            let answers = asking.await;
            assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(Result::is_ok)));
            let prefix = format!("{life}: number ");
            let words = journal.words();
            let order: Vec<u64> =
                words.iter().filter_map(|line| line.strip_prefix(&prefix)?.parse().ok()).collect();
            assert_eq!(order, (0..50).collect::<Vec<_>>());
            link.tell(Say::Poison).unwrap();
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_trace_and_another_spreads_its_restarts_differently() {
    let (first, again, other) = (play(1), play(1), play(2));
    assert!(first.0.len() > 100, "too little happens: {}", first.0.len());
    assert!(first == again, "the same seed took another course");
    let pauses = |trace: &Trace| -> Vec<_> {
        trace.1.iter().flat_map(|(_, all)| all.iter().filter_map(|vitals| vitals.again_at)).collect()
    };
    assert!(!pauses(&first).is_empty());
    assert_ne!(pauses(&first), pauses(&other));
}
