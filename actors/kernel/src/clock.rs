//! Time since boot, for everybody. It follows tokio's clock, so that a paused runtime owns time.

use std::time::Duration;
use tokio::time::Instant;

/// A clock: time since boot at its making, and what has passed since.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
    boottime_at_origin: Duration,
}

impl Clock {
    /// A clock that reads `boottime` now. Only inside a tokio runtime.
    #[must_use]
    pub fn new(boottime: Duration) -> Self {
        Self { origin: Instant::now(), boottime_at_origin: boottime }
    }

    /// Time since boot.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.boottime_at_origin.saturating_add(self.origin.elapsed())
    }
}
