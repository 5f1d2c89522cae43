//! Starting, failing to, dying too often, and the order of it all.

use futures::FutureExt;
use kernel::{AskError, Ended, Past, Policy, Seat, StartError, TellError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::puppet::Say;
use crate::stage::{
    Journal, Opening, Stage, deaths, hello, in_virtual_time, millis, puppet, puppet_that, seconds, solo,
};

fn fails_while(fails: &Arc<AtomicBool>, tries: &Arc<AtomicU64>) -> Opening {
    let (fails, tries) = (fails.clone(), tries.clone());
    Arc::new(move |_| {
        tries.fetch_add(1, Ordering::Relaxed);
        let fails = fails.load(Ordering::Relaxed);
        async move {
            match fails {
                true => Err(StartError("the directory is not there".to_owned())),
                false => Ok(()),
            }
        }
        .boxed()
    })
}

#[test]
fn a_failing_start_is_reported_and_parked_never_escalated_and_comes_back_by_itself() {
    in_virtual_time(async {
        let journal = Journal::new();
        let (fails, tries) = (Arc::new(AtomicBool::new(true)), Arc::default());
        let policy = Policy { past: Past::EndProcess, ..Policy::default() };
        let (link, spec) = puppet_that("failing", policy, &journal, fails_while(&fails, &tries));
        let (sibling, sibling_spec) = puppet("sibling", Policy::default(), &journal);
        let mut stage = Stage::virtual_time(|tree| {
            tree.add(spec);
            tree.add(sibling_spec);
        });
        let vitals = stage.until(|vitals| vitals.state == "parked").await;
        assert_eq!(deaths(&vitals, "failed_start"), 6);
        assert_eq!(vitals.last.as_deref(), Some("failed_start: the directory is not there"));
        assert_eq!(hello(&link).await, Err(AskError::Unavailable));
        assert_eq!(link.tell(Say::Note(1)), Err(TellError::Unavailable));
        assert_eq!(hello(&sibling).await.unwrap().incarnation, 1);
        tokio::time::sleep(seconds(600)).await;
        let tried = tries.load(Ordering::Relaxed);
        // Six until it is parked; from then on one try a minute.
        assert!((15..=16).contains(&tried), "tried {tried} times in ten minutes");
        fails.store(false, Ordering::Relaxed);
        stage.until(kernel::Vitals::running).await;
        assert!(hello(&link).await.is_ok());
        assert_eq!(stage.close().await, Ended::Stopped);
    });
}

#[test]
fn a_start_that_never_ends_has_failed_at_its_deadline() {
    in_virtual_time(async {
        let journal = Journal::new();
        let opening: Opening = Arc::new(|seat: Seat| {
            async move {
                if seat.fence.incarnation() == 1 {
                    std::future::pending::<()>().await;
                }
                Ok(())
            }
            .boxed()
        });
        let (link, spec) = puppet_that("slow", Policy::default(), &journal, opening);
        let mut stage = Stage::virtual_time(|tree| tree.add(spec));
        let began = stage.clock.now();
        assert_eq!(hello(&link).await.unwrap().incarnation, 2);
        let took = stage.clock.now() - began;
        assert!(took >= seconds(10) && took < millis(10_100), "{took:?}");
        let vitals = stage.now().await;
        assert_eq!(vitals.last.as_deref(), Some("failed_start: not started within 10s"));
    });
}

#[test]
fn a_storm_of_deaths_is_parked_tried_again_after_a_minute_and_serves_again() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        let mut killed = 0;
        while stage.vitals.latest().is_none_or(|all| all[0].state != "parked") {
            if link.tell(Say::Poison).is_ok() {
                killed += 1;
            }
            tokio::time::sleep(millis(5)).await;
        }
        let parked_at = stage.clock.now();
        assert!(killed >= 6);
        let vitals = stage.until(|vitals| vitals.state == "parked").await;
        assert_eq!(deaths(&vitals, "panic"), 6);
        assert_eq!(hello(&link).await, Err(AskError::Unavailable));
        stage.until(kernel::Vitals::running).await;
        let waited = stage.clock.now() - parked_at;
        assert!(waited > seconds(59) && waited < seconds(61), "{waited:?}");
        assert_eq!(hello(&link).await.unwrap().incarnation, 7);
    });
}

#[test]
fn a_first_restart_is_immediate_and_the_next_ones_back_off() {
    in_virtual_time(async {
        let (mut stage, link, _journal) = solo(Policy::default());
        let mut pauses = Vec::new();
        for life in 1..=5 {
            hello(&link).await.unwrap();
            let died = stage.clock.now();
            link.tell(Say::Poison).unwrap();
            stage.until(|vitals| vitals.incarnation > life && vitals.running()).await;
            pauses.push(stage.clock.now() - died);
        }
        assert_eq!(pauses[0], Duration::ZERO);
        for (index, most) in [50, 100, 200, 400].into_iter().enumerate() {
            let pause = pauses[index + 1];
            assert!(pause >= millis(most / 2) && pause <= millis(most + 2), "{pauses:?}");
        }
    });
}

