//! The plugin as a node has it installed, and what containerd said to it: executed through a script that keeps every call and
//! changes none. Judges nothing.

use anyhow::{Context, Result};
use lab::{NETWORK, Node, program};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const SCRIPT: &str = include_str!("plugin.sh");
const LOOPBACK: &str = include_str!("loopback.sh");

/// The plugin's file name in `/opt/cni/bin`, and its `type` in the list.
pub const TYPE: &str = "aws-cni";

/// Where a node has its list.
const CONFLIST: &str = "/etc/cni/net.d/10-aws.conflist";

/// One call of the plugin, complete.
#[derive(Debug, Clone)]
pub struct Call {
    /// The variables of the specification.
    pub environment: BTreeMap<String, String>,
    /// What it read.
    pub stdin: Value,
    /// What it printed; null where that is no JSON (a DEL prints nothing).
    pub stdout: Value,
    /// Its exit code.
    pub code: i32,
}

impl Call {
    /// A variable, if it was set.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }
}

/// An installed plugin.
#[derive(Debug, Clone)]
pub struct Plugin {
    calls: PathBuf,
}

impl Plugin {
    /// Installs the node's plugins; the calls of ours are kept in `calls`.
    ///
    /// # Errors
    /// When files cannot be written.
    pub fn install(node: &Node, calls: &Path) -> Result<Self> {
        let bin = node.host_path("/opt/cni/bin")?;
        let plugin = bin.join("enid-cni");
        program::copy(&node.binaries().shim, &plugin)?;
        std::fs::create_dir_all(calls).context("cannot make the directory of calls")?;
        let script =
            format!("#!/bin/sh\ncalls='{}'\nplugin='{}'\n{SCRIPT}", calls.display(), plugin.display());
        for (name, text) in [(TYPE, script.as_str()), ("loopback", LOOPBACK)] {
            program::write(&bin.join(name), text)?;
        }
        Ok(Self { calls: calls.to_path_buf() })
    }

    /// Writes the node's list, in this version of the specification.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn configure(node: &Node, version: &str) -> Result<()> {
        let mut list = lab::conflist(TYPE);
        if let Some(list) = list.as_object_mut() {
            list.insert("cniVersion".to_owned(), version.into());
        }
        let path = node.host_path(CONFLIST)?;
        let directory = path.parent().context("a list without a directory")?;
        std::fs::create_dir_all(directory).context("cannot make the list's directory")?;
        // Beside it, and then under its name: a list is read the moment it is seen.
        let unfinished = directory.join("unfinished");
        std::fs::write(&unfinished, list.to_string()).context("cannot write the list")?;
        std::fs::rename(&unfinished, &path).context("cannot put the list in place")
    }

    /// The calls for a sandbox, in their order.
    ///
    /// # Errors
    /// When what was kept cannot be read.
    pub fn calls(&self, sandbox: &str) -> Result<Vec<Call>> {
        let mut calls = Vec::new();
        for number in 1_u32.. {
            let here = self.calls.join(number.to_string());
            if !here.is_dir() {
                break;
            }
            if !here.join("code").is_file() {
                continue; // under way
            }
            let call = read(&here).with_context(|| format!("call {number}"))?;
            if call.variable("CNI_CONTAINERID") == Some(sandbox) {
                calls.push(call);
            }
        }
        Ok(calls)
    }
}

fn read(here: &Path) -> Result<Call> {
    let text = |name: &str| std::fs::read_to_string(here.join(name)).with_context(|| format!("no {name}"));
    let environment = text("environment")?;
    let pairs = environment.lines().filter_map(|line| line.split_once('='));
    Ok(Call {
        environment: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        stdin: serde_json::from_str(&text("stdin")?).context("stdin is no JSON")?,
        stdout: serde_json::from_str(&text("stdout")?).unwrap_or_default(),
        code: text("code")?.trim().parse().context("no exit code")?,
    })
}

/// The file in which libcni keeps an attachment's result between ADD and DEL.
///
/// # Errors
/// Never for a name that is one.
pub fn cached_result(node: &Node, sandbox: &str) -> Result<PathBuf> {
    node.host_path(&format!("/var/lib/cni/results/{NETWORK}-{sandbox}-eth0"))
}
