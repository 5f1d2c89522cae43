//! Session tokens of the metadata service: issued for a time, valid for one instance, bounded in number. No secrets: a token is
//! a number that looks like one.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::ids::{InstanceId, mix};

/// The longest life of a token, seconds (the metadata service's own bound).
pub const TOKEN_TTL_SECONDS_MAX: u64 = 21_600;
/// Live tokens kept; beyond it the one that would expire first goes. A client holds one or two.
const TOKENS_MAX: usize = 4_096;

/// The tokens that were issued: instance and expiry by token.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenStore {
    live: BTreeMap<String, (InstanceId, Duration)>,
    issued: u64,
}

impl TokenStore {
    /// A new token; `None` if the time asked for is not one the service gives.
    pub(crate) fn issue(
        &mut self,
        instance: &InstanceId,
        ttl_seconds: Option<u64>,
        now: Duration,
        seed: u64,
    ) -> Option<String> {
        let ttl_seconds = ttl_seconds.filter(|ttl| (1..=TOKEN_TTL_SECONDS_MAX).contains(ttl))?;
        self.live.retain(|_, (_, expires_at)| *expires_at > now);
        if self.live.len() >= TOKENS_MAX {
            let first = self.live.iter().min_by_key(|(_, (_, expires_at))| *expires_at);
            if let Some(token) = first.map(|(token, _)| token.clone()) {
                self.live.remove(&token);
            }
        }
        self.issued += 1;
        let half = mix(seed ^ 0x494d_4453).wrapping_add(self.issued);
        let token = format!("AQAEA{:016x}{:016x}==", mix(half), mix(!half));
        self.live.insert(token.clone(), (instance.clone(), now + Duration::from_secs(ttl_seconds)));
        Some(token)
    }

    pub(crate) fn is_valid(&self, instance: &InstanceId, token: &str, now: Duration) -> bool {
        self.live.get(token).is_some_and(|(owner, expires_at)| owner == instance && now < *expires_at)
    }
}
