//! The one owner of the region: a task that takes questions, gives the region the time, and hands its effects to the fabric in
//! the order in which they happened. Knows no HTTP.

use anyhow::{Context, Result};
use region::{Effect, InstanceId, Region};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::fabric_task::FabricHandle;

/// Questions that wait for the region. Each is answered in microseconds; a node makes a handful of calls at once.
const MAIL_MAX: usize = 256;

/// Gives the answer back; called when the fabric has followed.
type Reply = Box<dyn FnOnce() + Send>;
type Question = Box<dyn FnOnce(&mut Desk) -> Reply + Send>;

/// What a question sees: the region, the time, and where effects and violations go.
pub struct Desk {
    /// The region.
    pub region: Region,
    /// Since the region's start.
    pub now: Duration,
    /// Effects of this question, for the fabric.
    pub effects: Vec<Effect>,
    /// Rules of EC2 that were broken, by whoever: any fails the run.
    pub violations: Vec<String>,
}

/// Where nobody listens just now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Doors {
    /// At EC2.
    pub(crate) ec2_refuses: bool,
    /// At the metadata services of these instances.
    pub(crate) imds_refuses: BTreeSet<InstanceId>,
}

/// Asks the region.
#[derive(Debug, Clone)]
pub struct RegionHandle {
    mail: mpsc::Sender<Question>,
    doors: watch::Receiver<Doors>,
}

impl RegionHandle {
    /// Starts the region's task. It ends with its last handle.
    #[must_use]
    pub fn start(region: Region, fabric: FabricHandle) -> (Self, JoinHandle<()>) {
        Self::begin(region, Some(fabric))
    }

    /// Starts the region's task without a VPC: its effects are nobody's. For whoever only speaks HTTP with it.
    #[must_use]
    pub fn start_alone(region: Region) -> (Self, JoinHandle<()>) {
        Self::begin(region, None)
    }

    fn begin(region: Region, fabric: Option<FabricHandle>) -> (Self, JoinHandle<()>) {
        let (mail, inbox) = mpsc::channel(MAIL_MAX);
        let (doors, seen) = watch::channel(Doors::of(&region, Duration::ZERO));
        let task = tokio::spawn(serve(region, inbox, fabric, doors));
        (Self { mail, doors: seen }, task)
    }

    /// Where nobody listens, as it changes.
    pub(crate) fn doors(&self) -> watch::Receiver<Doors> {
        self.doors.clone()
    }

    /// Asks, and waits until the fabric has followed the effects of the answer.
    ///
    /// # Errors
    /// When the region's task is gone.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Desk) -> T + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let question = Box::new(move |desk: &mut Desk| -> Reply {
            let said = question(desk);
            // Whoever asked may be gone; the question was still asked.
            Box::new(move || drop(reply.send(said)))
        });
        self.mail.send(question).await.ok().context("the region is gone")?;
        answer.await.context("the region is gone")
    }
}

async fn serve(
    region: Region,
    mut inbox: mpsc::Receiver<Question>,
    fabric: Option<FabricHandle>,
    doors: watch::Sender<Doors>,
) {
    let begun = Instant::now();
    let mut desk = Desk { region, now: Duration::ZERO, effects: Vec::new(), violations: Vec::new() };
    loop {
        let mut reply: Option<Reply> = None;
        let due = desk.region.next_transition().map(|at| begun + at);
        tokio::select! {
            question = inbox.recv() => {
                let Some(question) = question else { return };
                advance(&mut desk, begun.elapsed());
                reply = Some(question(&mut desk));
            }
            () = sleep_until(due.unwrap_or(begun)), if due.is_some() => advance(&mut desk, begun.elapsed()),
        }
        let now = Doors::of(&desk.region, desk.now);
        doors.send_if_modified(|doors| std::mem::replace(doors, now.clone()) != now);
        let effects = std::mem::take(&mut desk.effects);
        if let Some(fabric) = fabric.as_ref().filter(|_| !effects.is_empty()) {
            // The fabric follows before the answer is given: who looks at the world then sees it as answered.
            fabric.follow(effects).await;
        }
        if let Some(reply) = reply {
            reply();
        }
    }
}

impl Doors {
    fn of(region: &Region, now: Duration) -> Self {
        Self { ec2_refuses: region.ec2_refuses(now), imds_refuses: region.imds_refuses(now) }
    }
}

/// Lets happen what is due.
fn advance(desk: &mut Desk, now: Duration) {
    desk.now = now;
    let effects = desk.region.advance(now);
    desk.effects.extend(effects);
}
