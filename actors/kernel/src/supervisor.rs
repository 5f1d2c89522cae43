//! The supervising loop's turns: hears what becomes of the children, and does what the verdicts say. It holds no data of theirs
//! and does none of their work.

use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

use crate::fence::Fence;
use crate::nest::{House, Nest, Seated};
use crate::order::{Given, Order, OrderError};
use crate::tree::{Strategy, TreeConfig};
use crate::undertaker::Undertaker;
use crate::verdict::{Child, Command, Death, Life, Signal, step};
use crate::vitals::Vitals;

/// The loop turns at least this often: its pulse.
const TICK: Duration = Duration::from_millis(500);

/// Lateness of the loop itself that children are not judged by.
const LATE: Duration = Duration::from_millis(250);

/// What the loop hears.
pub(crate) struct News {
    child: usize,
    incarnation: u64,
    what: What,
}

enum What {
    Ready(Seated),
    Died(Death),
    Heard,
}

/// All that is known of the running children.
pub(crate) struct Supervisor {
    config: TreeConfig,
    nests: Vec<Box<dyn Nest>>,
    children: Vec<Child>,
    fences: Vec<Option<Fence>>,
    seated: Vec<Option<Seated>>,
    news: mpsc::Sender<News>,
    undertaker: Undertaker,
    published: Vec<Vitals>,
    dice: u64,
    escalated: Option<String>,
}

impl Supervisor {
    pub(crate) fn new(config: TreeConfig, nests: Vec<Box<dyn Nest>>, news: mpsc::Sender<News>) -> Self {
        let count = nests.len();
        Self {
            dice: config.seed,
            config,
            nests,
            children: vec![Child::idle(); count],
            fences: vec![None; count],
            seated: (0..count).map(|_| None).collect(),
            news,
            undertaker: Undertaker::default(),
            published: Vec::new(),
            escalated: None,
        }
    }

    pub(crate) fn has_escalated(&self) -> bool {
        self.escalated.is_some()
    }

    pub(crate) fn escalated(&mut self) -> Option<String> {
        self.escalated.take()
    }

    /// When to tick next: now at the earliest, and a tick's length from now at the latest.
    pub(crate) fn next_due(&self) -> Duration {
        let now = self.config.clock.now();
        let dues =
            self.nests.iter().zip(&self.children).filter_map(|(nest, child)| child.next_due(nest.policy()));
        dues.min().map_or(now + TICK, |due| due.clamp(now, now + TICK))
    }

