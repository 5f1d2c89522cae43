//! The supervising loop: starts the children in order, hears what becomes of them, and does what the verdicts say. It holds
//! no data of theirs and does none of their work.

use actix::Arbiter;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::board::Publisher;
use crate::clock::Clock;
use crate::core::Core;
use crate::fence::Fence;
use crate::nest::{House, Nest, NestOf, Seated};
use crate::spec::Spec;
use crate::verdict::{Child, Command, Death, Life, Signal, step};
use crate::vitals::Vitals;

/// The loop turns at least this often: its pulse.
const TICK: Duration = Duration::from_millis(500);

/// Lateness of the loop itself that children are not judged by.
const LATE: Duration = Duration::from_millis(250);

/// Threads that were thrown away and do not end. One more, and the process ends: they cannot be killed.
const ZOMBIES_MAX: usize = 2;

/// Signals that may wait; each incarnation sends a handful.
const SIGNALS_MAX: usize = 1024;

/// Where children run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// A thread for each: production.
    Threads,
    /// All on the current runtime, which may be paused: tests in virtual time, and simulation.
    OneRuntime,
}

/// What the tree runs with.
#[derive(Debug, Clone)]
pub struct TreeConfig {
    /// Where children run.
    pub strategy: Strategy,
    /// Where their effects run.
    pub io: Handle,
    /// Time.
    pub clock: Clock,
    /// Spreads backoff; the same seed gives the same pauses.
    pub seed: u64,
    /// Where the vitals go.
    pub vitals: Publisher<Vec<Vitals>>,
    /// Counts the loop's turns, for the watchdog and `/livez`.
    pub pulse: Arc<AtomicU64>,
}

/// Why the tree has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was asked to.
    Stopped,
    /// A child that nothing works without is past its intensity, or too many threads are lost.
    Escalated {
        /// In words.
        reason: String,
    },
}

/// The children, and what is known of them.
pub struct Tree {
    config: TreeConfig,
    nests: Vec<Box<dyn Nest>>,
}

/// What the loop hears.
struct News {
    child: usize,
    incarnation: u64,
    what: What,
}

enum What {
    Ready(Seated),
    Died(Death),
    Heard,
}

/// The running tree.
struct Loop {
    config: TreeConfig,
    nests: Vec<Box<dyn Nest>>,
    children: Vec<Child>,
    fences: Vec<Option<Fence>>,
    seated: Vec<Option<Seated>>,
    news: mpsc::Sender<News>,
    zombies: Arc<AtomicUsize>,
    /// Too many zombies were seen at the last tick too.
    haunted: bool,
    published: Vec<Vitals>,
    dice: u64,
    escalated: Option<String>,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new(config: TreeConfig) -> Self {
        Self {
            config,
            nests: Vec::new(),
        }
    }

    /// Adds a child: started after those before it, stopped before them.
    pub fn add<C: Core>(&mut self, spec: Spec<C>) {
        self.nests.push(Box::new(NestOf::new(spec)));
    }

    /// Starts the children one after another, each ready or past its deadline before the next, and supervises them until
    /// `stop` resolves or something escalates. Runs on the thread of an actix system.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Ended {
        let (news, mut heard) = mpsc::channel(SIGNALS_MAX);
        let mut tree = Loop::new(self, news);
        let mut stop = std::pin::pin!(stop);
        tree.begin_next_child();
        let mut due = tree.next_due();
        while tree.escalated.is_none() {
            let now = tree.config.clock.now();
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(news) = heard.recv() => tree.hear(news),
                () = tokio::time::sleep(due.saturating_sub(now)) => tree.tick(due),
            }
            tree.publish();
            due = due.max(tree.config.clock.now()).min(tree.next_due());
        }
        tree.stop_all().await;
        match tree.escalated.take() {
            Some(reason) => Ended::Escalated { reason },
            None => Ended::Stopped,
        }
    }
}

