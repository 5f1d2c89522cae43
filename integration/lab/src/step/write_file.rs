//! `write_file`: something that a node finds on its disk.

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Take;
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::WriteFile`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteFile {
    /// Where.
    node: Option<String>,
    /// As the node knows it, in one of its own directories.
    path: String,
    /// What is written.
    content: String,
}

impl Take for WriteFile {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.node(self.node.as_deref()).map(drop)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let path = stage.world.node(&name)?.node.host_path(&self.path)?;
        std::fs::write(&path, &self.content).with_context(|| format!("cannot write {}", self.path))?;
        Ok(format!("{}: {} bytes", self.path, self.content.len()))
    }
}
