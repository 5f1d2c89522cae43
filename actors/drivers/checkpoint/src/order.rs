//! In which order the two files are replaced, so that a crash between them is harmless. Pure.
//!
//! `ipam.json` is the sole truth for assigned leases, so a lease found in both files is assigned, and our record of it is
//! merely stale. A lease found in *neither* would be lost. Hence the one rule: a lease that moves is written where it
//! arrives before it is dropped where it leaves.
//!
//! - Arriving in `ipam.json` (reserved → assigned): `ipam.json` first. Between: assigned, which is the new truth. Ours may stay
//!   as it is until there is time.
//! - Leaving it (assigned → releasing, or → resting): ours first. Between: still assigned, which is the old truth; the step
//!   that was not answered is done again.
//! - Both in one image: ours first with both kinds in it, then `ipam.json`, then ours without what has arrived there.

use contract::model::Lease;

use crate::contents::Contents;
use crate::own_file::OwnFile;

/// Replace a file with this.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// `ipam.json`, as it shall be at the end.
    Peer,
    /// Ours, as it shall be at the end.
    Own,
    /// Ours, with what leaves `ipam.json` already and what goes there still.
    OwnOverlap(OwnFile),
}

/// The steps from `before`, which is on disk, to `after`, for the files whose content changes.
pub(crate) fn steps(before: &Contents, after: &Contents, peer_changes: bool, own_changes: bool) -> Vec<Step> {
    if !peer_changes {
        return own_changes.then_some(Step::Own).into_iter().collect();
    }
    if !own_changes {
        return vec![Step::Peer];
    }
    let nothing_leaves = before.peer.entries.iter().all(|entry| holds(after, &entry.lease));
    if nothing_leaves {
        return vec![Step::Peer, Step::Own];
    }
    // What stands in both is stale in ours, and safe where it is; what ours keeps it has already.
    let kept = |lease: &Lease| after.own.leases.iter().any(|kept| kept.address == lease.address);
    let arrives = |lease: &&Lease| holds(after, lease) && !holds(before, lease) && !kept(lease);
    let arriving: Vec<_> = before.own.leases.iter().filter(arrives).cloned().collect();
    if arriving.is_empty() {
        return vec![Step::Own, Step::Peer];
    }
    let mut overlap = after.own.clone();
    overlap.leases.extend(arriving);
    overlap.leases.sort_by_key(|lease| lease.address);
    vec![Step::OwnOverlap(overlap), Step::Peer, Step::Own]
}

/// Whether `ipam.json` has this lease.
fn holds(contents: &Contents, lease: &Lease) -> bool {
    let entries = contents.peer.entries.iter();
    entries.map(|entry| &entry.lease).any(|held| held.address == lease.address && held.key == lease.key)
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod tests;
