//! A lease: an address on its way to a pod, held by it, or resting after it.

use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

use super::{AttachmentKey, Pod};
use crate::Boottime;

/// How far an ADD has come. What is promised to somebody else is durable before: the address before the plan goes out, the
/// assignment before the result does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LeasePhase {
    /// The address is promised to this attachment; the pod may or may not carry it.
    Reserved,
    /// The pod carries it, and the host side stands.
    Wired,
    /// The runtime has, or will have, the result.
    Assigned,
    /// DEL (or undo) takes the host side down.
    Releasing,
}

/// One address held for one attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose.
    pub key: AttachmentKey,
    /// The pod, for names and for telling humans.
    pub pod: Pod,
    /// The address.
    pub address: Ipv4Addr,
    /// How far.
    pub phase: LeasePhase,
    /// Wall time of the reservation, nanoseconds since 1970, as the checkpoint's schema has it. 0 where unknown.
    pub allocated_unix_nanoseconds: i64,
}

/// How many addresses are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolCounts {
    /// Secondary addresses on attached ENIs.
    pub total: u32,
    /// Leases in any phase.
    pub leased: u32,
    /// Resting after use.
    pub cooling: u32,
    /// The kernel shows them in use by nobody we know: never handed out.
    pub pinned: u32,
    /// Being given back to EC2: never handed out.
    pub leaving: u32,
    /// Can be handed out at once.
    pub free: u32,
    /// ADDs in the waiting line.
    pub waiting: u32,
    /// How many the ENIs should carry, by the warm targets and for those who wait.
    pub wanted: u32,
}

/// The leases of this node; published whole by WarmPool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseView {
    /// Every lease, by address.
    pub leases: Vec<Lease>,
    /// The same in numbers.
    pub counts: PoolCounts,
    /// When the oldest waiting ADD arrived.
    pub waiting_since: Option<Boottime>,
    /// Why nobody is served, while somebody waits.
    pub waiting_for: Option<crate::causes::Cause>,
    /// The last checkpoint write failed, and why.
    pub checkpoint_trouble: Option<crate::causes::Cause>,
}
