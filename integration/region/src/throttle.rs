//! Token buckets per action, in whole micro-tokens, so that nothing is lost to rounding. It knows calls, not callers: whoever
//! calls in the account draws from the same bucket.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::ApiError;

const MICRO: u64 = 1_000_000;

/// A token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketSpec {
    /// Calls it holds when full, which is how it starts.
    pub capacity: u32,
    /// Calls that come back per second.
    pub refill_per_second: u32,
    /// What a call is told that finds it empty.
    #[serde(default)]
    pub code: ThrottleCode,
}

/// The codes under which AWS throttles. EC2 uses the first; clients must know all three.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThrottleCode {
    /// `Request limit exceeded.`
    #[default]
    RequestLimitExceeded,
    /// `Rate exceeded`
    Throttling,
    /// `Request limit exceeded.`, under the name the SDKs also retry.
    #[serde(rename = "EC2ThrottledException")]
    Ec2ThrottledException,
}

/// What is left in a bucket.
#[derive(Debug, Clone, Default)]
pub(crate) struct Level(Option<(u64, Duration)>);

/// What is left in the bucket of each action.
#[derive(Debug, Clone, Default)]
pub(crate) struct Buckets(BTreeMap<String, Level>);

// === impl BucketSpec ===

impl BucketSpec {
    /// A bucket that answers in EC2's usual code.
    #[must_use]
    pub fn new(capacity: u32, refill_per_second: u32) -> Self {
        Self { capacity, refill_per_second, code: ThrottleCode::default() }
    }

    /// EC2's own bucket of an action: 100 and 5/s for assigning and unassigning addresses, 50 and 5/s for other changes, 100 and
    /// 20/s for reading, 50 and 10/s for reading everything without page, filter or id. From the published tables of the EC2
    /// developer guide ("request throttling") as far as they go; an account's real ones may differ.
    #[must_use]
    pub fn aws(action: &str, reads_everything: bool) -> Self {
        if action.starts_with("Describe") {
            return if reads_everything { Self::new(50, 10) } else { Self::new(100, 20) };
        }
        match action {
            "AssignPrivateIpAddresses" | "UnassignPrivateIpAddresses" => Self::new(100, 5),
            _ => Self::new(50, 5),
        }
    }

    pub(crate) fn refusal(self) -> ApiError {
        match self.code {
            ThrottleCode::RequestLimitExceeded => {
                ApiError::throttled("RequestLimitExceeded", "Request limit exceeded.")
            }
            ThrottleCode::Throttling => ApiError::throttled("Throttling", "Rate exceeded"),
            ThrottleCode::Ec2ThrottledException => {
                ApiError::throttled("EC2ThrottledException", "Request limit exceeded.")
            }
        }
    }
}

// === impl Level ===

impl Level {
    /// Takes one token; false if there is none.
    pub(crate) fn take(&mut self, capacity: u32, refill_per_second: u32, now: Duration) -> bool {
        let full = u64::from(capacity) * MICRO;
        let (level, at) = self.0.unwrap_or((full, now));
        let elapsed_micros = u64::try_from(now.saturating_sub(at).as_micros()).unwrap_or(u64::MAX);
        let refill = elapsed_micros.saturating_mul(u64::from(refill_per_second));
        let level = level.saturating_add(refill).min(full);
        let left = level.checked_sub(MICRO);
        self.0 = Some((left.unwrap_or(level), now));
        left.is_some()
    }
}

// === impl Buckets ===

impl Buckets {
    /// Takes one token of a bucket; false if there is none.
    pub(crate) fn take(&mut self, bucket: &str, spec: BucketSpec, now: Duration) -> bool {
        if let Some(level) = self.0.get_mut(bucket) {
            return level.take(spec.capacity, spec.refill_per_second, now);
        }
        self.0.entry(bucket.to_owned()).or_default().take(spec.capacity, spec.refill_per_second, now)
    }
}
