//! When to try again: doubling from a second to a minute, spread by a seeded jitter so that a fleet does not call in step.
//! Pure: the seed comes from outside.

use contract::Boottime;
use std::time::Duration;

/// The first pause.
const FIRST: Duration = Duration::from_secs(1);

/// The longest pause: short enough that a mended world is noticed within a minute.
const LONGEST: Duration = Duration::from_secs(60);

/// The longest pause before the metadata service is asked again.
const LONGEST_NEARBY: Duration = Duration::from_secs(5);

/// One kind of call, and when it may be made again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Backoff {
    failures: u32,
    not_before: Boottime,
}

impl Backoff {
    /// The call may be made.
    pub(crate) fn open(&self, now: Boottime) -> bool {
        self.not_before <= now
    }

    /// When it may be made again.
    pub(crate) fn not_before(&self) -> Boottime {
        self.not_before
    }

    /// It may be made again then, for no failure.
    pub(crate) fn not_before_at(&mut self, at: Boottime) {
        self.not_before = at;
    }

    /// It failed: the next pause is between half of the doubled one and all of it.
    pub(crate) fn failed(&mut self, now: Boottime, seed: u64) {
        let doubled = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        let spread = scatter(seed ^ u64::from(self.failures)) % 1000;
        let half = doubled / 2;
        self.not_before = now + half + half.mul_f64(f64::from(u32::try_from(spread).unwrap_or(0)) / 1000.0);
    }

    /// The metadata service is a hop away and nobody else's: its return is noticed within seconds.
    pub(crate) fn nearby(&mut self, now: Boottime) {
        self.not_before = self.not_before.min(now + LONGEST_NEARBY);
    }

    /// It worked.
    pub(crate) fn worked(&mut self) {
        *self = Self::default();
    }
}

/// SplitMix64: one well-mixed number per input.
fn scatter(input: u64) -> u64 {
    let mut z = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearby_is_asked_again_within_seconds() {
        let mut backoff = Backoff::default();
        for _ in 0..20 {
            backoff.failed(Duration::ZERO, 7);
            backoff.nearby(Duration::ZERO);
        }
        assert_eq!(backoff.not_before(), LONGEST_NEARBY);
    }

    #[test]
    fn pauses_double_to_a_minute_and_differ_by_seed() {
        let mut backoff = Backoff::default();
        let mut now = Duration::ZERO;
        for doubled in [1, 2, 4, 8, 16, 32, 60, 60] {
            backoff.failed(now, 7);
            let pause = backoff.not_before() - now;
            assert!(pause >= Duration::from_millis(doubled * 500) && pause <= Duration::from_secs(doubled));
            now = backoff.not_before();
        }
        let pause_of = |seed| {
            let mut backoff = Backoff::default();
            backoff.failed(Duration::ZERO, seed);
            backoff.not_before()
        };
        assert_ne!(pause_of(1), pause_of(2));
        backoff.worked();
        assert!(backoff.open(Duration::ZERO));
    }
}
