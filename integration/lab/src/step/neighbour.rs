//! `neighbour`: an agent with mark bits of its own settles on the node.

use anyhow::{Result, ensure};
use serde::Deserialize;
use std::time::Duration;

use super::Take;
use crate::neighbour::Neighbour as Agent;
use crate::proxy::Form;
use crate::runner::Stage;

/// An agent that owns the upper half of every mark.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Neighbour {
    /// Where.
    pub node: Option<String>,
    /// Which tool's rules it writes.
    pub form: Form,
    /// Between two loads of its tables.
    #[serde(default = "hundred")]
    pub reload_milliseconds: u64,
}

impl Take for Neighbour {
    fn check(&self) -> Result<()> {
        ensure!(self.reload_milliseconds > 0, "a neighbour that always reloads does nothing else");
        Ok(())
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let netns = stage.world.node(&name)?.node.netns().clone();
        let pause = Duration::from_millis(self.reload_milliseconds);
        let agent = Agent::start(netns, self.form, pause).await?;
        stage.surroundings.neighbours.insert(name.clone(), agent);
        Ok(format!("on {name}, which reloads its tables every {} ms", self.reload_milliseconds))
    }
}

fn hundred() -> u64 {
    100
}
