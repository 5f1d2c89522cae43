//! `enid-leases.json`: what the peer's schema has no place for. Text to records and back. Pure; it never touches the disk.
//!
//! Each record is harmless if stale: a lease here yields to `ipam.json` at the same address, a uid counts only for the
//! attachment and address it was written with, and rest ends by itself.

use contract::model::{AttachmentKey, Lease, LeasePhase, Leaving, Pod};
use contract::ports::checkpoint::Cooling;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::contents::unusable_address;
use crate::peer_file::{Decoded, take_list, versioned_object};

/// Raised when an older enid could not read the file any more.
pub(crate) const VERSION: &str = "enid-leases/1";

/// The file by meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct OwnFile {
    /// The boot in which `cooling` means something.
    pub(crate) boot_id: String,
    /// Leases on their way in or out; never an assigned one. One per address, ascending.
    pub(crate) leases: Vec<Lease>,
    /// Uids of the pods behind assigned leases.
    pub(crate) uids: Vec<PodUid>,
    /// What rests. One per address, ascending.
    pub(crate) cooling: Vec<Cooling>,
    /// What is being given back to EC2; true in every boot.
    pub(crate) leaving: Vec<Leaving>,
}

/// The uid of the pod behind an assigned lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PodUid {
    pub(crate) key: AttachmentKey,
    pub(crate) address: Ipv4Addr,
    pub(crate) uid: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LeaseRecord {
    key: AttachmentKey,
    pod: Pod,
    address: Ipv4Addr,
    phase: LeasePhase,
    allocated_unix_nanoseconds: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CoolingRecord {
    address: Ipv4Addr,
    until_boottime_nanoseconds: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FileOut<'a> {
    version: &'a str,
    boot_id: &'a str,
    leases: Vec<LeaseRecord>,
    uids: &'a [PodUid],
    cooling: Vec<CoolingRecord>,
    leaving: &'a [Leaving],
}

/// Reads the file. The second part lists records that could not be used.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<OwnFile> {
    let mut members = versioned_object(bytes, VERSION)?;
    let mut flaws = Vec::new();
    // Without a boot id the times are of no known boot, that is, of an earlier one.
    let boot_id = match members.remove("bootId") {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let leases = records::<LeaseRecord>("leases", take_list(&mut members, "leases")?, &mut flaws);
    let leases = usable_leases(leases, &mut flaws);
    let uids = records::<PodUid>("uids", take_list(&mut members, "uids")?, &mut flaws);
    let cooling = records::<CoolingRecord>("cooling", take_list(&mut members, "cooling")?, &mut flaws)
        .into_iter()
        .map(|record| Cooling {
            address: record.address,
            until: Duration::from_nanos(record.until_boottime_nanoseconds),
        })
        .collect();
    let leaving = records::<Leaving>("leaving", take_list(&mut members, "leaving")?, &mut flaws);
    Ok((OwnFile { boot_id, leases, uids, cooling: longest_rest(cooling), leaving }, flaws))
}

/// Writes the file, with a newline at its end.
pub(crate) fn encode(file: &OwnFile) -> Result<Vec<u8>, serde_json::Error> {
    let out = FileOut {
        version: VERSION,
        boot_id: &file.boot_id,
        leases: file.leases.iter().map(lease_record).collect(),
        uids: &file.uids,
        cooling: file.cooling.iter().map(cooling_record).collect(),
        leaving: &file.leaving,
    };
    let mut bytes = serde_json::to_vec(&out)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// One record per address, ascending: the one that rests longest.
pub(crate) fn longest_rest(mut cooling: Vec<Cooling>) -> Vec<Cooling> {
    cooling.sort_by_key(|rest| (rest.address, std::cmp::Reverse(rest.until)));
    cooling.dedup_by_key(|rest| rest.address);
    cooling
}

/// The records of a list that can be read; what is wrong with the others goes to `flaws`.
pub(crate) fn records<R: DeserializeOwned>(
    member: &str,
    list: Vec<Value>,
    flaws: &mut Vec<String>,
) -> Vec<R> {
    let mut good = Vec::new();
    for (index, value) in list.into_iter().enumerate() {
        match serde_json::from_value(value) {
            Ok(record) => good.push(record),
            Err(error) => flaws.push(format!("{member}[{index}] was left out: {error}")),
        }
    }
    good
}

fn usable_leases(records: Vec<LeaseRecord>, flaws: &mut Vec<String>) -> Vec<Lease> {
    let mut seen = BTreeSet::new();
    let mut leases = Vec::new();
    for record in records {
        let LeaseRecord { key, pod, address, phase, allocated_unix_nanoseconds } = record;
        let lease = Lease { key, pod, address, phase, allocated_unix_nanoseconds };
        if let Some(why) = wrong(&lease) {
            flaws.push(format!("the lease of {} was left out: {why}", lease.address));
        } else if seen.insert(lease.address) {
            leases.push(lease);
        } else {
            flaws.push(format!("{} has a second lease, for {}", lease.address, lease.key));
        }
    }
    leases.sort_by_key(|lease| lease.address);
    leases
}

fn wrong(lease: &Lease) -> Option<&'static str> {
    let AttachmentKey { network, container_id, ifname } = &lease.key;
    if [network, container_id, ifname].iter().any(|id| id.is_empty()) {
        return Some("an id is empty");
    }
    // Only `ipam.json` says what is assigned.
    if lease.phase == LeasePhase::Assigned {
        return Some("this file cannot say that a lease is assigned");
    }
    unusable_address(lease.address)
}

fn lease_record(lease: &Lease) -> LeaseRecord {
    LeaseRecord {
        key: lease.key.clone(),
        pod: lease.pod.clone(),
        address: lease.address,
        phase: lease.phase,
        allocated_unix_nanoseconds: lease.allocated_unix_nanoseconds,
    }
}

fn cooling_record(rest: &Cooling) -> CoolingRecord {
    // 2^64 nanoseconds are 584 years of uptime.
    let nanoseconds = u64::try_from(rest.until.as_nanos()).unwrap_or(u64::MAX);
    CoolingRecord { address: rest.address, until_boottime_nanoseconds: nanoseconds }
}

#[cfg(test)]
#[path = "own_file_tests.rs"]
mod tests;
