//! The watchdog: fires when the pulse stops, not before, and not when all is over.

use kernel::watch_over;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use crate::stage::{REAL_PATIENCE, millis};

#[test]
fn the_watchdog_fires_when_the_pulse_stops_and_not_before() {
    let pulse = Arc::<AtomicU64>::default();
    let (say, dead) = mpsc::channel();
    let limit = millis(800);
    let guard = watch_over(pulse.clone(), limit, move || say.send(()).unwrap()).unwrap();
    for _ in 0..80 {
        pulse.fetch_add(1, Ordering::Relaxed);
        // Unparked for no reason, it must not count faster.
        guard.thread().unpark();
        let early = dead.recv_timeout(millis(20));
        assert_eq!(early, Err(mpsc::RecvTimeoutError::Timeout), "the pulse goes on");
    }
    let stopped = tokio::time::Instant::now();
    for _ in 0..40 {
        guard.thread().unpark();
        let early = dead.recv_timeout(millis(5));
        assert_eq!(early, Err(mpsc::RecvTimeoutError::Timeout), "it counts wake-ups");
    }
    dead.recv_timeout(REAL_PATIENCE).unwrap();
    assert!(stopped.elapsed() >= limit - limit / 8, "{:?}", stopped.elapsed());
    guard.join().unwrap();
}

#[test]
fn the_watchdog_goes_home_when_the_pulse_says_it_is_over() {
    let pulse = Arc::<AtomicU64>::default();
    let (say, dead) = mpsc::channel();
    let guard = watch_over(pulse.clone(), REAL_PATIENCE * 100, move || say.send(()).unwrap()).unwrap();
    pulse.store(u64::MAX, Ordering::Relaxed);
    guard.thread().unpark();
    guard.join().unwrap();
    assert_eq!(dead.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}
