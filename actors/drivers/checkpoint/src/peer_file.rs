//! `ipam.json` in the schema of the agent we replace: text to entries and back. Pure; it never touches the disk.
//!
//! An entry that is wrong costs itself, not the file: losing the lease of a running pod is worse than keeping one too many.

use contract::model::{AttachmentKey, Lease, LeasePhase, Pod};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::contents::unusable_address;

/// The only version that exists.
pub(crate) const VERSION: &str = "vpc-cni-ipam/1";

/// The file by meaning.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PeerFile {
    /// One per address, ascending.
    pub(crate) entries: Vec<PeerEntry>,
    /// Members we do not know, kept as they are.
    pub(crate) unknown: Map<String, Value>,
}

/// One assigned lease, and what else the file said about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PeerEntry {
    /// The lease; its phase is `Assigned`, its pod's uid empty (the schema has no place for it).
    pub(crate) lease: Lease,
    /// Members of the entry that we do not know.
    pub(crate) unknown: Map<String, Value>,
    /// Members of its metadata other than the pod's names; `interfacesCount` is one.
    pub(crate) metadata: Map<String, Value>,
}

/// Why a file as a whole cannot be used. A reason to report, not an error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("not JSON: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("not a JSON object")]
    NotAnObject,
    #[error("version {found}, expected \"{expected}\"")]
    Version { found: String, expected: &'static str },
    #[error("`{member}` is not a list")]
    NotAList { member: &'static str },
}

/// A file by meaning, and what in it could not be used, in words.
pub(crate) type Decoded<F> = Result<(F, Vec<String>), Unusable>;

impl PeerEntry {
    /// An entry for a lease of ours: one interface, as the schema counts them.
    pub(crate) fn new(lease: Lease) -> Self {
        let metadata = Map::from_iter([("interfacesCount".to_owned(), Value::from(1))]);
        Self { lease, unknown: Map::new(), metadata }
    }
}

/// Reads the file. The second part lists entries, and parts of entries, that could not be used.
pub(crate) fn decode(bytes: &[u8]) -> Decoded<PeerFile> {
    let mut members = versioned_object(bytes, VERSION)?;
    let mut flaws = Vec::new();
    let mut entries: Vec<PeerEntry> = Vec::new();
    for (index, value) in take_list(&mut members, "allocations")?.into_iter().enumerate() {
        match decode_entry(value) {
            Ok((entry, flaw)) => {
                flaws.extend(flaw.map(|flaw| format!("allocations[{index}]: {flaw}")));
                entries.push(entry);
            }
            Err(flaw) => flaws.push(format!("allocations[{index}] was left out: {flaw}")),
        }
    }
    // Of two entries for one address the younger wins: the older pod must have given it back before.
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.lease.allocated_unix_nanoseconds));
    let mut seen = BTreeSet::new();
    entries.retain(|entry| {
        let first = seen.insert(entry.lease.address);
        if !first {
            flaws.push(format!("{} has a second, older entry, for {}", entry.lease.address, entry.lease.key));
        }
        first
    });
    entries.sort_by_key(|entry| entry.lease.address);
    Ok((PeerFile { entries, unknown: members }, flaws))
}

/// Writes the file: the peer's members in its order, then what we do not know, then a newline.
pub(crate) fn encode(file: &PeerFile) -> Result<Vec<u8>, serde_json::Error> {
    let allocations = file.entries.iter().map(entry_out).collect();
    let mut bytes = serde_json::to_vec(&FileOut { version: VERSION, allocations, unknown: &file.unknown })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The members of a JSON object, without its `version`, which must be the expected one.
pub(crate) fn versioned_object(bytes: &[u8], expected: &'static str) -> Result<Map<String, Value>, Unusable> {
    let Value::Object(mut members) = serde_json::from_slice(bytes)? else {
        return Err(Unusable::NotAnObject);
    };
    match members.remove("version") {
        Some(Value::String(found)) if found == expected => Ok(members),
        found => {
            let found = found.map_or_else(|| "missing".to_owned(), |value| value.to_string());
            Err(Unusable::Version { found: shortened(found), expected })
        }
    }
}

/// Takes a list out of an object. `null` and absence are an empty list, as they are to the peer.
pub(crate) fn take_list(
    members: &mut Map<String, Value>,
    member: &'static str,
) -> Result<Vec<Value>, Unusable> {
    match members.remove(member) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Unusable::NotAList { member }),
    }
}

