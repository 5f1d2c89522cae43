//! The language of scenario files: a region, nodes, steps, and what must hold. Parsed once into these types; a key that is not
//! here is an error. `integration/scenarios/README.md` explains it to whoever writes one.

mod check;
mod count;
mod document;
mod expect;
mod file;
#[cfg(test)]
mod keys;
mod parameters;
mod sabotage;

pub(crate) use check::{Plan, is_of};
pub use count::Count;
pub(crate) use document::{Document, unknown_word};
pub use expect::Expect;
pub use file::{Cell, ScenarioFile};
#[cfg(test)]
pub(crate) use keys::keys_of;
pub use sabotage::Sabotage;

use anyhow::{Context, Result, bail};
use ipnet::Ipv4Net;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::step::Step;

/// A scenario runs at most this long by design §8.
pub const TIME_LIMIT_SECONDS_MAX: u32 = 120;

/// A scenario: one cell of a file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub summary: String,
    /// Ways to break the product so that it turns red.
    #[serde(default)]
    pub sabotage: Vec<Sabotage>,
    /// Everything together, seconds.
    #[serde(default = "sixty")]
    pub time_limit_seconds: u32,
    /// The region.
    pub region: RegionPart,
    /// The nodes.
    pub node: Vec<NodePart>,
    /// What happens, in order: each by the type of its verb, once the rest is read.
    #[serde(default, deserialize_with = "read_apart")]
    pub(crate) step: Vec<PlacedStep>,
    /// What must hold at the end.
    pub expect: Expect,
}

/// A step, and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct PlacedStep {
    pub(crate) step: Step,
    /// In the file.
    pub(crate) line: usize,
    /// What begins to be shown with it, for whoever watches.
    pub(crate) chapter: Option<String>,
}

/// The region.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionPart {
    /// The VPC's block.
    #[serde(default = "ten_slash_sixteen")]
    pub vpc: Ipv4Net,
    /// Its subnets.
    pub subnet: Vec<SubnetPart>,
    /// How slow, how stingy and how forbidding it is; the keys are the region's own.
    #[serde(default)]
    pub knobs: region::Knobs,
    /// Calls that go wrong; the keys are the region's own.
    #[serde(default)]
    pub fault: Vec<region::FaultRule>,
    /// Requests to the metadata service that go wrong; the keys are the region's own.
    #[serde(default)]
    pub imds_fault: Vec<region::ImdsFaultRule>,
}

/// A subnet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubnetPart {
    /// Its name in this file.
    pub name: String,
    /// Its block.
    pub cidr: Ipv4Net,
}

/// A node, as EC2 launches it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodePart {
    /// Its name in this file.
    pub name: String,
    /// Decides the limits.
    #[serde(default = "m5_large")]
    pub instance_type: String,
    /// Subnet of its primary ENI.
    pub subnet: String,
    /// Secondary addresses its primary ENI has from the start.
    #[serde(default)]
    pub secondary_addresses: u32,
    /// More ENIs it has from the start, device 1, 2, …
    #[serde(default)]
    pub eni: Vec<EniPart>,
    /// Environment of its daemon, on top of what every lab node has.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
}

/// A secondary ENI that is there from the start.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EniPart {
    /// Its subnet.
    pub subnet: String,
    /// Its secondary addresses.
    #[serde(default)]
    pub secondary_addresses: u32,
}

/// The folder with the scenarios that come with the lab.
///
/// # Errors
/// When the sources are not there any more.
pub fn folder() -> Result<PathBuf> {
    Ok(crate::binaries::workspace_root()?.join("integration/scenarios"))
}

/// The names of the scenarios that come with the lab, in order.
///
/// # Errors
/// When their folder cannot be read.
pub fn names() -> Result<Vec<String>> {
    let folder = folder()?;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "toml")
            && let Some(name) = path.file_stem()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Finds a scenario by name, or by path.
///
/// # Errors
/// When there is none; the error lists those there are.
pub fn find(name_or_path: &str) -> Result<(String, PathBuf)> {
    let path = Path::new(name_or_path);
    if path.extension().is_some_and(|ending| ending == "toml") {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        return Ok((stem.into_owned(), path.to_path_buf()));
    }
    let names = names()?;
    if !names.iter().any(|name| name == name_or_path) {
        bail!("there is no scenario {name_or_path}; there are: {}", names.join(", "));
    }
    Ok((name_or_path.to_owned(), folder()?.join(format!("{name_or_path}.toml"))))
}

/// What another hand reads.
fn read_apart<'de, D: Deserializer<'de>, T: Default>(deserializer: D) -> Result<T, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| T::default())
}

fn sixty() -> u32 {
    60
}

fn m5_large() -> String {
    "m5.large".to_owned()
}

fn ten_slash_sixteen() -> Ipv4Net {
    Ipv4Net::new_assert(std::net::Ipv4Addr::new(10, 0, 0, 0), 16)
}

#[cfg(test)]
mod tests;
