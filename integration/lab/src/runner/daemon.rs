//! Steps about the daemon: starting, stopping, killing, refusing, and waiting for what it says.

use anyhow::{Context, Result, bail, ensure};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

use super::Stage;
use super::kernel::{self, Dump};
use crate::scenario::{DaemonRefuses, Restart, Start, Stop, Wait, WriteFile};
use crate::until;

/// What must be the same before and after a daemon that refused.
#[derive(Debug, PartialEq, Eq)]
struct Untouched {
    kernel: Dump,
    checkpoint: Option<Vec<u8>>,
    /// Its inode: a socket that was bound anew is another one.
    socket: Option<u64>,
    mutations: u64,
}

impl Stage<'_> {
    pub(super) async fn start(&mut self, step: &Start) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        let settings = self.settings(&name, &step.settings, step.settings_file.as_ref());
        let took = self.world.node_mut(&name)?.node.start_daemon(&settings).await?;
        self.measured.started(took);
        within(took, step.within_milliseconds, "ready")?;
        Ok(format!("ready in {} ms", took.as_millis()))
    }

    pub(super) async fn stop(&mut self, step: &Stop) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        let took = self.world.node_mut(&name)?.node.stop_daemon().await?;
        Ok(format!("stopped in {} ms", took.as_millis()))
    }

    pub(super) async fn kill(&mut self, step: &Stop) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        self.world.node_mut(&name)?.node.kill_daemon().await?;
        Ok("killed".to_owned())
    }

    pub(super) async fn restart(&mut self, step: &Restart) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        let settings = self.settings(&name, &Default::default(), None);
        let node = &mut self.world.node_mut(&name)?.node;
        if step.kill {
            node.kill_daemon().await?;
        } else {
            node.stop_daemon().await?;
        }
        let took = node.start_daemon(&settings).await?;
        self.measured.started(took);
        within(took, step.within_milliseconds, "ready")?;
        let how = if step.kill { "killed" } else { "stopped" };
        Ok(format!("{how}, ready again in {} ms", took.as_millis()))
    }

    pub(super) async fn daemon_refuses(&mut self, step: &DaemonRefuses) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        let settings = self.settings(&name, &step.settings, step.settings_file.as_ref());
        let before = self.untouched(&name).await?;
        let limit = Duration::from_secs(step.within_seconds);
        let node = &mut self.world.node_mut(&name)?.node;
        let ended = node.daemon_that_ends(&settings, limit).await?;
        let code = ended.status.code();
        match step.exit_code {
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
        says(&ended.log, &step.says)?;
        let after = self.untouched(&name).await?;
        ensure!(
            before == after,
            "the daemon that refused touched something:\nbefore {before:?}\nafter  {after:?}"
        );
        self.measured.refused += 1;
        Ok(format!("{}: exit {}", step.because, code.unwrap_or_default()))
    }

    async fn untouched(&self, name: &str) -> Result<Untouched> {
        let node = &self.world.node(name)?.node;
        let file = |path: &str| node.host_path(path);
        let mutations = self.world.region().ask(|desk| desk.region.journal().mutations());
        Ok(Untouched {
            kernel: kernel::dump(node.netns()).await?,
            checkpoint: std::fs::read(file("/var/run/aws-node/ipam.json")?).ok(),
            socket: std::fs::metadata(file("/var/run/aws-node/enid.sock")?).ok().map(|found| found.ino()),
            mutations: mutations.await?,
        })
    }

    pub(super) async fn wait(&mut self, step: &Wait) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        let begun = Instant::now();
        let limit = Duration::from_secs(step.within_seconds);
        let stage = &*self;
        let name = name.as_str();
        let complaint = until::quiet(limit, || stage.missing(step, name)).await?;
        if let Some(complaint) = complaint {
            bail!("not after {} s: {complaint}", limit.as_secs());
        }
        Ok(format!("{} after {} ms", condition(step), begun.elapsed().as_millis()))
    }

    /// What is still missing of the condition.
    async fn missing(&self, step: &Wait, name: &str) -> Result<Option<String>> {
        let node = &self.world.node(name)?.node;
        if let Some(wanted) = &step.journal {
            let calls = self.journal().await?;
            let count = calls.get(&wanted.action).copied().unwrap_or_default();
            return Ok((count < wanted.count).then(|| format!("{count} calls of {}", wanted.action)));
        }
        if let Some(path) = &step.file {
            return Ok((!begins(&node.host_path(path)?)?).then(|| format!("there is no {path}…")));
        }
        let path = if step.metric.is_some() { "/metrics" } else { "/readyz" };
        let (status, body) = match node.health(path).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Some(format!("{error:#}"))),
        };
        let found = if let Some(line) = &step.metric {
            body.lines().any(|found| found.starts_with(line.as_str()))
        } else if let Some(words) = &step.readyz_says {
            body.contains(words.as_str())
        } else {
            status == 200
        };
        Ok((!found).then(|| format!("{path} answers {status}: {}", body.trim())))
    }

    pub(super) fn write_file(&self, step: &WriteFile) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        let path = self.world.node(&name)?.node.host_path(&step.path)?;
        std::fs::write(&path, &step.content).with_context(|| format!("cannot write {}", step.path))?;
        Ok(format!("{}: {} bytes", step.path, step.content.len()))
    }
}

/// Is there a file whose path begins so?
fn begins(path: &Path) -> Result<bool> {
    let directory = path.parent().context("a path without a directory")?;
    let start = path.file_name().unwrap_or_default().to_string_lossy();
    let entries = std::fs::read_dir(directory).context("cannot list the node's directory")?;
    Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(&*start)))
}

fn condition(step: &Wait) -> String {
    match step {
        Wait { journal: Some(wanted), .. } => format!("{} × {}", wanted.count, wanted.action),
        Wait { metric: Some(line), .. } => format!("metric {line}"),
        Wait { readyz_says: Some(words), .. } => format!("/readyz says {words}"),
        Wait { file: Some(path), .. } => format!("{path}… is there"),
        _ => "ready".to_owned(),
    }
}

/// Every word is in the text.
pub(super) fn says(text: &str, words: &[String]) -> Result<()> {
    for word in words {
        ensure!(text.contains(word.as_str()), "`{word}` is not in what it said:\n{text}");
    }
    Ok(())
}

/// Not later than expected.
pub(super) fn within(took: Duration, milliseconds: Option<u64>, what: &str) -> Result<()> {
    if let Some(limit) = milliseconds {
        ensure!(
            took <= Duration::from_millis(limit),
            "{what} after {} ms instead of {limit} ms",
            took.as_millis()
        );
    }
    Ok(())
}