/// An entry, and what is wrong with it if it can be used nevertheless.
fn decode_entry(value: Value) -> Result<(PeerEntry, Option<String>), String> {
    let Value::Object(mut unknown) = value else {
        return Err("not an object".to_owned());
    };
    let key = AttachmentKey {
        network: take_id(&mut unknown, "networkName")?,
        container_id: take_id(&mut unknown, "containerID")?,
        ifname: take_id(&mut unknown, "ifName")?,
    };
    let address = take_address(&mut unknown)?;
    let mut flaw = None;
    let allocated_unix_nanoseconds = match unknown.remove("allocationTimestamp") {
        None => 0,
        Some(value) => value.as_i64().unwrap_or_else(|| {
            flaw = Some("allocationTimestamp is not a number of nanoseconds".to_owned());
            0
        }),
    };
    let mut metadata = match unknown.remove("metadata") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(metadata)) => metadata,
        Some(_) => {
            flaw = Some("metadata is not an object".to_owned());
            Map::new()
        }
    };
    let pod = Pod {
        namespace: take_text(&mut metadata, "k8sPodNamespace"),
        name: take_text(&mut metadata, "k8sPodName"),
        uid: String::new(),
    };
    let lease = Lease { key, pod, address, phase: LeasePhase::Assigned, allocated_unix_nanoseconds };
    Ok((PeerEntry { lease, unknown, metadata }, flaw))
}

fn take_id(members: &mut Map<String, Value>, member: &'static str) -> Result<String, String> {
    match members.remove(member) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) => Err(format!("{member} is empty")),
        Some(_) => Err(format!("{member} is not a text")),
        None => Err(format!("{member} is missing")),
    }
}

fn take_address(members: &mut Map<String, Value>) -> Result<Ipv4Addr, String> {
    let text = match take_id(members, "ipv4") {
        Err(_) if members.contains_key("ipv6") => {
            return Err("it has an IPv6 address only, and this node serves IPv4".to_owned());
        }
        other => other?,
    };
    let address = text.parse().map_err(|_| format!("ipv4 `{}` is no address", shortened(text.clone())))?;
    match unusable_address(address) {
        Some(why) => Err(format!("ipv4 {address} is {why}")),
        None => Ok(address),
    }
}

/// Names are for humans: one that is no text is empty, and stays what it is in the file.
fn take_text(members: &mut Map<String, Value>, member: &'static str) -> String {
    match members.remove(member) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// A found text, short enough to be logged.
fn shortened(mut text: String) -> String {
    const CHARACTERS_MAX: usize = 64;
    if let Some((end, _)) = text.char_indices().nth(CHARACTERS_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

// === what is written ===

#[derive(Serialize)]
struct FileOut<'a> {
    version: &'a str,
    allocations: Vec<EntryOut<'a>>,
    #[serde(flatten)]
    unknown: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct EntryOut<'a> {
    #[serde(rename = "networkName")]
    network: &'a str,
    #[serde(rename = "containerID")]
    container_id: &'a str,
    #[serde(rename = "ifName")]
    ifname: &'a str,
    ipv4: Ipv4Addr,
    #[serde(rename = "allocationTimestamp")]
    allocated_unix_nanoseconds: i64,
    metadata: MetadataOut<'a>,
    #[serde(flatten)]
    unknown: &'a Map<String, Value>,
}

#[derive(Serialize)]
struct MetadataOut<'a> {
    #[serde(rename = "k8sPodNamespace", skip_serializing_if = "str::is_empty")]
    namespace: &'a str,
    #[serde(rename = "k8sPodName", skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(flatten)]
    others: &'a Map<String, Value>,
}

fn entry_out(entry: &PeerEntry) -> EntryOut<'_> {
    EntryOut {
        network: &entry.lease.key.network,
        container_id: &entry.lease.key.container_id,
        ifname: &entry.lease.key.ifname,
        ipv4: entry.lease.address,
        allocated_unix_nanoseconds: entry.lease.allocated_unix_nanoseconds,
        metadata: MetadataOut {
            namespace: &entry.lease.pod.namespace,
            name: &entry.lease.pod.name,
            others: &entry.metadata,
        },
        unknown: &entry.unknown,
    }
}

#[cfg(test)]
#[path = "peer_file_tests.rs"]
mod tests;
