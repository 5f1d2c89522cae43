//! Who watches the kernel: a plain thread that knows nothing but a number which must change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Starts a thread that calls `on_dead` once `pulse` has not changed for `limit`, and ends then; or as soon as the thread that
/// holds the returned handle unparks it after `pulse` was set to `u64::MAX`.
///
/// # Errors
/// When the thread cannot be started.
pub fn watch_over(
    pulse: Arc<AtomicU64>,
    limit: Duration,
    on_dead: impl FnOnce() + Send + 'static,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("watchdog".into()).spawn(move || {
        /// Looks in a limit: the finer, the less late.
        const LOOKS: u32 = 8;
        let (mut last, mut quiet) = (pulse.load(Ordering::Relaxed), 0);
        while quiet < LOOKS {
            thread::park_timeout(limit / LOOKS);
            let seen = pulse.load(Ordering::Relaxed);
            if seen == u64::MAX {
                return;
            }
            quiet = if seen == last { quiet + 1 } else { 0 };
            last = seen;
        }
        on_dead();
    })
}
