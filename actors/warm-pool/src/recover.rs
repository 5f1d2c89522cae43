//! The state of WarmPool from what is local: the checkpoint and the kernel. Pure. Use is what the kernel says: a lease whose
//! address no link carries is released, an address that some link carries without a lease is pinned.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{EniView, Lease, LeasePhase, Leaving};
use contract::ports::checkpoint::Loaded;
use contract::ports::host::HostSnapshot;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::disk::Disk;
use crate::leaving::Departures;
use crate::line::Line;
use crate::state::{Held, Pool, PoolConfig};
use crate::usage::Usage;
use contract::model::TableId;

/// What is known at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What was on disk.
    pub loaded: Loaded,
    /// What the kernel shows; complete.
    pub host: HostSnapshot,
    /// Now.
    pub now: Boottime,
}

/// The pool as these facts make it, and what was noticed, in words.
#[must_use]
pub fn recover(config: PoolConfig, facts: Facts) -> (Pool, Vec<String>) {
    let Facts { loaded, host, now } = facts;
    let used = in_use(&host);
    let mut notes: Vec<String> = loaded
        .set_aside
        .iter()
        .map(|(path, why)| format!("{} was set aside: {why}", path.display()))
        .collect();
    let mut pool = empty(config);
    let mut image = loaded.image;
    image.leases.sort_by_key(|lease| (lease.phase != LeasePhase::Assigned, lease.address));
    for lease in image.leases {
        if pool.taken.contains(&lease.address) || pool.leases.contains_key(&lease.key) {
            notes.push(format!("a second record for {} at {} was dropped", lease.key, lease.address));
            continue;
        }
        let gone = used.as_ref().is_some_and(|used| !used.contains_key(&lease.address));
        if gone && lease.phase == LeasePhase::Assigned {
            notes.push(format!("{} ({}) is gone: no link carries it", lease.address, lease.pod));
        }
        pool.taken.insert(lease.address);
        pool.leases.insert(lease.key.clone(), held(&pool.config, lease, gone, now));
    }
    for resting in image.cooling {
        let until = resting.until.min(now + pool.config.cooldown);
        if until > now && !pool.taken.contains(&resting.address) {
            pool.cooling.insert(resting.address, until);
        }
    }
    for (address, ifindex) in used.into_iter().flatten() {
        if !pool.taken.contains(&address) {
            notes.push(Cause::UnexplainedUse { address, ifindex }.to_string());
            pool.pinned.insert(address, ifindex);
        }
    }
    pool.usage.recheck_pins_at = now;
    let (leaving, held): (Vec<_>, Vec<_>) =
        image.leaving.into_iter().partition(|leaving| nobody_has(&pool, leaving));
    notes.extend(
        held.iter().map(|leaving| format!("{} does not leave: something on it is in use", leaving.eni)),
    );
    // What was read need not be what is on disk now: the first write says it whole.
    pool.disk.revision = u64::from(!notes.is_empty() || !leaving.is_empty());
    pool.departures = Departures::resumed(leaving, pool.disk.revision, now);
    (pool, notes)
}

/// What leaves was nobody's when it was written down; a lease or the kernel that says otherwise is believed.
fn nobody_has(pool: &Pool, leaving: &Leaving) -> bool {
    let has = |address: &Ipv4Addr| pool.taken.contains(address) || pool.pinned.contains_key(address);
    !leaving.addresses.iter().any(has)
}

/// A lease comes back as it was; one that nobody works on any more is undone, and one whose pod is gone is released.
fn held(config: &PoolConfig, mut lease: Lease, gone: bool, now: Boottime) -> Held {
    let mut undo_at = None;
    match lease.phase {
        LeasePhase::Assigned if gone => lease.phase = LeasePhase::Releasing,
        LeasePhase::Reserved | LeasePhase::Wired => undo_at = Some(now + config.undo_after_restart),
        LeasePhase::Assigned | LeasePhase::Releasing => {}
    }
    let mut held = Held::new(lease, None, 0);
    held.undo_at = undo_at;
    held.unwire_at = now;
    held
}

/// Addresses that links to other namespaces carry; `None` if the kernel was not read whole. Where the kernel does not tell
/// what is behind a link, a host route to it counts as use.
pub(crate) fn in_use(host: &HostSnapshot) -> Option<BTreeMap<Ipv4Addr, u32>> {
    if !host.complete {
        return None;
    }
    let mut used = BTreeMap::new();
    for link in host.links.iter().filter(|link| link.veth_to_elsewhere) {
        match &link.behind {
            Some(addresses) => used.extend(addresses.iter().map(|address| (*address, link.ifindex))),
            None => used.extend(
                host.routes
                    .iter()
                    .filter(|route| route.table == TableId::MAIN && route.prefix_length == 32)
                    .filter(|route| route.via.is_none() && route.ifindex == link.ifindex)
                    .map(|route| (route.to, link.ifindex)),
            ),
        }
    }
    Some(used)
}

fn empty(config: PoolConfig) -> Pool {
    Pool {
        config,
        enis: EniView::unknown(),
        leases: BTreeMap::new(),
        taken: BTreeSet::new(),
        cooling: BTreeMap::new(),
        last_of: BTreeMap::new(),
        strays: BTreeSet::new(),
        pinned: BTreeMap::new(),
        usage: Usage::default(),
        departures: Departures::default(),
        line: Line::default(),
        disk: Disk::default(),
        ready: Vec::new(),
        published: None,
        demanded: None,
        gather_until: None,
    }
}
