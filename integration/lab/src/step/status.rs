//! `status_start` and `status_stop`: STATUS again and again, while the next steps are taken.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::time::Duration;

use super::Take;
use crate::cni::Place;
use crate::runner::Stage;
use crate::scenario::Plan;
use crate::status_watch::StatusWatch;

/// See [`super::Step::StatusStart`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusStart {
    /// Where.
    node: Option<String>,
    /// Between two questions.
    #[serde(default = "hundred")]
    interval_milliseconds: u64,
}

/// See [`super::Step::StatusStop`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct StatusStop {
    /// Where.
    node: Option<String>,
    /// Not before it was asked so often.
    #[serde(default = "one")]
    asked_min: u64,
}

impl Take for StatusStart {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        ensure!(self.interval_milliseconds > 0, "interval_milliseconds must be 1 or more");
        let node = plan.node(self.node.as_deref())?;
        plan.status_starts(node)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let interval = Duration::from_millis(self.interval_milliseconds);
        let watch = StatusWatch::start(Place::of(&stage.world.node(&name)?.node)?, interval);
        stage.statuses.insert(name.clone(), watch);
        Ok(format!("{name} is asked every {interval:?}"))
    }
}

impl Take for StatusStop {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        ensure!(self.asked_min > 0, "asked_min must be 1 or more");
        let node = plan.node(self.node.as_deref())?;
        plan.status_stops(&node)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let watch = stage.statuses.remove(&name).context("nobody asks")?;
        let told = watch.stop(self.asked_min).await?;
        let outcome = format!(
            "{name} was asked {} times, {} failures, the slowest after {} ms",
            told.asked,
            told.failed,
            told.slowest.as_millis()
        );
        ensure!(told.failed == 0, "{outcome}:\n{}", told.failures.join("\n"));
        Ok(outcome)
    }
}

const fn hundred() -> u64 {
    100
}

const fn one() -> u64 {
    1
}
