//! A tree to try things on: in virtual time, or on real threads.

use actix::System;
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{
    AskError, Clock, Ended, Inbox, Link, Policy, Publisher, Seat, Spec, StartError, Strategy, Subscription,
    Tree, TreeConfig, Vitals, link,
};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot};

use crate::puppet::{Answer, Hands, Line, Puppet, Reply, Say};

/// Long enough for anything that is to happen, so that a test that waits in vain ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(600);
/// The same for real time.
pub(crate) const REAL_PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Runs on one paused runtime: time passes only while everybody waits.
pub(crate) fn in_virtual_time<T>(scene: impl Future<Output = T>) -> T {
    System::with_tokio_rt(|| {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    })
    .block_on(async { tokio::time::timeout(seconds(100_000), scene).await })
    .expect("the scene hangs")
}

/// Runs with a thread for each child, and effects on two more.
pub(crate) fn in_real_time<T>(scene: impl AsyncFnOnce(Handle) -> T) -> T {
    let io = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let handle = io.handle().clone();
    let done = System::new()
        .block_on(async { tokio::time::timeout(REAL_PATIENCE, scene(handle)).await })
        .expect("the scene hangs");
    io.shutdown_background();
    done
}

/// What puppets write down.
pub(crate) struct Journal {
    sender: mpsc::UnboundedSender<Line>,
    receiver: mpsc::UnboundedReceiver<Line>,
    pub(crate) lines: Vec<Line>,
}

impl Journal {
    pub(crate) fn new() -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self { sender, receiver, lines: Vec::new() }
    }

    pub(crate) fn pen(&self) -> mpsc::UnboundedSender<Line> {
        self.sender.clone()
    }

    /// All words so far.
    pub(crate) fn words(&mut self) -> Vec<&str> {
        while let Ok(line) = self.receiver.try_recv() {
            self.lines.push(line);
        }
        self.lines.iter().map(|(_, words)| words.as_str()).collect()
    }

    pub(crate) fn count(&mut self, words: &str) -> usize {
        self.words().iter().filter(|line| **line == words).count()
    }

    /// Waits until this is written, and says when it was.
    pub(crate) async fn until(&mut self, words: &str) -> Duration {
        self.words();
        loop {
            if let Some((at, _)) = self.lines.iter().find(|(_, line)| line == words) {
                return *at;
            }
            let line = tokio::time::timeout(PATIENCE, self.receiver.recv()).await;
            match line {
                Ok(Some(line)) => self.lines.push(line),
                _ => panic!("nobody writes {words:?}: {:?}", self.lines),
            }
        }
    }
}

/// A running tree.
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    pub(crate) pulse: Arc<AtomicU64>,
    pub(crate) vitals: Subscription<Vec<Vitals>>,
    stop: oneshot::Sender<()>,
    ended: actix_rt::task::JoinHandle<Ended>,
}

impl Stage {
    pub(crate) fn virtual_time(set: impl FnOnce(&mut Tree)) -> Self {
        Self::seeded(7, set)
    }

    pub(crate) fn seeded(seed: u64, set: impl FnOnce(&mut Tree)) -> Self {
        Self::open(Strategy::OneRuntime, Handle::current(), seed, set)
    }

    pub(crate) fn threads(io: Handle, set: impl FnOnce(&mut Tree)) -> Self {
        Self::open(Strategy::Threads, io, 7, set)
    }

    fn open(strategy: Strategy, io: Handle, seed: u64, set: impl FnOnce(&mut Tree)) -> Self {
        let clock = Clock::new(seconds(1000));
        let (vitals, pulse) = (Publisher::new(), Arc::<AtomicU64>::default());
        let mut tree =
            Tree::new(TreeConfig { strategy, io, clock, seed, vitals: vitals.clone(), pulse: pulse.clone() });
        set(&mut tree);
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = actix_rt::spawn(tree.run(async {
            // A stage that is dropped stops too.
            let _ = stopped.await;
        }));
        Self { clock, pulse, vitals: vitals.subscribe(), stop, ended }
    }

    /// Waits for the vitals to say so; gives back those of the first child.
    pub(crate) async fn until(&mut self, what: impl Fn(&Vitals) -> bool) -> Vitals {
        self.until_of(0, what).await
    }

    pub(crate) async fn until_of(&mut self, child: usize, what: impl Fn(&Vitals) -> bool) -> Vitals {
        let waiting = async {
            loop {
                let all = self.vitals.next().await.expect("the tree is gone");
                if let Some(vitals) = all.get(child).filter(|vitals| what(vitals)) {
                    return vitals.clone();
                }
                assert!(self.vitals.changed().await, "the tree is gone");
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(vitals) => vitals,
            Err(_) => panic!("in vain: {:?}", self.vitals.latest()),
        }
    }

    /// The first child's vitals as the loop sees them at its next turn.
    pub(crate) async fn now(&mut self) -> Vitals {
        tokio::time::sleep(seconds(1)).await;
        self.vitals.latest().unwrap()[0].clone()
    }

    /// Waits for the tree to end by itself.
    pub(crate) async fn ended(self) -> Ended {
        let Self { ended, stop, .. } = self;
        let end = ended.await.unwrap();
        drop(stop);
        end
    }

    /// The tree is dropped where it stands, as a process that is killed.
    pub(crate) async fn kill(self) {
        self.ended.abort();
        assert!(self.ended.await.unwrap_err().is_cancelled());
    }

    pub(crate) async fn close(self) -> Ended {
        let _ = self.stop.send(());
        self.ended.await.unwrap()
    }
}

/// How a puppet's start goes.
pub(crate) type Opening =
    Arc<dyn Fn(Seat) -> BoxFuture<'static, Result<(), StartError>> + Send + Sync + 'static>;

/// A puppet that starts at once.
pub(crate) fn puppet(name: &'static str, policy: Policy, journal: &Journal) -> (Link<Say>, Spec<Puppet>) {
    puppet_that(name, policy, journal, Arc::new(|_| async { Ok(()) }.boxed()))
}

/// A puppet that starts like this.
pub(crate) fn puppet_that(
    name: &'static str,
    policy: Policy,
    journal: &Journal,
    opening: Opening,
) -> (Link<Say>, Spec<Puppet>) {
    let (way, inbox): (Link<Say>, Inbox<Say>) = link(name);
    let pen = journal.pen();
    let spec = Spec::new(name, policy, inbox, move |seat: Seat| {
        let (pen, opening) = (pen.clone(), opening.clone());
        async move {
            opening(seat.clone()).await?;
            let words = format!("{name} starts {}", seat.fence.incarnation());
            let _ = pen.send((seat.clock.now(), words));
            Ok((Puppet::new(seat.fence, pen), Arc::new(Hands) as _))
        }
    });
    (way, spec)
}

/// One puppet, on a stage in virtual time.
pub(crate) fn solo(policy: Policy) -> (Stage, Link<Say>, Journal) {
    let journal = Journal::new();
    let (link, spec) = puppet("solo", policy, &journal);
    (Stage::virtual_time(|tree| tree.add(spec)), link, journal)
}

pub(crate) async fn ask(link: &Link<Say>, make: fn(Reply) -> Say) -> Result<Answer, AskError> {
    link.ask(seconds(30), make).await
}

pub(crate) async fn hello(link: &Link<Say>) -> Result<Answer, AskError> {
    ask(link, Say::Hello).await
}

pub(crate) fn deaths(vitals: &Vitals, label: &str) -> u64 {
    vitals.deaths.iter().find(|(known, _)| *known == label).map_or(0, |(_, count)| *count)
}
