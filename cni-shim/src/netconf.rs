//! The network configuration on stdin: read with a bound, looked at with care, each wrong field named. Pure but for the
//! reader it is given. Fields that a verb does not need are never a reason to refuse it.

use protocol::ValidAttachment;
use serde_json::{Map, Value};
use std::io::Read;
use std::path::PathBuf;

use crate::env::is_id;
use crate::error::ShimError;
use crate::names;
use crate::prev_result::{self, PrevResult};
use crate::result::CniVersion;

/// A configuration with its prevResult and annotations is some kilobytes; annotations of a pod end at 256 KiB.
pub const STDIN_BYTES_MAX: usize = 1024 * 1024;
/// Where the daemon's socket lives.
pub const DEFAULT_STATE_DIRECTORY: &str = "/var/run/aws-node";
/// Where DELs wait while the daemon is away. Persistent: a reboot must not lose them.
pub const DEFAULT_SPOOL_DIRECTORY: &str = "/var/lib/enid/spool";
/// The MTU that the agent we replace takes for one it cannot use, bytes.
const MTU_FALLBACK_BYTES: u32 = 9001;
/// MTUs that can be used, bytes: the least that IPv4 hosts must accept, the most that EC2 carries.
pub const MTU_BYTES: std::ops::RangeInclusive<u32> = 576..=9001;
/// Kubelet allows four minutes for a sandbox; an ADD must end well before.
pub const DEADLINE_SECONDS_MAX: u64 = 200;
/// A unix socket's path is at most 107 bytes; the socket's own name and a slash come on top.
const STATE_DIRECTORY_BYTES_MAX: usize = 96;
const SPOOL_DIRECTORY_BYTES_MAX: usize = 1024;

/// What every verb needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Netconf {
    /// The encoding of the answer.
    pub version: CniVersion,
    /// Name of the network: part of the attachment's key.
    pub name: String,
    /// `stateDirectory`: where the daemon's socket is.
    pub state_directory: PathBuf,
    /// `spoolDirectory`: where DELs wait.
    pub spool_directory: PathBuf,
}

/// What an ADD needs besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddConf {
    /// What every verb needs.
    pub common: Netconf,
    /// `vethPrefix`.
    pub veth_prefix: String,
    /// `mtu` in bytes; 0 if the configuration says nothing.
    pub mtu_bytes: u32,
    /// `deadlineSeconds`: give up earlier than the shim's own bounds.
    pub deadline_seconds: Option<u64>,
}

/// What a CHECK needs besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckConf {
    /// What every verb needs.
    pub common: Netconf,
    /// `vethPrefix`.
    pub veth_prefix: String,
    /// Our part of `prevResult`.
    pub result: PrevResult,
}

/// What a GC needs besides.
#[derive(Debug, Clone, PartialEq)]
pub struct GcConf {
    /// What every verb needs.
    pub common: Netconf,
    /// The attachments that stay.
    pub valid: Vec<ValidAttachment>,
}

/// A configuration that is a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub struct Document(Map<String, Value>);

/// Reads stdin to its end, bounded.
///
/// # Errors
/// [`ShimError::Stdin`] or [`ShimError::StdinTooLong`].
pub fn read_bounded(stdin: impl Read) -> Result<Vec<u8>, ShimError> {
    let mut bytes = Vec::new();
    let bound = u64::try_from(STDIN_BYTES_MAX).unwrap_or(u64::MAX);
    stdin.take(bound.saturating_add(1)).read_to_end(&mut bytes).map_err(ShimError::Stdin)?;
    if bytes.len() > STDIN_BYTES_MAX {
        return Err(ShimError::StdinTooLong { bytes_max: STDIN_BYTES_MAX });
    }
    Ok(bytes)
}

// === impl Document ===

