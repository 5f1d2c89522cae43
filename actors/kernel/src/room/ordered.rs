//! What a room does when it is ordered to do harm. The harm is done here, where a bad core or performer would do it; what
//! becomes of it is none of this file's business.

use actix::{ActorContext, AsyncContext, Context, Handler, Message, WrapFuture};
use std::time::Duration;

use super::Room;
use crate::core::{Broken, Core};
use crate::order::Order;
use crate::verdict::Death;

/// A thread that is blocked by order looks this often whether it may go on.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Orders that stand until something happens.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    panics_next: bool,
    pub(super) effects_stall: bool,
}

impl Standing {
    #[expect(clippy::panic, reason = "it was ordered to")]
    pub(super) fn panic_if_ordered(&mut self) {
        if self.panics_next {
            panic!("ordered to panic");
        }
    }
}

impl Message for Order {
    type Result = ();
}

/// Mail to oneself.
struct Flood {
    until: Duration,
}

impl Message for Flood {
    type Result = ();
}

impl<C: Core> Handler<Order> for Room<C> {
    type Result = ();

    fn handle(&mut self, order: Order, ctx: &mut Self::Context) {
        if self.fence.is_over() {
            return;
        }
        match order {
            Order::Panic => {
                self.standing.panics_next = true;
                self.take_step(None, Death::Panic, ctx);
            }
            Order::PanicNext => self.standing.panics_next = true,
            Order::Stall(long) => self.stall(long, ctx),
            Order::Flood(long) => {
                let until = self.clock.now().saturating_add(long);
                Handler::<Flood>::handle(self, Flood { until }, ctx);
            }
            Order::StallEffects => self.standing.effects_stall = true,
            Order::Break => {
                let broken = async { Err(Broken { reason: "ordered to break".to_owned() }) };
                self.spawn_effect(broken, Duration::ZERO, ctx);
            }
        }
    }
}

impl<C: Core> Handler<Flood> for Room<C> {
    type Result = ();

    fn handle(&mut self, flood: Flood, ctx: &mut Self::Context) {
        if self.fence.is_over() {
            ctx.stop();
        } else if self.clock.now() < flood.until {
            // It is full for nobody: mail of the kernel itself takes no place.
            let _ = ctx.address().try_send(flood);
        }
    }
}

impl<C: Core> Room<C> {
    #[expect(
        clippy::disallowed_methods,
        reason = "an order to block: really, where there is a thread to block"
    )]
    fn stall(&mut self, long: Duration, ctx: &mut Context<Self>) {
        if self.has_thread {
            let until = self.clock.now().saturating_add(long);
            while !self.fence.is_over() && self.clock.now() < until {
                std::thread::sleep(LOOK_EVERY);
            }
        } else {
            let fence = self.fence.clone();
            let over = async move { drop(tokio::time::timeout(long, fence.revoked()).await) };
            ctx.wait(over.into_actor(self));
        }
    }
}
