//! `watch_start` and `watch_stop`: what is deleted in a node's kernel meanwhile.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Take;
use crate::kernel_watch::KernelWatch;
use crate::runner::{Stage, Watched};
use crate::scenario::{Count, Plan};

/// Enough of what was deleted to see why.
const SHOWN_MAX: usize = 10;

/// See [`super::Step::WatchStart`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchStart {
    /// Where.
    node: Option<String>,
}

/// See [`super::Step::WatchStop`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WatchStop {
    /// Where.
    node: Option<String>,
    /// So many links, addresses, routes and rules were deleted.
    deletions: Count,
}

impl Take for WatchStart {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        let node = plan.node(self.node.as_deref())?;
        plan.watch_starts(node)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let watch = KernelWatch::start(stage.world.node(&name)?.node.netns()).await?;
        let acts = stage.acts(&name);
        stage.watches.insert(name.clone(), Watched { watch, acts });
        Ok(format!("{name}: links, addresses, routes and rules"))
    }
}

impl Take for WatchStop {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        let node = plan.node(self.node.as_deref())?;
        plan.watch_stops(&node)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let Watched { watch, acts } = stage.watches.remove(&name).context("nobody watches")?;
        let deleted = watch.stop().await?;
        ensure!(
            stage.acts(&name) > acts,
            "while {name} was watched nothing was done on it: no daemon began or ended, no pod came or went, nothing was changed"
        );
        let count = u64::try_from(deleted.len()).unwrap_or(u64::MAX);
        let shown: Vec<&str> = deleted.iter().take(SHOWN_MAX).map(String::as_str).collect();
        stage.measured.watched(count);
        ensure!(
            self.deletions.fits(count),
            "{count} deletions instead of {}:\n{}",
            self.deletions,
            shown.join("\n")
        );
        Ok(format!("{count} deletions on {name}"))
    }
}
