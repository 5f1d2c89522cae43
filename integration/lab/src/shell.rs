//! A shell on a node of a lab that runs: in the node's network and with its directories, as its container runtime has them. An
//! ordinary user's lab is entered first, by the namespaces that its process is in.

use anyhow::{Context, Result, bail, ensure};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::Binaries;
use crate::node::HOLDER_PID;
use crate::run::{is_root, live};

/// What a lab that stays was started with.
const KEEP: &str = "--keep";

/// The best shell there is; without the user's own settings, which are for another machine.
const SHELLS: [(&str, &[&str]); 2] = [("/bin/bash", &["--norc"]), ("/bin/sh", &[])];

/// Becomes a shell on the node, or this command.
///
/// # Errors
/// When no lab runs that has the node, or it cannot be entered.
pub fn become_shell(node: &str, command: &[OsString]) -> Result<()> {
    let mut entering = if is_root() { on_node(node, command)? } else { in_lab(node, command)? };
    Err(entering.exec()).with_context(|| format!("cannot enter {node}"))
}

/// The command that enters a node of a lab of this machine, or of the namespaces that this process is in.
fn on_node(node: &str, command: &[OsString]) -> Result<Command> {
    let mut nodes: Vec<(String, PathBuf)> = live()?.into_iter().flat_map(|run| nodes_of(&run)).collect();
    nodes.sort();
    let Some((_, state)) = nodes.iter().rfind(|(name, _)| name == node) else {
        let names: Vec<&str> = nodes.iter().map(|(name, _)| name.as_str()).collect();
        ensure!(!names.is_empty(), "no lab runs; `cargo lab {KEEP}` leaves one running");
        bail!("no lab that runs has a node {node}; there are: {}", names.join(", "));
    };
    let holder = fs::read_to_string(state.join(HOLDER_PID)).context("the node is on its way in or out")?;
    let mut entering = Command::new("nsenter");
    entering.arg(format!("--target={}", holder.trim())).args(["--mount", "--net", "--wd=/", "--"]);
    if command.is_empty() {
        let found = SHELLS.into_iter().find(|(shell, _)| Path::new(shell).exists());
        let (shell, arguments) = found.context("there is no shell on this machine")?;
        entering.arg(shell).args(arguments).env("PS1", format!("{node}# "));
    } else {
        entering.args(command);
    }
    // `enid config explain` and its like are at hand.
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    if let Some(folder) =
        Binaries::locate().ok().and_then(|binaries| Some(binaries.daemon.parent()?.to_owned()))
    {
        path.push(":");
        path.push(folder);
    }
    entering.env("PATH", path);
    Ok(entering)
}

/// The directories of a run's nodes.
fn nodes_of(run: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(run).into_iter().flatten().flatten();
    let nodes = entries.filter(|entry| entry.path().join(HOLDER_PID).exists());
    nodes.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).collect()
}

/// The command that enters an ordinary user's lab and asks there.
fn in_lab(node: &str, command: &[OsString]) -> Result<Command> {
    let lab = kept_labs().into_iter().next_back();
    let lab =
        lab.with_context(|| format!("no lab of this user runs; `cargo lab {KEEP}` leaves one running"))?;
    let program = std::env::current_exe().context("cannot find this program's own path")?;
    let mut entering = Command::new("nsenter");
    entering
        .arg(format!("--target={lab}"))
        .args(["--user", "--preserve-credentials", "--mount", "--net", "--pid", "--"])
        .arg(program)
        .args(["shell", node])
        .args(command);
    Ok(entering)
}

/// Processes of labs that stay, in user namespaces of their own.
fn kept_labs() -> Vec<u32> {
    let own = fs::metadata("/proc/self/ns/user").map(|namespace| namespace.ino()).unwrap_or_default();
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let kept = |pid: &u32| {
        let place = Path::new("/proc").join(pid.to_string());
        let elsewhere = fs::metadata(place.join("ns/user")).is_ok_and(|namespace| namespace.ino() != own);
        let line = fs::read(place.join("cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let is_lab = words.first().is_some_and(|program| program.ends_with(b"/lab"));
        elsewhere && is_lab && words.contains(&KEEP.as_bytes())
    };
    let mut pids: Vec<u32> = pids.filter(kept).collect();
    pids.sort_unstable();
    pids
}
