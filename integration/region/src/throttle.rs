//! Token buckets per action, in whole micro-tokens, so that nothing is lost to rounding. It knows calls, not callers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

const MICRO: u64 = 1_000_000;

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSpec {
    /// Calls it holds when full, which is how it starts.
    pub capacity: u32,
    /// Calls that come back per second.
    pub refill_per_second: u32,
}

#[derive(Debug, Clone)]
struct Level {
    micro_tokens: u64,
    at: Duration,
}

/// What is left in each bucket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buckets(BTreeMap<String, Level>);

impl Buckets {
    /// Takes one token; false if there is none.
    pub(crate) fn take(&mut self, action: &str, spec: BucketSpec, now: Duration) -> bool {
        let full = u64::from(spec.capacity) * MICRO;
        let level = self.0.entry(action.to_owned()).or_insert(Level { micro_tokens: full, at: now });
        let elapsed_micros = u64::try_from(now.saturating_sub(level.at).as_micros()).unwrap_or(u64::MAX);
        let refill = elapsed_micros.saturating_mul(u64::from(spec.refill_per_second));
        level.micro_tokens = level.micro_tokens.saturating_add(refill).min(full);
        level.at = now;
        if level.micro_tokens < MICRO {
            return false;
        }
        level.micro_tokens -= MICRO;
        true
    }
}