#[test]
fn a_child_that_nothing_works_without_ends_the_process_past_its_intensity() {
    in_virtual_time(async {
        let policy = Policy { past: Past::EndProcess, ..Policy::default() };
        let (stage, link, _journal) = solo(policy);
        let killer = actix_rt::spawn({
            let link = link.clone();
            async move {
                loop {
                    let _ = link.tell(Say::Poison);
                    tokio::time::sleep(millis(5)).await;
                }
            }
        });
        let Ended::Escalated { reason } = stage.ended().await else {
            panic!("it was not asked to stop");
        };
        assert_eq!(reason, "solo died too often; the last was panic: poison");
        assert_eq!(hello(&link).await, Err(AskError::Unavailable));
        killer.abort();
    });
}

#[test]
fn boot_is_one_after_another_and_stop_is_the_reverse() {
    in_virtual_time(async {
        let mut journal = Journal::new();
        let mut stage = Stage::virtual_time(|tree| {
            for (name, pause) in [("a", 3), ("b", 2), ("c", 1)] {
                let pen = journal.pen();
                let opening: Opening = Arc::new(move |seat: Seat| {
                    let pen = pen.clone();
                    tokio::spawn(async move {
                        seat.fence.revoked().await;
                        let _ = pen.send((seat.clock.now(), format!("{name} ends")));
                    });
                    async move {
                        tokio::time::sleep(seconds(pause)).await;
                        Ok(())
                    }
                    .boxed()
                });
                tree.add(puppet_that(name, Policy::default(), &journal, opening).1);
            }
        });
        let began = stage.clock.now();
        stage.until_of(2, kernel::Vitals::running).await;
        for (name, at) in [("a", 3), ("b", 5), ("c", 6)] {
            let started = journal.until(&format!("{name} starts 1")).await - began;
            assert!(started >= seconds(at) && started < seconds(at) + millis(50), "{name}: {started:?}");
        }
        assert_eq!(stage.close().await, Ended::Stopped);
        journal.until("a ends").await;
        let ends: Vec<_> = journal.words().into_iter().filter(|line| line.ends_with("ends")).collect();
        assert_eq!(ends, ["c ends", "b ends", "a ends"]);
    });
}

#[test]
fn a_child_that_cannot_start_does_not_keep_those_after_it_from_starting() {
    in_virtual_time(async {
        let journal = Journal::new();
        let fails = Arc::new(AtomicBool::new(true));
        let (_, spec) =
            puppet_that("failing", Policy::default(), &journal, fails_while(&fails, &Arc::default()));
        let (sibling, sibling_spec) = puppet("sibling", Policy::default(), &journal);
        let _stage = Stage::virtual_time(|tree| {
            tree.add(spec);
            tree.add(sibling_spec);
        });
        assert_eq!(hello(&sibling).await.unwrap().incarnation, 1);
    });
}

#[test]
fn who_is_starting_when_the_tree_stops_never_serves() {
    in_virtual_time(async {
        let mut journal = Journal::new();
        let opening: Opening = Arc::new(|_| {
            async {
                tokio::time::sleep(seconds(1)).await;
                Ok(())
            }
            .boxed()
        });
        let (link, spec) = puppet_that("late", Policy::default(), &journal, opening);
        let stage = Stage::virtual_time(|tree| tree.add(spec));
        tokio::time::sleep(millis(500)).await;
        assert_eq!(stage.close().await, Ended::Stopped);
        tokio::time::sleep(seconds(5)).await;
        assert_eq!(hello(&link).await, Err(AskError::Unavailable));
        assert_eq!(journal.count("late starts 1"), 0);
    });
}

#[test]
fn at_whatever_moment_of_its_start_the_tree_stops_nobody_stays() {
    for moment in 0..40 {
        in_virtual_time(async {
            let mut journal = Journal::new();
            let (link, spec) = puppet("brief", Policy::default(), &journal);
            let stage = Stage::virtual_time(|tree| tree.add(spec));
            for _ in 0..moment {
                tokio::task::yield_now().await;
            }
            assert_eq!(stage.close().await, Ended::Stopped);
            tokio::time::sleep(seconds(5)).await;
            assert_eq!(hello(&link).await, Err(AskError::Unavailable), "moment {moment}");
            let (came, gone) = (journal.count("brief starts 1"), journal.count("1: is gone"));
            assert_eq!(came, gone, "moment {moment}");
        });
    }
}
