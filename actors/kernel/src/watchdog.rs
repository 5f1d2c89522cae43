//! Who watches the kernel: a plain thread that knows nothing but a number which must change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use tokio::time::Instant;

/// Looks in a limit: the finer, the less late. Looks are counted, not time, so that a process that was itself suspended is not
/// taken for a dead kernel.
const LOOKS: u32 = 8;

/// Starts a thread that calls `on_dead` once `pulse` has not changed for `limit`, at most an eighth of it late, and then ends.
/// It also ends, without a call, soon after `pulse` was set to `u64::MAX`: at once if its thread is unparked then.
///
/// # Errors
/// When the thread cannot be started.
pub fn watch_over(
    pulse: Arc<AtomicU64>,
    limit: Duration,
    on_dead: impl FnOnce() + Send + 'static,
) -> std::io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name("watchdog".into()).spawn(move || {
        let (mut last, mut quiet) = (pulse.load(Ordering::Relaxed), 0);
        while quiet < LOOKS {
            let Some(seen) = look_after(limit / LOOKS, &pulse) else {
                return;
            };
            quiet = if seen == last { quiet + 1 } else { 0 };
            last = seen;
        }
        on_dead();
    })
}

/// The pulse after a pause; `None` as soon as it is seen to be the end. Parking may end early, for no reason at all.
fn look_after(pause: Duration, pulse: &AtomicU64) -> Option<u64> {
    let began = Instant::now();
    loop {
        let seen = pulse.load(Ordering::Relaxed);
        let left = pause.saturating_sub(began.elapsed());
        if seen == u64::MAX {
            return None;
        }
        if left.is_zero() {
            return Some(seen);
        }
        thread::park_timeout(left);
    }
}
