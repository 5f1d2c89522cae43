//! What is deleted in a namespace's kernel while somebody watches: links, addresses, routes and rules, as the kernel announces
//! them. The watch proves that it sees: it changes something harmless at its begin and at its end, and must be told of it.

use anyhow::{Context, Result, bail};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::command::PATH;
use crate::netns::Netns;

/// The harmless changes: addresses that nobody has (RFC 5737), on the loopback link. Two, so that a late echo of the first is
/// not taken for the second.
const BEGIN: &str = "192.0.2.253";
const END: &str = "192.0.2.254";

/// How long an announcement may take before the change is made again: the watch may not have listened yet.
const HEARD_MILLISECONDS: u64 = 100;

/// A watch that has not heard a change by now is deaf.
const DEAF_SECONDS: u64 = 10;

/// More deletions than any scenario makes; what comes after is not kept.
const DELETIONS_MAX: usize = 10_000;

/// What `ip monitor` writes in front of what went.
const DELETED: &str = "Deleted ";

/// A watch. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct KernelWatch {
    netns: Netns,
    /// Ends with this.
    _monitor: Child,
    /// Gathers until it hears that the canary went.
    gathering: JoinHandle<Result<Vec<String>>>,
}

impl KernelWatch {
    /// Begins to watch; everything that is deleted from here on is heard.
    ///
    /// # Errors
    /// When `ip monitor` cannot be started, or hears nothing.
    pub(crate) async fn start(netns: &Netns) -> Result<Self> {
        let mut monitor = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "ip", "-o", "-n", netns.name()])
            .args(["monitor", "link", "address", "route", "rule"])
            .env_clear()
            .env("PATH", PATH)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start `ip monitor`")?;
        let mut lines = BufReader::new(monitor.stdout.take().context("no stdout")?).lines();
        let deadline = Instant::now() + Duration::from_secs(DEAF_SECONDS);
        while !heard(netns, &mut lines).await? {
            if Instant::now() > deadline {
                bail!("`ip monitor` does not hear what changes in {}", netns.name());
            }
        }
        Ok(Self { netns: netns.clone(), _monitor: monitor, gathering: tokio::spawn(gather(lines)) })
    }

    /// Ends the watch: what was deleted, one line each.
    ///
    /// # Errors
    /// When the watch has gone deaf.
    pub(crate) async fn stop(mut self) -> Result<Vec<String>> {
        canary(&self.netns, END).await?;
        timeout(Duration::from_secs(DEAF_SECONDS), &mut self.gathering)
            .await
            .with_context(|| format!("the watch of {} has gone deaf", self.netns.name()))??
    }
}

impl Drop for KernelWatch {
    fn drop(&mut self) {
        self.gathering.abort();
    }
}

/// Makes the harmless change, and undoes it.
async fn canary(netns: &Netns, address: &str) -> Result<()> {
    netns.ip_batch(&format!("addr add {address}/32 dev lo\naddr del {address}/32 dev lo\n")).await
}

/// Is the harmless change announced?
async fn heard(netns: &Netns, lines: &mut Lines<BufReader<ChildStdout>>) -> Result<bool> {
    canary(netns, BEGIN).await?;
    let until_gone = async {
        while let Some(line) = lines.next_line().await? {
            if line.starts_with(DELETED) && line.contains(BEGIN) {
                return anyhow::Ok(true);
            }
        }
        bail!("`ip monitor` ended")
    };
    match timeout(Duration::from_millis(HEARD_MILLISECONDS), until_gone).await {
        Ok(heard) => heard,
        Err(_) => Ok(false),
    }
}

async fn gather(mut lines: Lines<BufReader<ChildStdout>>) -> Result<Vec<String>> {
    let mut deleted = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let Some(what) = line.strip_prefix(DELETED) else { continue };
        if what.contains(END) {
            return Ok(deleted);
        }
        if what.contains(BEGIN) {
            continue;
        }
        if deleted.len() < DELETIONS_MAX {
            deleted.push(what.trim().to_owned());
        }
    }
    bail!("`ip monitor` ended")
}
