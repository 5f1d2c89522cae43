//! One world for every port and for who directs it.

use kernel::Clock;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::weather::{Journey, Part};
use crate::world::World;

#[expect(
    clippy::disallowed_types,
    reason = "ports are shared by contract, and all of them are on one thread: the lock is never waited for"
)]
type Lock<T> = std::sync::Mutex<T>;

/// A thing that everybody on the one thread looks at and changes. Clones are the same thing.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<Lock<T>>);

impl<T> Shared<T> {
    /// Shares it.
    pub fn new(thing: T) -> Self {
        Self(Arc::new(Lock::new(thing)))
    }

    /// Looks at it or changes it. Must not be nested.
    pub fn with<U>(&self, act: impl FnOnce(&mut T) -> U) -> U {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// A world, shared, and its time.
#[derive(Clone)]
pub struct SharedWorld {
    world: Shared<World>,
    clock: Clock,
}

impl SharedWorld {
    /// Shares a world, whose time begins now. Only inside a tokio runtime.
    #[must_use]
    pub fn new(world: World) -> Self {
        Self { world: Shared::new(world), clock: Clock::new(Duration::ZERO) }
    }

    /// Looks at it or changes it. Must not be nested.
    pub fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        self.world.with(act)
    }

    /// Time since the world's beginning.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.clock.now()
    }

    /// Rolls for one call to this part of the world.
    pub(crate) fn journey(&self, part: Part) -> Journey {
        self.with(|world| world.weather.odds(part).journey(world.dice.of(part)))
    }
}