impl Loop {
    fn new(tree: Tree, news: mpsc::Sender<News>) -> Self {
        let count = tree.nests.len();
        Self {
            dice: tree.config.seed,
            config: tree.config,
            nests: tree.nests,
            children: vec![Child::idle(); count],
            fences: vec![None; count],
            seated: (0..count).map(|_| None).collect(),
            news,
            zombies: Arc::default(),
            haunted: false,
            published: Vec::new(),
            escalated: None,
        }
    }

    fn next_due(&self) -> Duration {
        let now = self.config.clock.now();
        let dues = self
            .nests
            .iter()
            .zip(&self.children)
            .filter_map(|(nest, child)| child.next_due(nest.policy()));
        dues.min().map_or(now + TICK, |due| due.clamp(now, now + TICK))
    }

    fn hear(&mut self, news: News) {
        let News {
            child,
            incarnation,
            what,
        } = news;
        let first = self
            .children
            .get(child)
            .is_some_and(|known| known.incarnation == 1 && incarnation == 1);
        let began = first
            && self
                .children
                .get(child)
                .is_some_and(|known| known.life == Life::Starting);
        match what {
            What::Heard => self.signal(child, Signal::Heard(incarnation)),
            What::Died(death) => self.signal(child, Signal::Died(incarnation, death)),
            What::Ready(seated) => {
                self.signal(child, Signal::Ready(incarnation));
                self.take_in(child, incarnation, seated);
            }
        }
        if began {
            self.begin_next_child();
        }
    }

    /// One that was revoked while it started has nobody to keep its thread.
    fn take_in(&mut self, index: usize, incarnation: u64, seated: Seated) {
        let serves = self.children.get(index).is_some_and(|child| {
            child.incarnation == incarnation && matches!(child.life, Life::Running { .. })
        });
        match (serves, self.seated.get_mut(index), seated.arbiter) {
            (true, Some(place), arbiter) => *place = Some(Seated { arbiter, ..seated }),
            (_, _, Some(arbiter)) => self.throw_away(arbiter),
            (_, _, None) => {}
        }
    }

    /// Boot is sequential: the first that has not begun begins.
    fn begin_next_child(&mut self) {
        if let Some(next) = self.children.iter().position(|child| child.life == Life::Idle) {
            self.signal(next, Signal::Begin);
        }
    }

    fn tick(&mut self, due: Duration) {
        self.config.pulse.fetch_add(1, Ordering::Relaxed);
        let late = self.config.clock.now().saturating_sub(due);
        for child in 0..self.children.len() {
            if late > LATE {
                self.signal(child, Signal::Forgive(late));
            }
            self.signal(child, Signal::Tick);
        }
        let haunted = self.zombies.load(Ordering::Relaxed) > ZOMBIES_MAX;
        if haunted && self.haunted {
            self.escalated = Some("too many threads are lost, and none of them can be ended".to_owned());
        }
        self.haunted = haunted;
    }

    fn signal(&mut self, index: usize, signal: Signal) {
        let jitter = self.roll();
        let now = self.config.clock.now();
        let (Some(child), Some(nest)) = (self.children.get_mut(index), self.nests.get(index)) else {
            return;
        };
        if let Signal::Died(incarnation, death) = &signal
            && *incarnation == child.incarnation
        {
            let (cause, words) = (death.label(), death.words());
            tracing::warn!(child = nest.name(), incarnation, cause, words, "child died");
        }
        let taken = std::mem::replace(child, Child::idle());
        let (next, commands) = step(nest.policy(), taken, signal, now, jitter);
        *child = next;
        for command in commands {
            self.obey(index, command);
        }
    }

    fn obey(&mut self, index: usize, command: Command) {
        match command {
            Command::Start(incarnation) => self.start(index, incarnation),
            Command::Revoke(_) => self.revoke(index),
            Command::AskPulse(incarnation) => self.ask_pulse(index, incarnation),
            Command::EndProcess(words) => {
                let name = self.nests.get(index).map_or("", |nest| nest.name());
                self.escalated = Some(format!("{name} died too often; the last was {words}"));
            }
        }
    }

