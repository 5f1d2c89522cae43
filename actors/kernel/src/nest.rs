//! Where the incarnations of one child live: makes a room of its spec on a thread of its own (or on the one paused runtime),
//! opens the door to it, and closes it again. Which, when and why is decided elsewhere.

use actix::dev::channel::channel;
use actix::{Addr, Arbiter, Context, Recipient};
use futures::FutureExt;
use futures::future::{BoxFuture, LocalBoxFuture};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, oneshot};

use crate::clock::Clock;
use crate::core::{Core, Performer};
use crate::fence::Fence;
use crate::link::{Door, Envelope, Way};
use crate::order::Order;
use crate::room::{Counters, Pulse, Room, Standing, words_of};
use crate::spec::{Policy, Seat, Spec};
use crate::tree::Strategy;
use crate::verdict::Death;
use crate::vitals::Counts;

/// What all children share.
#[derive(Debug, Clone)]
pub(crate) struct House {
    pub(crate) strategy: Strategy,
    pub(crate) io: Handle,
    pub(crate) clock: Clock,
}

/// An incarnation that serves.
pub(crate) struct Seated {
    /// Its thread, if it has one of its own.
    pub(crate) arbiter: Option<Arbiter>,
    /// Resolves when the room is gone.
    pub(crate) ended: oneshot::Receiver<()>,
    /// Asks the room whether it turns; `false` if it is gone.
    pub(crate) pulse: Box<dyn Fn() -> BoxFuture<'static, bool>>,
    /// Has the room do harm; `false` if it is gone.
    pub(crate) order: Box<dyn Fn(Order) -> bool>,
}

/// One child, whatever its core.
pub(crate) trait Nest {
    fn name(&self) -> &'static str;
    fn policy(&self) -> &Policy;
    /// Starts an incarnation, once `earlier` has let go of what it holds. The error is in words.
    fn start(
        &self,
        fence: Fence,
        earlier: Option<Fence>,
        house: House,
    ) -> LocalBoxFuture<'static, Result<Seated, String>>;
    /// Between two lives.
    fn close(&self);
    /// Nobody for a while, or for good.
    fn shut(&self);
    fn counts(&self) -> Counts;
}

/// The nest of one spec.
pub(crate) struct NestOf<C: Core> {
    spec: Arc<Spec<C>>,
    counters: Arc<Counters>,
}

impl<C: Core> NestOf<C> {
    pub(crate) fn new(spec: Spec<C>) -> Self {
        Self { spec: Arc::new(spec), counters: Arc::default() }
    }
}

impl<C: Core> Nest for NestOf<C> {
    fn name(&self) -> &'static str {
        self.spec.name
    }

    fn policy(&self) -> &Policy {
        &self.spec.policy
    }

    fn start(
        &self,
        fence: Fence,
        earlier: Option<Fence>,
        house: House,
    ) -> LocalBoxFuture<'static, Result<Seated, String>> {
        let (spec, counters) = (self.spec.clone(), self.counters.clone());
        async move {
            if let Some(earlier) = earlier
                && !earlier.drained(spec.policy.drain).await
            {
                tracing::warn!(child = spec.name, "an effect of the last incarnation has not ended");
            }
            let (core, performer) = make(&spec, &fence, &house).await?;
            fence.check().map_err(|over| over.to_string())?;
            seat(&spec, core, performer, fence, counters, &house)
        }
        .boxed_local()
    }

    fn close(&self) {
        self.spec.inbox.door.set(Door::Closed);
    }

    fn shut(&self) {
        self.spec.inbox.door.set(Door::Shut);
    }

    fn counts(&self) -> Counts {
        Counts {
            in_flight: self.counters.in_flight.load(Ordering::Relaxed),
            stale_outcomes: self.counters.stale_outcomes.load(Ordering::Relaxed),
            dropped_hints: self.spec.inbox.dropped.load(Ordering::Relaxed),
        }
    }
}

