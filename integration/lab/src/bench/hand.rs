//! The bench's hand inside a node: a process there that executes and times what it is told. And the echo, which answers calls.

use anyhow::{Context, Result, ensure};
use floor::{Job, Took};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::time::timeout;

use crate::node::Node;

/// An ADD that waits for an address has 90 s.
const ORDER_SECONDS_MAX: u64 = 120;

/// A worker in a node; it ends with this.
pub(super) struct Hand {
    _process: Child,
    stdin: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Hand {
    pub(super) fn reach(node: &Node, floor: &Path) -> Result<Self> {
        let mut process = node
            .command(floor)?
            .arg("work")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the worker")?;
        let stdin = process.stdin.take().context("no stdin")?;
        let stdout = process.stdout.take().context("no stdout")?;
        Ok(Self { _process: process, stdin, answers: BufReader::new(stdout).lines() })
    }

    /// Does these at once, each timed by itself. One that failed fails all: there is nothing to compare then.
    pub(super) async fn together(&mut self, jobs: &[Job]) -> Result<Vec<Took>> {
        let took = self.attempt(jobs).await?;
        for one in &took {
            ensure!(one.exit_code == Some(0), "{}", why(one));
        }
        Ok(took)
    }

    /// The same, and failures are outcomes.
    pub(super) async fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Took>> {
        let mut order = serde_json::to_string(jobs)?;
        order.push('\n');
        self.stdin.write_all(order.as_bytes()).await.context("the worker is gone")?;
        let answer = timeout(Duration::from_secs(ORDER_SECONDS_MAX), self.answers.next_line());
        let line = answer.await.context("the worker does not answer")??.context("the worker is gone")?;
        let took: Vec<Took> = serde_json::from_str(&line).context("the worker's answer")?;
        ensure!(took.len() == jobs.len(), "{} answers to {} jobs", took.len(), jobs.len());
        Ok(took)
    }
}

/// How a job failed, in its own words.
pub(super) fn why(took: &Took) -> String {
    format!("a job ended with {:?}: {} {}", took.exit_code, took.stdout.trim(), took.said.trim())
}

/// Starts the echo in a node, and waits until it takes connections.
pub(super) async fn echo(node: &Node, floor: &Path, directory: &Path) -> Result<Child> {
    let mut process = node
        .command(floor)?
        .arg("echo")
        .arg(directory)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the echo")?;
    let stdout = process.stdout.take().context("no stdout")?;
    let mut said = BufReader::new(stdout).lines();
    let line = timeout(Duration::from_secs(ORDER_SECONDS_MAX), said.next_line())
        .await
        .context("the echo does not come up")??;
    ensure!(line.as_deref() == Some("ready"), "the echo did not come up");
    Ok(process)
}
