//! The one actor there is: a mailbox around a core. Mail becomes an event, the core plans, the plan's actions run on the I/O
//! runtime, and what comes of them is mail again. Handlers never await, and a panic throws the whole incarnation away.

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture,
    SpawnHandle, WrapFuture,
};
use futures::FutureExt;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::clock::Clock;
use crate::core::{Broken, Core, Event, Performer, Plan};
use crate::fence::Fence;
use crate::link::Envelope;
use crate::verdict::Death;

/// A core that asks to be woken at once, again and again, still lets others speak.
const WAKE_MIN: Duration = Duration::from_millis(1);

/// What a room counts for its vitals.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) in_flight: AtomicU64,
    pub(crate) stale_outcomes: AtomicU64,
}

/// An actor around a core.
pub(crate) struct Room<C: Core> {
    pub(crate) core: C,
    pub(crate) performer: Arc<dyn Performer<C>>,
    pub(crate) fence: Fence,
    pub(crate) clock: Clock,
    pub(crate) io: Handle,
    pub(crate) grace: Duration,
    pub(crate) mailbox: usize,
    pub(crate) counters: Arc<Counters>,
    /// Dropped with the room: how its end is noticed, whatever ended it.
    pub(crate) _alive: oneshot::Sender<()>,
    pub(crate) wake: Option<SpawnHandle>,
}

/// An outcome on its way back.
pub(crate) struct Back<O> {
    incarnation: u64,
    outcome: O,
}

impl<O: Send + 'static> Message for Back<O> {
    type Result = ();
}

/// "Do you still turn?" Answered by a spawned future that yields once, so that a room which floods itself is seen too.
pub(crate) struct Pulse;

impl Message for Pulse {
    type Result = ();
}

impl<C: Core> Actor for Room<C> {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(self.mailbox);
        self.take_step(None, ctx);
    }
}

impl<C: Core> Handler<Envelope<C::Mail>> for Room<C> {
    type Result = ();

    fn handle(&mut self, envelope: Envelope<C::Mail>, ctx: &mut Self::Context) {
        if self.fence.is_over() {
            return;
        }
        envelope.begun.store(true, Ordering::Release);
        self.take_step(Some(Event::Mail(envelope.mail)), ctx);
    }
}

impl<C: Core> Handler<Back<C::Outcome>> for Room<C> {
    type Result = ();

    fn handle(&mut self, back: Back<C::Outcome>, ctx: &mut Self::Context) {
        if self.fence.is_over() || back.incarnation != self.fence.incarnation() {
            self.counters.stale_outcomes.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.take_step(Some(Event::Outcome(back.outcome)), ctx);
    }
}

impl<C: Core> Handler<Pulse> for Room<C> {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Pulse, _: &mut Self::Context) -> Self::Result {
        Box::pin(tokio::task::yield_now().into_actor(self).map(|(), _, _| ()))
    }
}

impl<C: Core> Room<C> {
    /// One turn: the event, the plan, the actions. `None` only plans, for a room that has just begun.
    fn take_step(&mut self, event: Option<Event<C::Mail, C::Outcome>>, ctx: &mut Context<Self>) {
        let now = self.clock.now();
        let turned = catch_unwind(AssertUnwindSafe(|| {
            if let Some(event) = event {
                self.core.apply(event, now);
            }
            let plan = self.core.plan(now);
            self.carry_out(plan, now, ctx)
        }));
        match turned {
            Ok(None) => {}
            Ok(Some(reason)) => self.end(Death::Stopped(reason), ctx),
            Err(panic) => self.end(Death::Panic(words_of(panic.as_ref())), ctx),
        }
    }

    fn end(&mut self, death: Death, ctx: &mut Context<Self>) {
        self.fence.condemn(death);
        ctx.terminate();
    }

    /// Hands the plan's actions on; the reason, if the core gives itself up.
    fn carry_out(&mut self, plan: Plan<C::Action>, now: Duration, ctx: &mut Context<Self>) -> Option<String> {
        for action in plan.actions {
            if self.fence.is_over() {
                return None;
            }
            if let Some(action) = self.performer.perform_now(action) {
                self.spawn_effect(action, ctx);
            }
        }
        if let Some(earlier) = self.wake.take() {
            ctx.cancel_future(earlier);
        }
        if let Some(at) = plan.wake_at {
            let pause = at.saturating_sub(now).max(WAKE_MIN);
            self.wake = Some(ctx.run_later(pause, |room, ctx| {
                room.wake = None;
                room.take_step(Some(Event::Wake), ctx);
            }));
        }
        plan.restart
    }

    fn spawn_effect(&self, action: C::Action, ctx: &mut Context<Self>) {
        let at_most = self.performer.timeout(&action).saturating_add(self.grace);
        let effect = Effect {
            performer: self.performer.clone(),
            action,
            at_most,
            fence: self.fence.clone(),
            counters: self.counters.clone(),
        };
        let room = ctx.address();
        self.counters.in_flight.fetch_add(1, Ordering::Relaxed);
        self.io.spawn(async move {
            let Effect { fence, counters, .. } = &effect;
            let (fence, counters) = (fence.clone(), counters.clone());
            if let Some(Some(outcome)) = fence.within(effect.run()).await {
                let back = Back {
                    incarnation: fence.incarnation(),
                    outcome,
                };
                if room.send(back).await.is_err() {
                    counters.stale_outcomes.fetch_add(1, Ordering::Relaxed);
                }
            }
            counters.in_flight.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

/// One action under way.
struct Effect<C: Core> {
    performer: Arc<dyn Performer<C>>,
    action: C::Action,
    at_most: Duration,
    fence: Fence,
    counters: Arc<Counters>,
}

impl<C: Core> Effect<C> {
    /// Does it. An effect that panics, breaks or never ends condemns its incarnation, which would otherwise wait for an
    /// outcome for ever.
    async fn run(self) -> Option<C::Outcome> {
        let Self {
            performer,
            action,
            at_most,
            fence,
            ..
        } = self;
        let work = AssertUnwindSafe(async move { performer.perform(action).await }).catch_unwind();
        match tokio::time::timeout(at_most, work).await {
            Ok(Ok(Ok(outcome))) => outcome,
            Ok(Ok(Err(Broken { reason }))) => {
                fence.condemn(Death::Broken(reason));
                None
            }
            Ok(Err(panic)) => {
                fence.condemn(Death::Panic(words_of(panic.as_ref())));
                None
            }
            Err(_) => {
                fence.condemn(Death::StalledCall(format!("no outcome within {at_most:?}")));
                None
            }
        }
    }
}

/// What a panic said.
pub(crate) fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    words
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}
