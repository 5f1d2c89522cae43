//! `stop`, `kill` and `restart`: the daemon's end, asked for or not, and its next life.

use anyhow::Result;
use serde::Deserialize;

use super::{Take, within};
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Stop`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stop {
    /// Where.
    node: Option<String>,
}

/// See [`super::Step::Kill`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kill {
    /// Where.
    node: Option<String>,
}

/// See [`super::Step::Restart`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Restart {
    /// Where.
    node: Option<String>,
    /// SIGKILL instead of SIGTERM.
    #[serde(default)]
    kill: bool,
    /// From another file of the same build, put in the program's place while it runs.
    #[serde(default)]
    upgrade: bool,
    /// So often, one after the other.
    #[serde(default = "once")]
    times: u32,
    /// Ready after at most this long, from its start.
    within_milliseconds: Option<u64>,
}

impl Take for Stop {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.node(self.node.as_deref()).map(drop)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        stage.note_life(&name).await;
        let took = stage.world.node_mut(&name)?.node.stop_daemon().await?;
        stage.acted(&name);
        Ok(format!("stopped in {} ms", took.as_millis()))
    }
}

impl Take for Kill {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.node(self.node.as_deref()).map(drop)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        stage.note_life(&name).await;
        stage.world.node_mut(&name)?.node.kill_daemon().await?;
        stage.acted(&name);
        Ok("killed".to_owned())
    }
}

impl Take for Restart {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        anyhow::ensure!(self.times > 0, "a restart that happens 0 times is none");
        plan.node(self.node.as_deref()).map(drop)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let settings = stage.settings(&name, &Default::default(), None);
        let mut slowest = std::time::Duration::ZERO;
        for _ in 0..self.times {
            stage.note_life(&name).await;
            let node = &mut stage.world.node_mut(&name)?.node;
            if self.upgrade {
                node.replace_daemon()?;
            }
            if self.kill {
                node.kill_daemon().await?;
            } else {
                node.stop_daemon().await?;
            }
            let took = node.start_daemon(&settings).await?;
            stage.acted(&name);
            stage.measured.started(took);
            within(took, self.within_milliseconds, "ready")?;
            slowest = slowest.max(took);
        }
        let how = if self.kill { "killed" } else { "stopped" };
        let how = if self.upgrade { format!("replaced and {how}") } else { how.to_owned() };
        let often = if self.times == 1 { String::new() } else { format!(" {} times", self.times) };
        Ok(format!("{name} {how}{often}, ready again in {} ms", slowest.as_millis()))
    }
}

const fn once() -> u32 {
    1
}
