//! Somebody else's plugin in the node's list: the lab's own small program, which is told by its part of the list what it speaks,
//! what it adds to the result, and when it fails, and which keeps what it got.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::node::Node;
use crate::program;

/// The program's name; a plugin's `type` may be that, or any name it is installed under.
pub const PROGRAM: &str = "foreign-cni";

/// Where it keeps what it got, as the node knows it: one JSON line per execution.
pub const RECORD: &str = "/var/lib/cni/foreign-cni.jsonl";

/// Beside a program, under its name and this ending: the versions it speaks, where its part of the list does not say so. Who
/// asks for VERSION knows no part of a list.
pub const SPEAKS: &str = "speaks";

/// Puts the program into the node's plugin directory under this name, speaking these versions; without any, all of them.
///
/// # Errors
/// When it was not built beside this program, or cannot be copied.
pub fn install(node: &Node, name: &str, speaks: Option<&Value>) -> Result<()> {
    let own = std::env::current_exe().context("cannot find this program's own path")?;
    let mut directory = own.parent().context("this program has no directory")?;
    if directory.ends_with("deps") {
        directory = directory.parent().context("no target directory")?; // a test binary
    }
    let program = node.host_path(&format!("/opt/cni/bin/{name}"))?;
    if let Some(versions) = speaks {
        std::fs::write(program.with_extension(SPEAKS), versions.to_string())
            .context("cannot write what it speaks")?;
    }
    program::copy(&directory.join(PROGRAM), &program)
}

/// What it got, execution by execution: `{type, command, environment, stdin}`.
///
/// # Errors
/// When a line of the record is no JSON.
pub fn record(node: &Node) -> Result<Vec<Value>> {
    let text = std::fs::read_to_string(node.host_path(RECORD)?).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).context("the record is no JSON")).collect()
}
