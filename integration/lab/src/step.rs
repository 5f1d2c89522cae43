//! Steps about what a node has around it. Each is one file: its keys, what must make sense before anything starts, and what it
//! does.

pub(crate) mod conflist;
pub(crate) mod neighbour;
pub(crate) mod runtime;
pub(crate) mod services;
pub(crate) mod visit;

use anyhow::Result;

use crate::runner::Stage;

/// What a step's type does.
pub(crate) trait Take {
    /// Refuses what could not mean what it says. Pure.
    fn check(&self) -> Result<()>;

    /// Does it; what came of it in words, or what was expected and did not come.
    async fn take(&self, stage: &mut Stage<'_>) -> Result<String>;
}
