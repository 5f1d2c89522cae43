//! How slow, how stingy and how forbidding the region is. Data only: the defaults are a region that answers at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::throttle::BucketSpec;

/// A delay that never ends: what it delays does not happen by itself.
pub const NEVER_MILLISECONDS: u64 = i64::MAX as u64;

/// The region's settings. Actions are named as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// How long an answer takes, per action; `*` is every action not named. The change itself is made at once.
    pub latency_milliseconds: BTreeMap<String, u64>,
    /// Token buckets, per action. Without one an action is not throttled.
    pub buckets: BTreeMap<String, BucketSpec>,
    /// Actions the caller may not use. `CreateTags` also forbids tags on create.
    pub denied_actions: BTreeSet<String>,
    /// How long a new ENI is unknown to every other call (EC2: about a second, now and then).
    pub create_visible_milliseconds: u64,
    /// From the attach call to the link in the guest.
    pub attach_milliseconds: u64,
    /// From the detach call to the link's end. [`NEVER_MILLISECONDS`]: stuck until forced.
    pub detach_milliseconds: u64,
    /// How far the metadata service is behind.
    pub imds: ImdsLag,
    /// ENIs the account may have.
    pub account_enis_max: u32,
    /// How long role credentials are valid; a new set appears at half of it.
    pub credentials_lifetime_seconds: u64,
    /// Wall time at the region's start, for the texts that carry one.
    pub epoch_unix_seconds: u64,
}

/// How far the metadata service is behind EC2, stage by stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImdsLag {
    /// From the link in the guest to the MAC in the list; its keys are still 404.
    pub listed_milliseconds: u64,
    /// From the link in the guest to readable keys, with the primary address alone.
    pub readable_milliseconds: u64,
    /// From an attach, assign, unassign or change of groups to its being shown.
    pub addresses_milliseconds: u64,
    /// From a detach to its keys being 404.
    pub keys_gone_milliseconds: u64,
    /// From a detach to the MAC leaving the list.
    pub mac_gone_milliseconds: u64,
}

// === impl Knobs ===

impl Default for Knobs {
    fn default() -> Self {
        Self {
            latency_milliseconds: BTreeMap::new(),
            buckets: BTreeMap::new(),
            denied_actions: BTreeSet::new(),
            create_visible_milliseconds: 0,
            attach_milliseconds: 0,
            detach_milliseconds: 0,
            imds: ImdsLag::default(),
            // The quota of a fresh account.
            account_enis_max: 5_000,
            // Role credentials last about six hours.
            credentials_lifetime_seconds: 6 * 3_600,
            // 2026-01-01T00:00:00Z.
            epoch_unix_seconds: 1_767_225_600,
        }
    }
}

impl Knobs {
    pub(crate) fn latency(&self, action: &str) -> Duration {
        let known = self.latency_milliseconds.get(action).or_else(|| self.latency_milliseconds.get("*"));
        Duration::from_millis(known.copied().unwrap_or(0))
    }

    /// Every action that is named somewhere, but for `*`.
    pub(crate) fn actions(&self) -> impl Iterator<Item = &String> {
        let named = self.latency_milliseconds.keys().filter(|name| *name != "*");
        named.chain(self.buckets.keys()).chain(&self.denied_actions)
    }
}

/// `now` and a delay; `None` if it never ends.
pub(crate) fn after(now: Duration, milliseconds: u64) -> Option<Duration> {
    (milliseconds < NEVER_MILLISECONDS).then(|| now.saturating_add(Duration::from_millis(milliseconds)))
}

/// `now` and a delay; the end of time if it never ends.
pub(crate) fn after_or_never(now: Duration, milliseconds: u64) -> Duration {
    after(now, milliseconds).unwrap_or(Duration::MAX)
}
