//! The step that harms one actor of a daemon.

use anyhow::{Context, Result, ensure};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Stage;
use crate::scenario::{Actor, FAULT_SOCKET};

/// An answer takes a turn of the daemon's loop.
const ANSWER_SECONDS_MAX: u64 = 10;

impl Stage<'_> {
    pub(super) async fn actor(&mut self, step: &Actor) -> Result<String> {
        let name = self.node_name(step.node.as_deref())?;
        let socket = self.world.node(&name)?.node.host_path(FAULT_SOCKET)?;
        let line = step.line();
        let conversation = async {
            let mut stream = UnixStream::connect(&socket).await?;
            stream.write_all(format!("{line}\n").as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            std::io::Result::Ok(answer)
        };
        let answer = timeout(Duration::from_secs(ANSWER_SECONDS_MAX), conversation)
            .await
            .with_context(|| format!("the daemon does not answer `{line}`"))?
            .with_context(|| {
                format!("cannot tell the daemon `{line}`: does one run that was built for tests?")
            })?;
        ensure!(answer == "ok\n", "the daemon answers `{line}` with {answer:?}");
        Ok(line)
    }
}
