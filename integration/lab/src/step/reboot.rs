//! `reboot`: a node goes down without a warning and comes up again.

use anyhow::Result;
use serde::Deserialize;

use super::Take;
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Reboot`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reboot {
    /// Where.
    node: Option<String>,
}

impl Take for Reboot {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        let node = plan.node(self.node.as_deref())?;
        plan.reboots(&node)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        stage.note_life(&name).await;
        let mut sandboxes = 0;
        for pod in stage.pods.values_mut().filter(|pod| pod.node == name) {
            sandboxes += u32::from(pod.lose_sandbox().await?);
        }
        let boot = stage.world.reboot(&name).await?;
        stage.acted(&name);
        Ok(format!("{name} is up again, boot {boot}; {sandboxes} sandboxes are gone"))
    }
}
