//! The step that harms one actor of a daemon.

use anyhow::{Context, Result, bail};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Stage;
use crate::scenario::{Actor, FAULT_SOCKET};
use crate::until;

/// An answer takes a turn of the daemon's loop.
const ANSWER_SECONDS_MAX: u64 = 10;

/// An actor that was harmed a moment ago runs again by then.
const RUNS_SECONDS_MAX: u64 = 15;

impl Stage<'_> {
    pub(super) async fn actor(&mut self, step: &Actor) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        let socket = self.world.node(&name)?.node.host_path(FAULT_SOCKET)?;
        let line = step.line();
        let (socket, said) = (socket.as_path(), line.as_str());
        let limit = Duration::from_secs(RUNS_SECONDS_MAX);
        match until::quiet(limit, || not_yet(socket, said)).await? {
            None => Ok(line),
            Some(complaint) => {
                bail!("the daemon answers `{line}` for {RUNS_SECONDS_MAX} s with {complaint:?}")
            }
        }
    }
}

/// Gives the order; the answer comes back if the actor is between two lives.
async fn not_yet(socket: &Path, line: &str) -> Result<Option<String>> {
    let answer = timeout(Duration::from_secs(ANSWER_SECONDS_MAX), converse(socket, line))
        .await
        .with_context(|| format!("the daemon does not answer `{line}`"))?
        .with_context(|| {
            format!("cannot tell the daemon `{line}`: does one run that was built for tests?")
        })?;
    match answer.trim_end() {
        "ok" => Ok(None),
        later if later.contains("does not run") => Ok(Some(later.to_owned())),
        other => bail!("the daemon answers `{line}` with {other:?}"),
    }
}

async fn converse(socket: &Path, line: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
