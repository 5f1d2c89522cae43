//! The supervision tree: its children in order, what they share, and how it ends.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use crate::board::Publisher;
use crate::clock::Clock;
use crate::core::Core;
use crate::nest::{Nest, NestOf};
use crate::order::OrderBook;
use crate::spec::Spec;
use crate::supervisor::Supervisor;
use crate::vitals::Vitals;

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
    orders: Option<OrderBook>,
}

impl Tree {
    /// An empty tree.
    #[must_use]
    pub fn new(config: TreeConfig) -> Self {
        Self { config, nests: Vec::new(), orders: None }
    }

    /// Adds a child: started after those before it, stopped before them.
    pub fn add<C: Core>(&mut self, spec: Spec<C>) {
        self.nests.push(Box::new(NestOf::new(spec)));
    }

    /// From now on its children can be harmed by order.
    pub fn take_orders_from(&mut self, orders: OrderBook) {
        self.orders = Some(orders);
    }

    /// Starts the children one after another, each ready or past its deadline before the next, and supervises them until
    /// `stop` resolves or something escalates. Runs on the thread of an actix system.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> Ended {
        let (news, mut heard) = mpsc::channel(SIGNALS_MAX);
        let clock = self.config.clock;
        let mut supervisor = Supervisor::new(self.config, self.nests, news);
        let mut stop = std::pin::pin!(stop);
        supervisor.begin_next_child();
        let mut due = supervisor.next_due();
        while !supervisor.has_escalated() {
            let pause = due.saturating_sub(clock.now());
            tokio::select! {
                biased;
                () = &mut stop => break,
                Some(news) = heard.recv() => {
                    supervisor.hear(news);
                    // Never later than it was: how late the loop is counts from when it was due.
                    due = due.min(supervisor.next_due());
                }
                () = tokio::time::sleep(pause) => {
                    supervisor.tick(due);
                    due = supervisor.next_due();
                }
                Some(given) = OrderBook::next(self.orders.as_mut()) => supervisor.order(given),
            }
            supervisor.publish();
        }
        supervisor.stop_all().await;
        // Who became ready meanwhile is thrown away like the others.
        while let Ok(news) = heard.try_recv() {
            supervisor.hear(news);
        }
        match supervisor.escalated() {
            Some(reason) => Ended::Escalated { reason },
            None => Ended::Stopped,
        }
    }
}
