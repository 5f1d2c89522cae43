//! What becomes of threads that were thrown away: each is waited for, and counted until it ends. It ends none: nobody can.

use actix::Arbiter;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Threads that were thrown away and do not end. One more, and the process ends: they cannot be killed.
const ZOMBIES_MAX: usize = 2;

/// A thread that is not blocked ends within this, however busy the machine.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// Waits for the threads of dead incarnations.
#[derive(Debug, Default)]
pub(crate) struct Undertaker {
    zombies: Arc<AtomicUsize>,
    too_many_since: Option<Duration>,
}

impl Undertaker {
    /// A thread that still runs a handler ends when that does; until then it is a zombie, and its fence is revoked.
    pub(crate) fn take(&self, arbiter: Arbiter) {
        arbiter.stop();
        self.zombies.fetch_add(1, Ordering::Relaxed);
        let zombies = self.zombies.clone();
        let waiting = std::thread::Builder::new().name("undertaker".into()).spawn(move || {
            // A join error is a panic outside every handler: the thread is gone all the same.
            let _ = arbiter.join();
            zombies.fetch_sub(1, Ordering::Relaxed);
        });
        if let Err(error) = waiting {
            tracing::error!(%error, "cannot wait for a thread that was thrown away: it counts as lost");
        }
    }

    /// More are lost than may be, and for longer than threads take to end. To be asked at every tick.
    pub(crate) fn too_many(&mut self, now: Duration) -> bool {
        if self.zombies.load(Ordering::Relaxed) <= ZOMBIES_MAX {
            self.too_many_since = None;
            return false;
        }
        let since = *self.too_many_since.get_or_insert(now);
        now.saturating_sub(since) >= LAST_BREATH
    }
}
