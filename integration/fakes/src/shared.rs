//! One world for every port and for who directs it.

use kernel::Clock;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::weather::{Journey, Odds, Weather};
use crate::world::World;

#[expect(
    clippy::disallowed_types,
    reason = "ports are shared by contract, and all of them are on one thread: the lock is never waited for"
)]
type Lock<T> = std::sync::Mutex<T>;

/// A world, shared. Clones are the same world.
#[derive(Clone)]
pub struct SharedWorld {
    world: Arc<Lock<World>>,
    clock: Clock,
}

impl SharedWorld {
    /// Shares a world, whose time begins now. Only inside a tokio runtime.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world: Arc::new(Lock::new(world)), clock: Clock::new(Duration::ZERO) }
    }

    /// Looks at it or changes it. Must not be nested.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Time since the world's beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Rolls for one call.
    pub(crate) fn journey(&self, of: impl FnOnce(&Weather) -> Odds) -> Journey {
        self.with(|world| {
            let odds = of(&world.weather);
            odds.journey(&mut world.dice)
        })
    }
}