/// Has the spec read its world, on the I/O runtime and within its deadline.
async fn make<C: Core>(
    spec: &Spec<C>,
    fence: &Fence,
    house: &House,
) -> Result<(C, Arc<dyn Performer<C>>), String> {
    let seat = Seat { fence: fence.clone(), clock: house.clock };
    let (start, within) = (spec.start.clone(), fence.clone());
    let mut reading = house.io.spawn(async move { within.within(async { start(seat).await }).await });
    let deadline: Duration = spec.policy.start_deadline;
    match tokio::time::timeout(deadline, &mut reading).await {
        Ok(Ok(Some(Ok(made)))) => Ok(made),
        Ok(Ok(Some(Err(error)))) => Err(error.0),
        Ok(Ok(None)) => Err("revoked while it started".to_owned()),
        Ok(Err(failed)) if failed.is_panic() => Err(format!("panic: {}", words_of(failed.into_panic()))),
        Ok(Err(_)) => Err("the I/O runtime has ended".to_owned()),
        Err(_) => {
            reading.abort();
            Err(format!("not started within {deadline:?}"))
        }
    }
}

/// Puts the core into a room, has the snapshots it follows delivered, and opens the door.
fn seat<C: Core>(
    spec: &Spec<C>,
    core: C,
    performer: Arc<dyn Performer<C>>,
    fence: Fence,
    counters: Arc<Counters>,
    house: &House,
) -> Result<Seated, String> {
    let (alive, ended) = oneshot::channel();
    let room = Room {
        core,
        performer,
        fence: fence.clone(),
        clock: house.clock,
        io: house.io.clone(),
        grace: spec.policy.grace,
        counters,
        _alive: alive,
        wake_at: None,
        timer: None,
        has_thread: house.strategy == Strategy::Threads,
        standing: Standing::default(),
    };
    // Without a bound of actix's: mail takes a slot first, and all else is bounded by what is under way.
    let (sender, receiver) = channel(0);
    let address: Addr<Room<C>> = Addr::new(sender);
    let arbiter = match house.strategy {
        Strategy::Threads => {
            let arbiter = Arbiter::try_new().map_err(|error| format!("no thread for it: {error}"))?;
            // An arbiter that has ended drops the room, which is noticed as its end.
            arbiter.spawn_fn(move || drop(Context::with_receiver(receiver).run(room)));
            Some(arbiter)
        }
        Strategy::OneRuntime => {
            Context::with_receiver(receiver).run(room);
            None
        }
    };
    let mailbox = address.clone().recipient();
    follow(spec, &mailbox, &fence, house);
    let slots = Arc::new(Semaphore::new(spec.policy.mailbox.min(Semaphore::MAX_PERMITS)));
    let way = Way { mailbox, fence, slots };
    spec.inbox.door.set(Door::Open(way));
    let ordered = address.clone();
    let order = move |order| ordered.try_send(order).is_ok();
    let pulse = move || {
        let answer = address.send(Pulse);
        async move { answer.await.is_ok() }.boxed()
    };
    Ok(Seated { arbiter, ended, pulse: Box::new(pulse), order: Box::new(order) })
}

/// Puts the newest snapshots into the mailbox, and keeps delivering newer ones.
fn follow<C: Core>(spec: &Spec<C>, mailbox: &Recipient<Envelope<C::Mail>>, fence: &Fence, house: &House) {
    for follow in &spec.follows {
        let (delivery, within) = (follow(mailbox.clone()), fence.clone());
        let mut delivery = async move {
            let delivered = AssertUnwindSafe(within.within(delivery)).catch_unwind();
            if let Err(panic) = delivered.await {
                within.condemn(Death::Panic(words_of(panic)));
            }
        }
        .boxed();
        // What is there already goes in now, before the door opens to others.
        if (&mut delivery).now_or_never().is_none() {
            house.io.spawn(delivery);
        }
    }
}
