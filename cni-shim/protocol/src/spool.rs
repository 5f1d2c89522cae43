//! DELs that the daemon could not be told: one file each, which the daemon works off before anything else.
//!
//! **Format.** A directory of mode 0700 owned by root, `/var/lib/enid/spool` by default. One record is one file
//! `<container id, at most 64 characters>-<sha1>.json`, where sha1 is 40 hex digits of SHA-1 over
//! `network/container_id/ifname`; so a DEL that comes twice is one record. The file is a JSON object:
//!
//! ```json
//! {"version":1,"network":"aws-cni","container_id":"c0ffee","ifname":"eth0","pod_namespace":"default","pod_name":"web-0",
//!  "pod_uid":"","boot_id":"0b6b…","boottime_nanoseconds":12345}
//! ```
//!
//! **Writer** (the shim): temporary file beside it (`.` first in its name), fsync, rename, fsync of the directory; at most
//! 4096 records of 64 KiB.
//!
//! **Reader** (the daemon): takes `*.json` that do not begin with `.`, in order of (boot_id, boottime); releases the attachment; removes
//! the file only after the release is durable. A record says nothing of which ADD it
//! ends, and needs not: a runtime never uses a container id again. Boot id and boottime are for the order. A file that is no record is set aside under another name, never a reason to stop.

use rustix::fs::{Mode, OFlags, open};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::whole_file::{self, WholeFileError, sync_directory};

/// Version of the record's format.
pub const FORMAT: u32 = 1;
/// More than sixteen times the pods a node can have.
pub const RECORDS_MAX: usize = 4096;
/// A record is some hundred bytes; names are bounded.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;
/// Nobody but the owner.
const DIRECTORY_MODE: u32 = 0o700;
const FOREIGN_MODE: u32 = 0o077;
const RECORD_MODE: u32 = 0o600;
const ID_CHARACTERS_MAX: usize = 64;

/// One DEL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`].
    pub version: u32,
    /// Name of the network.
    pub network: String,
    /// The sandbox.
    pub container_id: String,
    /// The interface in it.
    pub ifname: String,
    /// Kubernetes namespace; empty where the runtime did not say.
    pub pod_namespace: String,
    /// Pod name; the same.
    pub pod_name: String,
    /// Pod UID; the same.
    pub pod_uid: String,
    /// The boot in which the DEL came.
    pub boot_id: String,
    /// When in that boot, nanoseconds.
    pub boottime_nanoseconds: u64,
}

/// What a spool holds.
#[derive(Debug, Default)]
pub struct Contents {
    /// The records that wait, oldest first within a boot, each with its file.
    pub records: Vec<(PathBuf, Record)>,
    /// The files that are no records, and why.
    pub others: Vec<SpoolError>,
}

