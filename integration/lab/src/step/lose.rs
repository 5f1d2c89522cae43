//! `lose`: what a runtime that crashed or lost its disk leaves of a pod, without a DEL.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Take;
use crate::cni;
use crate::runner::Stage;
use crate::scenario::Plan;

/// What is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Lost {
    /// The runtime's result of its ADD: it does not know the pod any more, which lives on.
    Result,
    /// That, and its sandbox.
    Sandbox,
}

/// See [`super::Step::Lose`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lose {
    /// Whose.
    pod: String,
    /// What.
    what: Lost,
}

impl Take for Lose {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.runs(&self.pod)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let pod = stage.pods.get_mut(&self.pod).context("there is no such pod")?;
        let name = pod.node.clone();
        cni::lose_result(&stage.world.node(&name)?.node, &pod.sandbox)?;
        let done = match self.what {
            Lost::Result => "the runtime does not know it any more",
            Lost::Sandbox => {
                pod.lose_sandbox().await?;
                "gone without a DEL"
            }
        };
        stage.acted(&name);
        Ok(format!("{}: {done}", self.pod))
    }
}
