//! `daemon_refuses`: a daemon that must end by itself, say why, and touch nothing.

use anyhow::{Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use super::{Take, fifteen, says};
use crate::kernel::{self, Dump};
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::DaemonRefuses`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DaemonRefuses {
    /// Where.
    node: Option<String>,
    /// What is shown, for the report.
    because: String,
    /// Environment on top of the node's.
    #[serde(default)]
    settings: BTreeMap<String, String>,
    /// Content of `/etc/enid/enid.toml`.
    settings_file: Option<String>,
    /// Its exit code; any but 0 if left out.
    exit_code: Option<i32>,
    /// Every one of these is in what it writes.
    says: Vec<String>,
    /// It must have ended by then, seconds.
    #[serde(default = "fifteen")]
    within_seconds: u64,
}

/// What must be the same before and after.
#[derive(Debug, PartialEq, Eq)]
struct Untouched {
    kernel: Dump,
    checkpoint: Option<Vec<u8>>,
    /// Its inode: a socket that was bound anew is another one.
    socket: Option<u64>,
    mutations: u64,
}

impl Take for DaemonRefuses {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.asks = true;
        ensure!(!self.says.is_empty(), "a refusal must say something: give says");
        plan.node(self.node.as_deref()).map(drop)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let settings = stage.settings(&name, &self.settings, self.settings_file.as_ref());
        let before = untouched(stage, &name).await?;
        let limit = Duration::from_secs(self.within_seconds);
        let node = &mut stage.world.node_mut(&name)?.node;
        let ended = node.daemon_that_ends(&settings, limit).await?;
        stage.acted(&name);
        let code = ended.status.code();
        match self.exit_code {
            Some(expected) => ensure!(
                code == Some(expected),
                "exit {code:?} instead of {expected}; it wrote:\n{}",
                ended.log
            ),
            None => ensure!(
                code.is_some_and(|code| code != 0),
                "{} instead of a refusal; it wrote:\n{}",
                ended.status,
                ended.log
            ),
        }
        says(&ended.log, &self.says)?;
        let after = untouched(stage, &name).await?;
        ensure!(
            before == after,
            "the daemon that refused touched something:\nbefore {before:?}\nafter  {after:?}"
        );
        stage.measured.refused += 1;
        Ok(format!("{}: exit {}", self.because, code.unwrap_or_default()))
    }
}

async fn untouched(stage: &Stage<'_>, name: &str) -> Result<Untouched> {
    let node = &stage.world.node(name)?.node;
    let file = |path: &str| node.host_path(path);
    Ok(Untouched {
        kernel: kernel::dump(node.netns()).await?,
        checkpoint: std::fs::read(file("/var/run/aws-node/ipam.json")?).ok(),
        socket: std::fs::metadata(file("/var/run/aws-node/enid.sock")?).ok().map(|found| found.ino()),
        mutations: stage.mutations().await?,
    })
}
