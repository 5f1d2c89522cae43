//! Both files by meaning, and what they say together: an image split over them, and put together again. Pure.

use contract::model::{Lease, LeasePhase};
use contract::ports::checkpoint::CheckpointImage;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::own_file::{OwnFile, PodUid, longest_rest};
use crate::peer_file::{PeerEntry, PeerFile};

/// Both files.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Contents {
    pub(crate) peer: PeerFile,
    pub(crate) own: OwnFile,
}

/// Splits an image over the files. What `before` knew of an entry beyond the lease is kept. An image that could not be read
/// back as it is, is refused, in words.
pub(crate) fn split(image: CheckpointImage, boot_id: &str, before: &PeerFile) -> Result<Contents, String> {
    if let Some(problem) = wrong_image(&image) {
        return Err(problem);
    }
    let known: BTreeMap<_, _> =
        before.entries.iter().map(|entry| ((&entry.lease.key, entry.lease.address), entry)).collect();
    let mut contents = Contents::default();
    contents.peer.unknown = before.unknown.clone();
    contents.own.boot_id = boot_id.to_owned();
    contents.own.cooling = longest_rest(image.cooling);
    contents.own.leaving = image.leaving;
    let mut leases = image.leases;
    leases.sort_by_key(|lease| lease.address);
    for mut lease in leases {
        if lease.phase != LeasePhase::Assigned {
            contents.own.leases.push(lease);
            continue;
        }
        let uid = std::mem::take(&mut lease.pod.uid);
        if !uid.is_empty() {
            contents.own.uids.push(PodUid { key: lease.key.clone(), address: lease.address, uid });
        }
        let mut entry = PeerEntry::new(lease);
        if let Some(known) = known.get(&(&entry.lease.key, entry.lease.address)) {
            entry.unknown = known.unknown.clone();
            entry.metadata = known.metadata.clone();
        }
        contents.peer.entries.push(entry);
    }
    Ok(contents)
}

/// What both files say together, by address. `ipam.json` is right about assigned leases; a lease or a rest of our own at
/// the same address is older than that, and dropped. Times of an earlier boot mean nothing.
pub(crate) fn assemble(contents: &Contents, boot_id: &str) -> CheckpointImage {
    let Contents { peer, own } = contents;
    let mut uids: BTreeMap<_, _> =
        own.uids.iter().map(|record| ((&record.key, record.address), &record.uid)).collect();
    // A crash can leave a lease in both files; then the uid is still in the lease.
    uids.extend(own.leases.iter().map(|lease| ((&lease.key, lease.address), &lease.pod.uid)));

    let mut image = CheckpointImage { leaving: own.leaving.clone(), ..CheckpointImage::default() };
    for entry in &peer.entries {
        let mut lease = entry.lease.clone();
        if let Some(uid) = uids.get(&(&lease.key, lease.address)) {
            lease.pod.uid = (*uid).clone();
        }
        image.leases.push(lease);
    }
    let assigned: BTreeSet<_> = peer.entries.iter().map(|entry| entry.lease.address).collect();
    image.leases.extend(own.leases.iter().filter(|lease| !assigned.contains(&lease.address)).cloned());
    image.leases.sort_by_key(|lease| lease.address);
    if own.boot_id == boot_id {
        let leased: BTreeSet<_> = image.leases.iter().map(|lease| lease.address).collect();
        image.cooling.extend(own.cooling.iter().filter(|rest| !leased.contains(&rest.address)).cloned());
    }
    image
}

/// Whether our file may stay as it is: with the new `ipam.json` it says the same, and what it says of a lease that has arrived
/// there is merely stale.
pub(crate) fn own_may_stay(after: &Contents, own: &OwnFile, boot_id: &str) -> bool {
    if own.boot_id != boot_id {
        return false;
    }
    let as_it_is = Contents { peer: after.peer.clone(), own: own.clone() };
    assemble(&as_it_is, boot_id) == assemble(after, boot_id)
}

/// Why no pod can have this address; `None` if one can.
pub(crate) fn unusable_address(address: Ipv4Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        Some("the unspecified address")
    } else if address.is_loopback() {
        Some("a loopback address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address.is_broadcast() {
        Some("the broadcast address")
    } else {
        None
    }
}

fn wrong_image(image: &CheckpointImage) -> Option<String> {
    let mut holders: BTreeMap<Ipv4Addr, &Lease> = BTreeMap::new();
    for lease in &image.leases {
        let key = &lease.key;
        if [&key.network, &key.container_id, &key.ifname].iter().any(|id| id.is_empty()) {
            return Some(format!("the lease of {} has an empty id: `{key}`", lease.address));
        }
        if let Some(why) = unusable_address(lease.address) {
            return Some(format!("{key} holds {}, {why}", lease.address));
        }
        if let Some(other) = holders.insert(lease.address, lease) {
            return Some(format!("{} is held by {} and by {key}", lease.address, other.key));
        }
    }
    None
}