    pub(crate) fn hear(&mut self, news: News) {
        let News { child, incarnation, what } = news;
        let began = incarnation == 1
            && self
                .children
                .get(child)
                .is_some_and(|known| known.incarnation == 1 && known.life == Life::Starting);
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
            (_, _, Some(arbiter)) => self.undertaker.take(arbiter),
            (_, _, None) => {}
        }
    }

    /// Boot is sequential: the first that has not begun begins.
    pub(crate) fn begin_next_child(&mut self) {
        if let Some(next) = self.children.iter().position(|child| child.life == Life::Idle) {
            self.signal(next, Signal::Begin);
        }
    }

    /// Looks at every child; it was `due` then.
    pub(crate) fn tick(&mut self, due: Duration) {
        self.config.pulse.fetch_add(1, Ordering::Relaxed);
        let late = self.config.clock.now().saturating_sub(due);
        for child in 0..self.children.len() {
            if late > LATE {
                self.signal(child, Signal::Forgive(late));
            }
            self.signal(child, Signal::Tick);
        }
        if self.undertaker.too_many(self.config.clock.now()) {
            self.escalated = Some("too many threads are lost, and none of them can be ended".to_owned());
        }
    }

    fn signal(&mut self, index: usize, signal: Signal) {
        let jitter = self.roll();
        let now = self.config.clock.now();
        let (Some(child), Some(nest)) = (self.children.get_mut(index), self.nests.get(index)) else {
            return;
        };
        let taken = std::mem::replace(child, Child::idle());
        let asked_to_stop = signal == Signal::Stop;
        let (next, commands) = step(nest.policy(), taken, signal, now, jitter);
        *child = next;
        if commands.iter().any(|command| matches!(command, Command::Revoke(_))) && !asked_to_stop {
            lament(nest.name(), child);
        }
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
        let house =
            House { strategy: self.config.strategy, io: self.config.io.clone(), clock: self.config.clock };
        let starting = nest.start(fence.clone(), earlier, house);
        let news = self.news.clone();
        let tell = move |what| {
            let (news, message) = (news.clone(), News { child: index, incarnation, what });
            // The loop has ended: nobody needs to know.
            async move { news.send(message).await.unwrap_or_default() }
        };
        actix_rt::spawn(async move {
            match starting.await {
                Err(words) => tell(What::Died(Death::FailedStart(words))).await,
                Ok(mut seated) => {
                    let (_keep, gone) = oneshot::channel();
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
            self.undertaker.take(arbiter);
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
                let _ = news.send(News { child: index, incarnation, what: What::Heard }).await;
            }
        });
    }

    /// Has a child do harm, and says whether the order is in its mailbox: one that dies meanwhile does not follow it.
    pub(crate) fn order(&self, given: Given) {
        // Whoever gave it may have gone.
        let _ = given.answer.send(self.pass_on(given.child, given.order));
    }

    fn pass_on(&self, child: String, order: Order) -> Result<(), OrderError> {
        let Some(index) = self.nests.iter().position(|nest| nest.name() == child) else {
            let known = self.nests.iter().map(|nest| nest.name()).collect();
            return Err(OrderError::UnknownChild { child, known });
        };
        if matches!(order, Order::Flood(_)) && self.config.strategy == Strategy::OneRuntime {
            return Err(OrderError::NeedsThread);
        }
        match self.seated.get(index) {
            Some(Some(seated)) if (seated.order)(order) => Ok(()),
            _ => {
                let child = self.nests.get(index).map_or("", |nest| nest.name());
                let state = self.published.get(index).map_or("idle", |vitals| vitals.state);
                // Its death has not been heard of yet.
                let state = if state == "running" { "dying" } else { state };
                Err(OrderError::NotRunning { child, state })
            }
        }
    }

    pub(crate) fn publish(&mut self) {
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
    pub(crate) async fn stop_all(&mut self) {
        for index in (0..self.nests.len()).rev() {
            self.signal(index, Signal::Stop);
            if let (Some(nest), Some(Some(fence))) = (self.nests.get(index), self.fences.get(index)) {
                nest.shut();
                let mut draining = std::pin::pin!(fence.drained(nest.policy().drain));
                // The loop still turns: whoever watches its pulse is to see that.
                while tokio::time::timeout(TICK, &mut draining).await.is_err() {
                    self.config.pulse.fetch_add(1, Ordering::Relaxed);
                }
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

/// A loop that is dropped instead of ended takes every child along at once, as the end of a process does: nothing of them starts
/// any more, and nobody waits for them.
impl Drop for Supervisor {
    fn drop(&mut self) {
        for (fence, nest) in self.fences.iter().zip(&self.nests) {
            if let Some(fence) = fence {
                fence.revoke();
            }
            nest.shut();
        }
        for arbiter in self.seated.drain(..).flatten().filter_map(|seated| seated.arbiter) {
            arbiter.stop();
        }
    }
}

/// Says that a child died, and what follows.
fn lament(name: &str, child: &Child) {
    let Some(death) = &child.last else {
        return;
    };
    let (incarnation, cause, words) = (child.incarnation, death.label(), death.words());
    match child.life {
        Life::Parked { .. } => {
            tracing::error!(child = name, incarnation, cause, words, "child died too often: parked")
        }
        _ => tracing::warn!(child = name, incarnation, cause, words, "child died"),
    }
}

/// Waits for the end of an incarnation: condemned with a cause, or simply gone. `None`: the loop itself revoked it.
async fn obituary(fence: &Fence, ended: oneshot::Receiver<()>) -> Option<Death> {
    tokio::select! {
        biased;
        death = fence.verdict() => death,
        _ = ended => match fence.is_over() {
            true => fence.verdict().await,
            false => Some(Death::Stopped("its actor has ended".to_owned())),
        },
    }
}
