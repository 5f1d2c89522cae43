//! The one actor there is: a mailbox around a core. Mail becomes an event, the core plans, the plan's actions run on the I/O
//! runtime, and what comes of them is mail again. Handlers never await, and a panic throws the whole incarnation away.

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture,
    SpawnHandle, WrapFuture,
};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::clock::Clock;
use crate::core::{Broken, Core, Event, Performer, Plan};
use crate::fence::Fence;
use crate::link::Envelope;
use crate::verdict::Death;

mod ordered;

pub(crate) use ordered::Standing;

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
    pub(crate) counters: Arc<Counters>,
    /// Dropped with the room: how its end is noticed, whatever ended it.
    pub(crate) _alive: oneshot::Sender<()>,
    /// When the core wants to look again.
    pub(crate) wake_at: Option<Duration>,
    /// The one timer, and when it rings. It may ring early, and is set anew then: a burst of mail that moves `wake_at` on and
    /// on leaves no heap of cancelled timers behind.
    pub(crate) timer: Option<(Duration, SpawnHandle)>,
    /// It is alone on its thread.
    pub(crate) has_thread: bool,
    /// Harm it was ordered to do.
    pub(crate) standing: Standing,
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
        // Where the room has no thread of its own to be thrown away, this is its end.
        let fence = self.fence.clone();
        let over = async move { fence.revoked().await }.into_actor(self);
        ctx.spawn(over.map(|(), _, ctx| ctx.stop()));
        self.take_step(None, Death::Panic, ctx);
    }
}

impl<C: Core> Handler<Envelope<C::Mail>> for Room<C> {
    type Result = ();

    fn handle(&mut self, envelope: Envelope<C::Mail>, ctx: &mut Self::Context) {
        let Envelope { mail, begun, sender, slot } = envelope;
        drop(slot);
        if self.fence.is_over() {
            return;
        }
        begun.store(true, Ordering::Release);
        match self.take_step(Some(Event::Mail(mail)), sender.death(), ctx) {
            Turn::Done => sender.handler_returned(),
            Turn::Panicked => sender.handler_panicked(),
        }
    }
}

impl<C: Core> Handler<Back<C::Outcome>> for Room<C> {
    type Result = ();

    fn handle(&mut self, back: Back<C::Outcome>, ctx: &mut Self::Context) {
        if self.fence.is_over() || back.incarnation != self.fence.incarnation() {
            self.counters.stale_outcomes.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.take_step(Some(Event::Outcome(back.outcome)), Death::Panic, ctx);
    }
}

impl<C: Core> Handler<Pulse> for Room<C> {
    type Result = ResponseActFuture<Self, ()>;

    fn handle(&mut self, _: Pulse, _: &mut Self::Context) -> Self::Result {
        Box::pin(tokio::task::yield_now().into_actor(self).map(|(), _, _| ()))
    }
}

impl<C: Core> Room<C> {
    /// One turn: the event, the plan, the actions. `None` only plans, for a room that has just begun. `by_panic` is what a
    /// panic of this turn is.
    fn take_step(
        &mut self,
        event: Option<Event<C::Mail, C::Outcome>>,
        by_panic: fn(String) -> Death,
        ctx: &mut Context<Self>,
    ) -> Turn {
        if self.fence.is_over() {
            ctx.stop();
            return Turn::Done;
        }
        let now = self.clock.now();
        let turned = catch_unwind(AssertUnwindSafe(|| {
            self.standing.panic_if_ordered();
            if let Some(event) = event {
                self.core.apply(event, now);
            }
            let plan = self.core.plan(now);
            self.carry_out(plan, now, ctx)
        }));
        match turned {
            Ok(None) => {}
            Ok(Some(reason)) => self.end(Death::Stopped(reason), ctx),
            Err(panic) => {
                self.end(by_panic(words_of(panic)), ctx);
                return Turn::Panicked;
            }
        }
        Turn::Done
    }

    /// Stopped, not terminated: a context that is terminated in the turn that cancelled a timer polls itself for ever.
    fn end(&mut self, death: Death, ctx: &mut Context<Self>) {
        self.fence.condemn(death);
        ctx.stop();
    }

