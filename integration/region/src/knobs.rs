//! How slow, how stingy and how forbidding the region is. Data only: the defaults are a region that answers at once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::credentials::CredentialKnobs;
use crate::error::ApiError;
use crate::throttle::BucketSpec;

/// A delay that never ends: what it delays does not happen by itself.
pub const NEVER_MILLISECONDS: u64 = i64::MAX as u64;

/// The region's settings. Actions are named as on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// How long an answer takes, per action; `*` is every action not named. The change itself is made at once.
    pub latency_milliseconds: BTreeMap<String, u64>,
    /// Token buckets, per action, each shared by every caller. Without one an action is not throttled.
    pub buckets: BTreeMap<String, BucketSpec>,
    /// Actions without a bucket of their own have EC2's ([`BucketSpec::aws`]).
    pub aws_buckets: bool,
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
    /// How far the Describe calls are behind. What changes something always judges the truth.
    pub describe: DescribeLag,
    /// ENIs the account may have.
    pub account_enis_max: u32,
    /// How long role credentials are valid; a new set appears at half of it.
    pub credentials_lifetime_seconds: u64,
    /// When there are credentials, and how bad ones are refused.
    pub credentials: CredentialKnobs,
    /// What the pages of Describe calls are like.
    pub pages: PageKnobs,
    /// How EC2 says that a subnet has no room.
    pub no_room: NoRoom,
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
    /// A detached ENI is shown whole until the next attach, detach or change of an address of any other ENI of its instance;
    /// the two times above then count from there.
    pub ghosts_until_next_change: bool,
}

/// How far the Describe calls are behind, per view.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DescribeLag {
    /// DescribeInstances.
    pub instances: ViewLag,
    /// Every other Describe call, as far as it tells of ENIs or tags.
    pub interfaces: ViewLag,
    /// `AvailableIpAddressCount`, and whatever else is told of a subnet.
    pub subnets_milliseconds: u64,
}

/// How far one view is behind, stage by stage.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ViewLag {
    /// Addresses, prefixes, groups and description of an ENI.
    pub addresses_milliseconds: u64,
    /// The attachment of an ENI and the association of a branch, and with them its status.
    pub attachment_milliseconds: u64,
    /// Tags of ENIs and instances.
    pub tags_milliseconds: u64,
    /// How long a deleted ENI is still told of.
    pub deleted_milliseconds: u64,
}

/// What the pages of Describe calls are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PageKnobs {
    /// The first page of a call that asks for pages is empty, and says that there is more.
    pub first_is_empty: bool,
    /// How long a token is good.
    pub token_life_milliseconds: u64,
    /// How a token is refused that is none or has expired.
    pub refusal: PageRefusal,
}

/// EC2's codes for a bad page token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageRefusal {
    /// What EC2 is known to say.
    #[default]
    InvalidPaginationToken,
    /// What it is said to say too.
    InvalidNextToken,
}

/// EC2's two ways to say that a subnet has no room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoRoom {
    /// `InsufficientFreeAddressesInSubnet` and `InsufficientCidrBlocks`.
    #[default]
    OwnCodes,
    /// `InvalidParameterValue` for both, told by its message alone.
    InvalidParameterValue,
}

// === impl Knobs ===

impl Default for Knobs {
    fn default() -> Self {
        Self {
            latency_milliseconds: BTreeMap::new(),
            buckets: BTreeMap::new(),
            aws_buckets: false,
            denied_actions: BTreeSet::new(),
            create_visible_milliseconds: 0,
            attach_milliseconds: 0,
            detach_milliseconds: 0,
            imds: ImdsLag::default(),
            describe: DescribeLag::default(),
            // The quota of a fresh account.
            account_enis_max: 5_000,
            // Role credentials last about six hours.
            credentials_lifetime_seconds: 6 * 3_600,
            credentials: CredentialKnobs::default(),
            pages: PageKnobs::default(),
            no_room: NoRoom::default(),
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

// === impl DescribeLag ===

impl DescribeLag {
    /// The farthest that any view is behind, milliseconds.
    pub(crate) fn longest_milliseconds(&self) -> u64 {
        let views = self.instances.longest_milliseconds().max(self.interfaces.longest_milliseconds());
        views.max(self.subnets_milliseconds)
    }
}

// === impl ViewLag ===

impl ViewLag {
    fn longest_milliseconds(&self) -> u64 {
        let content = self.addresses_milliseconds.max(self.attachment_milliseconds);
        content.max(self.tags_milliseconds).max(self.deleted_milliseconds)
    }
}

// === impl PageKnobs ===

impl Default for PageKnobs {
    fn default() -> Self {
        Self {
            first_is_empty: false,
            // EC2 promises no length; a day is what its other tokens have.
            token_life_milliseconds: 24 * 3_600_000,
            refusal: PageRefusal::default(),
        }
    }
}

// === impl PageRefusal ===

impl PageRefusal {
    pub(crate) fn error(self) -> ApiError {
        let message = "The specified pagination token is not valid or is expired.";
        match self {
            Self::InvalidPaginationToken => ApiError::new("InvalidPaginationToken", message),
            Self::InvalidNextToken => ApiError::new("InvalidNextToken", message),
        }
    }
}

// === impl NoRoom ===

impl NoRoom {
    /// The refusal in this way of saying it.
    pub(crate) fn spelled(self, error: ApiError) -> ApiError {
        let is_about_room =
            ["InsufficientFreeAddressesInSubnet", "InsufficientCidrBlocks"].contains(&error.code.as_str());
        if self == Self::OwnCodes || !is_about_room {
            return error;
        }
        ApiError::invalid_value("There aren't sufficient free Ipv4 addresses or prefixes")
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