impl Document {
    /// Decodes a configuration.
    ///
    /// # Errors
    /// [`ShimError::Decode`] when the bytes are no JSON object.
    pub fn parse(bytes: &[u8]) -> Result<Self, ShimError> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(ShimError::Decode(None)),
            Err(error) => Err(ShimError::Decode(Some(error))),
        }
    }

    /// The version the configuration speaks.
    ///
    /// # Errors
    /// [`ShimError::Version`] when it is not served. A configuration without one means 0.1.0.
    pub fn version(&self) -> Result<CniVersion, ShimError> {
        let found = match self.0.get("cniVersion") {
            None | Some(Value::Null) => "0.1.0",
            Some(Value::String(text)) => text,
            Some(_) => return Err(config("cniVersion", "must be a string")),
        };
        CniVersion::parse(found).ok_or_else(|| ShimError::Version {
            found: found.chars().take(32).collect(),
            supported: CniVersion::SERVED.map(CniVersion::text).join(", "),
        })
    }

    /// What a DEL needs.
    ///
    /// # Errors
    /// [`ShimError::Version`], or [`ShimError::Config`] naming the field.
    pub fn for_del(&self) -> Result<Netconf, ShimError> {
        let version = self.version()?;
        let name = self.text("name")?.ok_or_else(|| config("name", "missing"))?.to_owned();
        if !is_id(&name) {
            return Err(config(
                "name",
                "must begin with a letter or digit and have only letters, digits, `_`, `.`, `-`",
            ));
        }
        Ok(Netconf {
            version,
            name,
            state_directory: self.directory(
                "stateDirectory",
                DEFAULT_STATE_DIRECTORY,
                STATE_DIRECTORY_BYTES_MAX,
            )?,
            spool_directory: self.directory(
                "spoolDirectory",
                DEFAULT_SPOOL_DIRECTORY,
                SPOOL_DIRECTORY_BYTES_MAX,
            )?,
        })
    }

    /// What an ADD needs.
    ///
    /// # Errors
    /// As [`Document::for_del`]; also when a plugin ran before this one, which must be the first of its list.
    pub fn for_add(&self) -> Result<AddConf, ShimError> {
        let common = self.for_del()?;
        if !matches!(self.0.get("prevResult"), None | Some(Value::Null)) {
            return Err(config(
                "prevResult",
                "must be absent on ADD: enid makes the pod's interface and has to be the first plugin of its list",
            ));
        }
        Ok(AddConf {
            common,
            veth_prefix: self.veth_prefix()?,
            mtu_bytes: self.mtu_bytes(),
            deadline_seconds: self.deadline_seconds()?,
        })
    }

    /// What a CHECK needs.
    ///
    /// # Errors
    /// As [`Document::for_del`]; also without the result of the ADD.
    pub fn for_check(&self, ifname: &str) -> Result<CheckConf, ShimError> {
        let common = self.since("CHECK", CniVersion::V0_4_0)?;
        let result = self.0.get("prevResult").filter(|result| !result.is_null());
        let result = result.ok_or_else(|| config("prevResult", "missing: CHECK compares with it"))?;
        let result = prev_result::read(result, ifname).map_err(|problem| config("prevResult", &problem))?;
        Ok(CheckConf { common, veth_prefix: self.veth_prefix()?, result })
    }

    /// What a STATUS needs.
    ///
    /// # Errors
    /// As [`Document::for_del`].
    pub fn for_status(&self) -> Result<Netconf, ShimError> {
        self.since("STATUS", CniVersion::V1_1_0)
    }

    /// What a GC needs.
    ///
    /// # Errors
    /// As [`Document::for_del`]; also without the list of what stays, which then is unknown, and not empty.
    pub fn for_gc(&self) -> Result<GcConf, ShimError> {
        const FIELD: &str = "cni.dev/valid-attachments";
        let common = self.since("GC", CniVersion::V1_1_0)?;
        // The second name is the one that the specification had by mistake once.
        let list = [FIELD, "cni.dev/attachments"].into_iter().find_map(|key| self.0.get(key));
        let list = list.and_then(Value::as_array).ok_or_else(|| config(FIELD, "must be a list"))?;
        let text = |of: &Value, key: &str| of.get(key).and_then(Value::as_str).map(str::to_owned);
        let valid = list.iter().map(|of| {
            let (container_id, ifname) = (text(of, "containerID")?, text(of, "ifname")?);
            Some(ValidAttachment { container_id, ifname })
        });
        let valid = valid.collect::<Option<_>>();
        let valid = valid.ok_or_else(|| config(FIELD, "must hold objects with containerID and ifname"))?;
        Ok(GcConf { common, valid })
    }

    fn since(&self, verb: &'static str, since: CniVersion) -> Result<Netconf, ShimError> {
        let common = self.for_del()?;
        if common.version < since {
            let found = common.version.text();
            return Err(ShimError::VerbVersion { verb, found, since: since.text() });
        }
        Ok(common)
    }

    /// The prefix of host links; absent and empty mean the usual one.
    ///
    /// # Errors
    /// [`ShimError::Config`] when it cannot be one.
    pub fn veth_prefix(&self) -> Result<String, ShimError> {
        match self.text("vethPrefix")? {
            None | Some("") => Ok(names::DEFAULT_PREFIX.to_owned()),
            Some(prefix) if names::is_prefix(prefix) => Ok(prefix.to_owned()),
            Some(_) => Err(config(
                "vethPrefix",
                "must be 1 to 4 letters, digits, `-` or `_`, and not `eth`, `lo` or `vlan`",
            )),
        }
    }

    /// As the agent we replace reads it: what cannot be used is 9001, never an error.
    fn mtu_bytes(&self) -> u32 {
        let usable = |mtu: u32| MTU_BYTES.contains(&mtu).then_some(mtu);
        match self.0.get("mtu") {
            None | Some(Value::Null) => 0,
            Some(Value::String(text)) if text.is_empty() => 0,
            Some(Value::String(text)) => text.parse().ok().and_then(usable).unwrap_or(MTU_FALLBACK_BYTES),
            Some(value) => value
                .as_u64()
                .and_then(|mtu| u32::try_from(mtu).ok())
                .and_then(usable)
                .unwrap_or(MTU_FALLBACK_BYTES),
        }
    }

    fn deadline_seconds(&self) -> Result<Option<u64>, ShimError> {
        match self.0.get("deadlineSeconds") {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_u64() {
                Some(seconds) if (1..=DEADLINE_SECONDS_MAX).contains(&seconds) => Ok(Some(seconds)),
                _ => Err(config(
                    "deadlineSeconds",
                    &format!("must be a whole number from 1 to {DEADLINE_SECONDS_MAX}"),
                )),
            },
        }
    }

    fn directory(&self, field: &'static str, default: &str, bytes_max: usize) -> Result<PathBuf, ShimError> {
        let path = self.text(field)?.unwrap_or(default);
        if !path.starts_with('/') || path.len() > bytes_max || path.contains('\0') {
            return Err(config(field, &format!("must be an absolute path of at most {bytes_max} bytes")));
        }
        Ok(PathBuf::from(path))
    }

    fn text(&self, field: &'static str) -> Result<Option<&str>, ShimError> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(config(field, "must be a string")),
        }
    }
}

fn config(field: &'static str, problem: &str) -> ShimError {
    ShimError::Config { field, problem: problem.to_owned() }
}