    fn start(&mut self, index: usize, incarnation: u64) {
        let (Some(nest), Some(place)) = (self.nests.get(index), self.fences.get_mut(index)) else {
            return;
        };
        nest.close();
        let fence = Fence::new(incarnation);
        let earlier = place.replace(fence.clone());
        let house = House {
            strategy: self.config.strategy,
            io: self.config.io.clone(),
            clock: self.config.clock,
        };
        let starting = nest.start(fence.clone(), earlier, house);
        let news = self.news.clone();
        let tell = move |what| {
            let (news, message) = (
                news.clone(),
                News {
                    child: index,
                    incarnation,
                    what,
                },
            );
            // The loop has ended: nobody needs to know.
            async move { news.send(message).await.unwrap_or_default() }
        };
        actix_rt::spawn(async move {
            match starting.await {
                Err(words) => tell(What::Died(Death::FailedStart(words))).await,
                Ok(mut seated) => {
                    let (_keep, gone) = tokio::sync::oneshot::channel();
                    let ended = std::mem::replace(&mut seated.ended, gone);
                    tell(What::Ready(seated)).await;
                    if let Some(death) = obituary(&fence, ended).await {
                        tell(What::Died(death)).await;
                    }
                }
            }
        });
    }

    fn revoke(&mut self, index: usize) {
        if let Some(Some(fence)) = self.fences.get(index) {
            fence.revoke();
        }
        if let (Some(nest), Some(child)) = (self.nests.get(index), self.children.get(index)) {
            match child.life {
                Life::Parked { .. } | Life::Stopped => nest.shut(),
                _ => nest.close(),
            }
        }
        if let Some(seated) = self.seated.get_mut(index).and_then(Option::take)
            && let Some(arbiter) = seated.arbiter
        {
            self.throw_away(arbiter);
        }
    }

    /// A thread that still runs a handler ends when that does; until then it is a zombie, and its fence is revoked.
    fn throw_away(&self, arbiter: Arbiter) {
        arbiter.stop();
        self.zombies.fetch_add(1, Ordering::Relaxed);
        let zombies = self.zombies.clone();
        let joined = std::thread::Builder::new()
            .name("undertaker".into())
            .spawn(move || {
                // A join error is a panic outside every handler: the thread is gone all the same.
                let _ = arbiter.join();
                zombies.fetch_sub(1, Ordering::Relaxed);
            });
        if let Err(error) = joined {
            tracing::error!(%error, "cannot wait for a thread that was thrown away");
        }
    }

    fn ask_pulse(&self, index: usize, incarnation: u64) {
        let Some(Some(seated)) = self.seated.get(index) else {
            return;
        };
        let answer = (seated.pulse)();
        let news = self.news.clone();
        actix_rt::spawn(async move {
            if answer.await {
                let _ = news
                    .send(News {
                        child: index,
                        incarnation,
                        what: What::Heard,
                    })
                    .await;
            }
        });
    }

    fn publish(&mut self) {
        let vitals: Vec<Vitals> = self
            .nests
            .iter()
            .zip(&self.children)
            .map(|(nest, child)| Vitals::of(nest.name(), child, nest.counts()))
            .collect();
        if vitals != self.published {
            self.published.clone_from(&vitals);
            self.config.vitals.publish(vitals);
        }
    }

    /// In reverse order, each with what it holds drained. Nothing outside is torn down: the data plane outlives us.
    async fn stop_all(&mut self) {
        for index in (0..self.nests.len()).rev() {
            self.signal(index, Signal::Stop);
            if let (Some(nest), Some(Some(fence))) = (self.nests.get(index), self.fences.get(index)) {
                nest.shut();
                fence.drained(nest.policy().drain).await;
            }
        }
        self.publish();
    }

    fn roll(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }
}

/// Waits for the end of an incarnation: condemned with a cause, or simply gone. `None`: the loop itself revoked it.
async fn obituary(fence: &Fence, ended: tokio::sync::oneshot::Receiver<()>) -> Option<Death> {
    tokio::select! {
        biased;
        death = fence.verdict() => death,
        _ = ended => match fence.is_over() {
            true => fence.verdict().await,
            false => Some(Death::Stopped("its actor has ended".to_owned())),
        },
    }
}
