//! `neighbour`: an agent with mark bits of its own settles on the node.

use anyhow::{Result, ensure};
use serde::Deserialize;
use std::time::Duration;

use super::Take;
use crate::neighbour::Neighbour as Agent;
use crate::proxy::Form;
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Neighbour`]: it owns the upper half of every mark.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Neighbour {
    /// Where.
    node: Option<String>,
    /// Which tool's rules it writes.
    form: Form,
    /// Between two loads of its tables.
    #[serde(default = "hundred")]
    reload_milliseconds: u64,
}

impl Take for Neighbour {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        ensure!(self.reload_milliseconds > 0, "a neighbour that always reloads does nothing else");
        let node = plan.node(self.node.as_deref())?;
        plan.settles(node)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let netns = stage.world.node(&name)?.node.netns().clone();
        let pause = Duration::from_millis(self.reload_milliseconds);
        let agent = Agent::start(netns, self.form, pause).await?;
        stage.acted(&name);
        stage.surroundings.neighbours.insert(name.clone(), agent);
        Ok(format!("on {name}, which reloads its tables every {} ms", self.reload_milliseconds))
    }
}

fn hundred() -> u64 {
    100
}