    /// Hands the plan's actions on; the reason, if the core gives itself up.
    fn carry_out(&mut self, plan: Plan<C::Action>, now: Duration, ctx: &mut Context<Self>) -> Option<String> {
        for action in plan.actions {
            if self.fence.is_over() {
                return None;
            }
            if let Some(action) = self.performer.perform_now(action) {
                let timeout = self.performer.timeout(&action);
                let (performer, stalls) = (self.performer.clone(), self.standing.effects_stall);
                let effect = async move {
                    let done = performer.perform(action).await;
                    if stalls { std::future::pending().await } else { done }
                };
                self.spawn_effect(effect, timeout, ctx);
            }
        }
        self.wake_at = plan.wake_at;
        self.set_timer(now, ctx);
        plan.restart
    }

    /// Sees to it that the timer rings at `wake_at` or earlier.
    fn set_timer(&mut self, now: Duration, ctx: &mut Context<Self>) {
        let Some(wake_at) = self.wake_at else {
            return;
        };
        let rings_at = wake_at.max(now.saturating_add(WAKE_MIN));
        match self.timer {
            Some((earlier, _)) if earlier <= rings_at => return,
            Some((_, later)) => drop(ctx.cancel_future(later)),
            None => {}
        }
        let timer = ctx.run_later(rings_at.saturating_sub(now), Self::ring);
        self.timer = Some((rings_at, timer));
    }

    fn ring(&mut self, ctx: &mut Context<Self>) {
        self.timer = None;
        let now = self.clock.now();
        if self.wake_at.is_some_and(|at| at <= now) {
            self.wake_at = None;
            self.take_step(Some(Event::Wake), Death::Panic, ctx);
        } else {
            self.set_timer(now, ctx);
        }
    }

    /// Two tasks, so that an effect that blocks its thread and is never polled again is still overdue.
    fn spawn_effect(
        &self,
        effect: impl Future<Output = Result<Option<C::Outcome>, Broken>> + Send + 'static,
        timeout: Duration,
        ctx: &mut Context<Self>,
    ) {
        let at_most = timeout.saturating_add(self.grace);
        let under_way = Arc::new(UnderWay::new(self.counters.clone()));
        let (within, counted) = (self.fence.clone(), under_way.clone());
        let effect = self.io.spawn(async move {
            let _counted = counted;
            within.within(effect).await
        });
        let (room, fence) = (ctx.address(), self.fence.clone());
        self.io.spawn(async move {
            let Some(outcome) = outcome_of(effect, at_most, &fence).await else {
                return;
            };
            let back = Back { incarnation: fence.incarnation(), outcome };
            if room.send(back).await.is_err() {
                let stale = &under_way.counters.stale_outcomes;
                stale.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

/// Waits for an effect. One that panics, breaks or never ends condemns its incarnation, which would otherwise wait for an
/// outcome for ever.
async fn outcome_of<O>(
    effect: JoinHandle<Option<Result<Option<O>, Broken>>>,
    at_most: Duration,
    fence: &Fence,
) -> Option<O> {
    let death = match tokio::time::timeout(at_most, effect).await {
        Ok(Ok(Some(Ok(outcome)))) => return outcome,
        Ok(Ok(Some(Err(Broken { reason })))) => Death::Broken(reason),
        // Its incarnation is over.
        Ok(Ok(None)) => return None,
        Ok(Err(failed)) => match failed.try_into_panic() {
            Ok(panic) => Death::Panic(words_of(panic)),
            // The I/O runtime ends, and with it the process.
            Err(_) => return None,
        },
        Err(_) => Death::StalledCall(format!("no outcome within {at_most:?}")),
    };
    fence.condemn(death);
    None
}

/// How a turn went.
enum Turn {
    Done,
    Panicked,
}

/// Counts an action that is under way, until it is dropped in whatever manner.
struct UnderWay {
    counters: Arc<Counters>,
}

impl UnderWay {
    fn new(counters: Arc<Counters>) -> Self {
        counters.in_flight.fetch_add(1, Ordering::Relaxed);
        Self { counters }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.counters.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a panic said. A payload that is not words is forgotten, not dropped: its drop may panic in its turn.
pub(crate) fn words_of(panic: Box<dyn Any + Send>) -> String {
    let strange = match panic.downcast::<String>() {
        Ok(words) => return *words,
        Err(other) => match other.downcast::<&str>() {
            Ok(words) => return (*words).to_owned(),
            Err(strange) => strange,
        },
    };
    std::mem::forget(strange);
    "a panic without words".to_owned()
}
