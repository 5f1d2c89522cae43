//! The time since boot, and which boot: the two stamps of a call. Times of two boots are never compared.

use rustix::time::{ClockId, clock_gettime};

/// Time since boot, suspended time included, nanoseconds.
#[must_use]
pub fn boottime_nanoseconds() -> u64 {
    let now = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let rest = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// The kernel's id of this boot; empty where it cannot be read.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|text| text.trim().to_owned())
        .unwrap_or_default()
}
