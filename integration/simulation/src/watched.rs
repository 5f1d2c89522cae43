//! A room that is watched: the real core and the real hands, with the judge looking on, and dying when it is told to.

use contract::Boottime;
use futures::FutureExt;
use futures::future::{BoxFuture, pending};
use kernel::{Broken, Core, Event, Performer, Plan, Spec};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::judge::Judge;
use crate::script::How;

/// A bug that is planted between a core and its world: mail that is swallowed, effects that outlive their incarnation.
pub(crate) struct Sabotage<C: Core> {
    /// Mail of a later life that never reaches the core; whoever asked waits on.
    pub(crate) swallows: fn(&C::Mail) -> bool,
    /// Actions that are done some time later, whatever has become of the incarnation.
    pub(crate) detaches: fn(&C::Action) -> bool,
}

impl<C: Core> Clone for Sabotage<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: Core> Copy for Sabotage<C> {}

impl<C: Core> Sabotage<C> {
    /// Nothing is planted.
    pub(crate) fn none() -> Self {
        Self { swallows: |_| false, detaches: |_| false }
    }
}

/// A watched core.
pub(crate) struct Watched<C: Core> {
    core: C,
    room: &'static str,
    judge: Judge,
    sabotage: Sabotage<C>,
    /// It is not the first life, and mail may be swallowed.
    later_life: bool,
    swallowed: Vec<C::Mail>,
}

/// Nothing in it is ever pinned.
impl<C: Core> Unpin for Watched<C> {}

/// Its hands.
pub(crate) struct Hands<C: Core> {
    performer: Arc<dyn Performer<C>>,
    room: &'static str,
    judge: Judge,
    sabotage: Sabotage<C>,
    detached: AtomicU64,
}

/// The same child, watched.
pub(crate) fn watched<C: Core>(
    spec: Spec<C>,
    room: &'static str,
    judge: Judge,
    sabotage: Sabotage<C>,
) -> Spec<Watched<C>> {
    let lives = fakes::Shared::new(0_u32);
    spec.dressed(move |core, performer| {
        let later_life = lives.with(|lives| std::mem::replace(lives, *lives + 1) > 0);
        judge.begins(room, later_life);
        let watched =
            Watched { core, room, judge: judge.clone(), sabotage, later_life, swallowed: Vec::new() };
        let hands = Hands { performer, room, judge: judge.clone(), sabotage, detached: AtomicU64::new(0) };
        (watched, Arc::new(hands) as Arc<dyn Performer<_>>)
    })
}

impl<C: Core> Watched<C> {
    fn dies(&self, how: How) {
        if self.judge.obey(self.room, |ordered| ordered == how).is_some() {
            // Unwinds as a panic does, and without its message: it was ordered.
            std::panic::resume_unwind(Box::new("ordered".to_owned()));
        }
    }
}

impl<C: Core> Core for Watched<C> {
    type Mail = C::Mail;
    type Action = C::Action;
    type Outcome = C::Outcome;

    fn apply(&mut self, event: Event<C::Mail, C::Outcome>, now: Boottime) {
        self.dies(How::PanicBefore);
        self.judge.turn_begins(self.room);
        match event {
            Event::Mail(mail) if self.later_life && (self.sabotage.swallows)(&mail) => {
                self.swallowed.push(mail);
            }
            event => self.core.apply(event, now),
        }
        self.dies(How::PanicAfter);
    }

    fn plan(&mut self, now: Boottime) -> Plan<C::Action> {
        self.judge.turn_begins(self.room);
        let mut plan = self.core.plan(now);
        if self.judge.obey(self.room, |how| how == How::GiveUp).is_some() {
            plan.restart = Some("ordered".to_owned());
        }
        self.judge.turn_ended(self.room, self.core.audit());
        plan
    }

    fn audit(&self) -> Vec<String> {
        self.core.audit()
    }
}

/// Of the detached effects each so-many-th is done so much later, by when its incarnation may be over.
const LATE_EVERY: u64 = 4;
const LATE: Duration = Duration::from_secs(3);

impl<C: Core> Performer<Watched<C>> for Hands<C> {
    fn timeout(&self, action: &C::Action) -> Duration {
        self.performer.timeout(action)
    }

    fn perform_now(&self, action: C::Action) -> Option<C::Action> {
        self.performer.perform_now(action)
    }

    fn perform(&self, action: C::Action) -> BoxFuture<'static, Result<Option<C::Outcome>, Broken>> {
        if (self.sabotage.detaches)(&action) {
            let performer = self.performer.clone();
            let number = self.detached.fetch_add(1, Ordering::Relaxed);
            let late = number.checked_rem(LATE_EVERY) == Some(LATE_EVERY - 1);
            let later = tokio::spawn(async move {
                tokio::time::sleep(if late { LATE } else { Duration::ZERO }).await;
                performer.perform(action).await
            });
            return async move { later.await.unwrap_or(Ok(None)) }.boxed();
        }
        match self.judge.obey(self.room, |how| matches!(how, How::Break | How::Stall)) {
            Some(How::Break) => futures::future::ready(Err(Broken { reason: "ordered".to_owned() })).boxed(),
            Some(_) => {
                let done = self.performer.perform(action);
                async move {
                    let _ = done.await;
                    pending().await
                }
                .boxed()
            }
            None => self.performer.perform(action),
        }
    }
}