/// What went wrong with the spool.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// A step failed.
    #[error("cannot {step} {path}: {source}")]
    Step {
        /// Which.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else could write there.
    #[error("{path} must belong to uid {user} with mode 0700")]
    Untrusted {
        /// The directory.
        path: PathBuf,
        /// Ours.
        user: u32,
    },
    /// Too many DELs wait.
    #[error("{path} holds {RECORDS_MAX} records, which is the most")]
    Full {
        /// The directory.
        path: PathBuf,
    },
    /// A record would be too long.
    #[error("the record would be longer than {RECORD_BYTES_MAX} bytes")]
    TooLong,
    /// A file is no record.
    #[error("{path} is no record: {problem}")]
    NoRecord {
        /// Which.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

impl From<WholeFileError> for SpoolError {
    fn from(WholeFileError { step, path, source }: WholeFileError) -> Self {
        Self::Step { step, path, source }
    }
}

/// The file name of an attachment's record.
#[must_use]
pub fn file_name(network: &str, container_id: &str, ifname: &str) -> String {
    let digest = Sha1::digest(format!("{network}/{container_id}/{ifname}").as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let id: String = container_id.chars().take(ID_CHARACTERS_MAX).collect();
    format!("{id}-{digest}.json")
}

/// Makes a record durable.
///
/// # Errors
/// [`SpoolError`]; a record that was there before stays whole.
pub fn write(directory: &Path, record: &Record) -> Result<(), SpoolError> {
    let bytes = serde_json::to_vec(record).map_err(|_| SpoolError::TooLong)?;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(SpoolError::TooLong);
    }
    ensure_directory(directory)?;
    let path = directory.join(file_name(&record.network, &record.container_id, &record.ifname));
    if !path.exists() && count(directory)? >= RECORDS_MAX {
        return Err(SpoolError::Full { path: directory.to_path_buf() });
    }
    Ok(whole_file::put(&path, &bytes, RECORD_MODE)?)
}

/// Removes an attachment's record; none is a success.
///
/// # Errors
/// What the system says.
pub fn remove(directory: &Path, network: &str, container_id: &str, ifname: &str) -> Result<(), SpoolError> {
    let path = directory.join(file_name(network, container_id, ifname));
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(step("remove", &path)(error)),
        Ok(()) => Ok(sync_directory(directory)?),
        Err(_) => Ok(()),
    }
}

/// Puts a file that is no record out of the way, under a name that is not read again.
///
/// # Errors
/// What the system says.
pub fn set_aside(path: &Path) -> Result<PathBuf, SpoolError> {
    let aside = path.with_extension("json.bad");
    std::fs::rename(path, &aside).map_err(step("rename", path))?;
    Ok(aside)
}

/// Reads the spool. No directory is an empty one.
///
/// # Errors
/// When the directory cannot be read.
pub fn read(directory: &Path) -> Result<Contents, SpoolError> {
    let mut records = Vec::new();
    let mut others = Vec::new();
    for path in record_paths(directory)?.into_iter().take(RECORDS_MAX) {
        match read_one(&path) {
            Ok(record) => records.push((path, record)),
            Err(error) => others.push(error),
        }
    }
    records.sort_by(|(_, a), (_, b)| {
        (&a.boot_id, a.boottime_nanoseconds).cmp(&(&b.boot_id, b.boottime_nanoseconds))
    });
    Ok(Contents { records, others })
}

fn read_one(path: &Path) -> Result<Record, SpoolError> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = open(path, flags, Mode::empty()).map_err(|errno| step("open", path)(errno.into()))?;
    let mut bytes = Vec::new();
    let bound = u64::try_from(RECORD_BYTES_MAX).unwrap_or(u64::MAX);
    File::from(file).take(bound.saturating_add(1)).read_to_end(&mut bytes).map_err(step("read", path))?;
    let no_record = |problem: String| SpoolError::NoRecord { path: path.to_path_buf(), problem };
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(no_record("too long".to_owned()));
    }
    let record: Record = serde_json::from_slice(&bytes).map_err(|error| no_record(error.to_string()))?;
    if record.version != FORMAT {
        return Err(no_record(format!("format {}", record.version)));
    }
    Ok(record)
}

fn ensure_directory(directory: &Path) -> Result<(), SpoolError> {
    let user = rustix::process::geteuid().as_raw();
    if let Some(parent) = directory.parent() {
        DirBuilder::new().recursive(true).mode(0o755).create(parent).map_err(step("make", parent))?;
    }
    match DirBuilder::new().mode(DIRECTORY_MODE).create(directory) {
        Ok(()) => {
            if let Some(parent) = directory.parent() {
                sync_directory(parent)?;
            }
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(step("make", directory)(error)),
    }
    let about = std::fs::symlink_metadata(directory).map_err(step("look at", directory))?;
    if !about.is_dir() || about.uid() != user || about.mode() & FOREIGN_MODE != 0 {
        return Err(SpoolError::Untrusted { path: directory.to_path_buf(), user });
    }
    Ok(())
}

/// Every entry counts, leftovers too: the bound is on the disk.
fn count(directory: &Path) -> Result<usize, SpoolError> {
    Ok(std::fs::read_dir(directory).map_err(step("read", directory))?.count())
}

fn record_paths(directory: &Path) -> Result<Vec<PathBuf>, SpoolError> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(step("read", directory))?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(step("read", directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".json") && !name.starts_with('.') {
            paths.push(path);
        }
    }
    Ok(paths)
}

fn step(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_path_buf();
    move |source| SpoolError::Step { step, path, source }
}
