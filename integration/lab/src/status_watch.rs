//! STATUS as kubelet has it asked: again and again, whatever happens on the node meanwhile. One failure is a node that is not
//! ready, so each is kept.

use anyhow::{Context, Result, bail};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::cni::Place;

/// Enough to see why.
const FAILURES_MAX: usize = 10;

/// What came of it so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Told {
    /// How often it was asked.
    pub(crate) asked: u64,
    /// How often it failed.
    pub(crate) failed: u64,
    /// The first failures, each with its number.
    pub(crate) failures: Vec<String>,
    /// The slowest, plugins and entering the node together.
    pub(crate) slowest: Duration,
}

/// Asks until it is dropped.
#[derive(Debug)]
pub(crate) struct StatusWatch {
    asking: JoinHandle<()>,
    told: watch::Receiver<Told>,
}

impl StatusWatch {
    /// Begins to ask.
    pub(crate) fn start(place: Place, interval: Duration) -> Self {
        let (pen, told) = watch::channel(Told::default());
        let asking = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let answer = place.status().await;
                pen.send_modify(|told| note(told, answer));
            }
        });
        Self { asking, told }
    }

    /// Ends it once it has asked this often.
    ///
    /// # Errors
    /// When it stopped asking by itself.
    pub(crate) async fn stop(mut self, asked_min: u64) -> Result<Told> {
        let told = self.told.wait_for(|told| told.asked >= asked_min).await;
        Ok(told.context("nobody asks any more")?.clone())
    }
}

impl Drop for StatusWatch {
    fn drop(&mut self) {
        self.asking.abort();
    }
}

fn note(told: &mut Told, answer: Result<crate::cni::Chained>) {
    told.asked += 1;
    let failure = answer.and_then(|chained| {
        told.slowest = told.slowest.max(chained.execution().took);
        if chained.plugins.is_empty() {
            bail!("no plugin was asked: the list's version has no STATUS");
        }
        if chained.succeeded() { Ok(()) } else { bail!(chained.errors.join("; ")) }
    });
    if let Err(error) = failure {
        told.failed += 1;
        if told.failures.len() < FAILURES_MAX {
            told.failures.push(format!("{}: {error:#}", told.asked));
        }
    }
}
