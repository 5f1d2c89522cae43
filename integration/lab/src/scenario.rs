//! The language of scenario files: a region, nodes, steps, and what must hold. Parsed once into these types; a key that is not
//! here is an error. `integration/scenarios/README.md` explains it to whoever writes one.

mod check;
mod sabotage;
mod step;

pub use crate::step::conflist::Conflist;
pub use crate::step::neighbour::Neighbour;
pub use crate::step::runtime::{Runtime, RuntimeVerb};
pub use crate::step::services::{HostPortKeys, ServiceKeys, Services};
pub use crate::step::visit::{Place, Target, Visit};
pub use sabotage::Sabotage;
pub use step::{
    Add, DaemonRefuses, Delete, Plugin, Probe, Reach, Restart, Start, Step, Stop, Wait, WriteFile,
};

use anyhow::{Context, Result, bail};
use ipnet::Ipv4Net;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A scenario runs at most this long by design §8.
pub const TIME_LIMIT_SECONDS_MAX: u32 = 120;

/// A scenario file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in one sentence.
    pub summary: String,
    /// Everything together, seconds.
    #[serde(default = "sixty")]
    pub time_limit_seconds: u32,
    /// What to break in the product so that it turns red. A scenario that comes with the lab has at least one.
    #[serde(default)]
    pub sabotage: Vec<Sabotage>,
    /// The region.
    pub region: RegionPart,
    /// The nodes.
    pub node: Vec<NodePart>,
    /// What happens, in order.
    pub step: Vec<Step>,
    /// What must hold at the end.
    pub expect: Expect,
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

/// What must hold at the end. The region's own audit is always asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Exactly so many calls of these actions.
    #[serde(default)]
    pub journal: BTreeMap<String, u64>,
    /// Of the actions that change something, no others than those in `journal`.
    #[serde(default)]
    pub no_other_changes: bool,
    /// Of every deleted pod nothing is left: no link, rule or route on its node, no allocation in the checkpoint.
    #[serde(default)]
    pub nothing_left: bool,
    /// Every neighbour found its bits of each mark as it had set them.
    #[serde(default)]
    pub marks_kept: bool,
    /// So many packets were dropped because the region does not have their source on that ENI.
    pub spoofed_packets: Option<u64>,
}

impl Scenario {
    /// Reads a scenario file, and checks that it makes sense before anything is started.
    ///
    /// # Errors
    /// When the file cannot be read, has a key that is not in the language, or refers to something it does not have.
    pub fn read(path: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| path.display().to_string())
    }

    /// Parses the text of a scenario file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str) -> Result<Self> {
        let scenario: Self = toml::from_str(text)?;
        check::sense(&scenario)?;
        Ok(scenario)
    }
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
mod tests {
    use super::*;

    #[test]
    fn every_scenario_that_comes_with_the_lab_is_well_formed() {
        let names = names().unwrap();
        assert!(names.len() >= 7, "{names:?}");
        for name in names {
            let (_, path) = find(&name).unwrap();
            Scenario::read(&path).unwrap();
        }
    }

    #[test]
    fn a_scenario_that_does_not_exist_is_answered_with_those_that_do() {
        let error = find("add_prod").unwrap_err().to_string();
        assert!(error.contains("add_pod"), "{error}");
    }
}
