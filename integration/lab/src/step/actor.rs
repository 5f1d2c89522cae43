//! `actor`: one actor of a daemon is harmed, over the socket that a build for shipping refuses.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::Take;
use crate::runner::Stage;
use crate::scenario::Plan;
use crate::until;

/// Where a daemon of the lab takes orders, if a step of its scenario gives one.
pub(crate) const FAULT_SOCKET: &str = "/var/run/aws-node/fault.sock";

/// An answer takes a turn of the daemon's loop.
const ANSWER_SECONDS_MAX: u64 = 10;

/// An actor that was harmed a moment ago runs again by then.
const RUNS_SECONDS_MAX: u64 = 15;

/// See [`super::Step::Actor`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Actor {
    /// Where.
    node: Option<String>,
    /// Its name, as metrics have it.
    actor: String,
    /// What it is to suffer.
    order: Order,
    /// For so long, where it lasts.
    milliseconds: Option<u64>,
}

/// What an actor is to suffer; the words are the daemon's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// It panics at once.
    Panic,
    /// It panics over whatever it takes in next.
    PanicNext,
    /// Its thread blocks for so long, or until it is thrown away.
    Stall,
    /// It keeps itself busy with mail to itself for so long, or until it is thrown away.
    Flood,
    /// Its calls are made from now on, and their outcome never comes.
    StallEffects,
    /// Its connection is broken.
    Break,
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::PanicNext => "panic_next",
            Self::Stall => "stall",
            Self::Flood => "flood",
            Self::StallEffects => "stall_effects",
            Self::Break => "break",
        }
    }
}

impl Actor {
    /// The order as the daemon reads it.
    fn line(&self) -> String {
        let duration = self.milliseconds.map(|milliseconds| format!(" {milliseconds}"));
        format!("{} {}{}", self.order.word(), self.actor, duration.unwrap_or_default())
    }
}

impl Take for Actor {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.node(self.node.as_deref())?;
        let lasts = matches!(self.order, Order::Stall | Order::Flood);
        ensure!(
            lasts == self.milliseconds.is_some(),
            "{} {} milliseconds",
            self.order.word(),
            if lasts { "needs" } else { "has no" }
        );
        ensure!(
            !self.actor.is_empty() && self.actor.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'),
            "`{}` is no actor's name",
            self.actor
        );
        plan.harms(&self.actor);
        Ok(())
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let socket = stage.world.node(&name)?.node.host_path(FAULT_SOCKET)?;
        let line = self.line();
        let (socket, said) = (socket.as_path(), line.as_str());
        let limit = Duration::from_secs(RUNS_SECONDS_MAX);
        stage.acted(&name);
        match until::quiet(limit, || not_yet(socket, said)).await? {
            None => Ok(format!("{line} on {name}")),
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

pub(crate) async fn converse(socket: &Path, line: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(format!("{line}\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
