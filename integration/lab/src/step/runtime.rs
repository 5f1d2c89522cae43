//! `runtime`: CHECK, GC or STATUS on the node's list.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{Take, says};
use crate::cni::{self, Verb};
use crate::runner::Stage;
use crate::scenario::Plan;

/// What the runtime does besides ADD and DEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RuntimeVerb {
    /// Is this pod still wired?
    Check,
    /// Frees what pods had that are not in `pods`.
    Gc,
    /// Would an ADD be served?
    Status,
}

/// See [`super::Step::Runtime`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Runtime {
    /// Where.
    node: Option<String>,
    /// Which.
    verb: RuntimeVerb,
    /// CHECK: the one pod that is looked at. GC: those that stay.
    #[serde(default)]
    pods: Vec<String>,
    /// So many plugins are executed, DELs of GC included.
    plugins: usize,
    /// The CNI code of a refusal; left out, it must succeed.
    code: Option<u64>,
    /// Every one of these is in the runtime's error.
    #[serde(default)]
    says: Vec<String>,
}

impl Take for Runtime {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        match self.verb {
            RuntimeVerb::Check => ensure!(self.pods.len() == 1, "CHECK is about one pod"),
            RuntimeVerb::Status => ensure!(self.pods.is_empty(), "STATUS is about no pod"),
            RuntimeVerb::Gc => {}
        }
        plan.node(self.node.as_deref())?;
        plan.asks |= self.plugins > 0;
        self.pods.iter().try_for_each(|pod| plan.runs(pod))
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        stage.acted(&name);
        let node = &stage.world.node(&name)?.node;
        let sandboxes = self
            .pods
            .iter()
            .map(|pod| Ok(&stage.pods.get(pod).with_context(|| format!("there is no pod {pod}"))?.sandbox));
        let sandboxes = sandboxes.collect::<Result<Vec<_>>>()?;
        let chained = match (self.verb, sandboxes.as_slice()) {
            (RuntimeVerb::Check, [one]) => cni::chained(node, Verb::Check, one).await?,
            (RuntimeVerb::Gc, all) => cni::collect(node, all).await?,
            _ => cni::status(node).await?,
        };
        let told = chained.errors.join("; ");
        let executed = chained.plugins.len();
        ensure!(executed == self.plugins, "{executed} plugins instead of {}: {told}", self.plugins);
        says(&told, &self.says)?;
        match self.code {
            None => ensure!(chained.succeeded(), "{:?} failed: {told}", self.verb),
            Some(code) => {
                let execution = chained.execution();
                ensure!(
                    execution.error_code() == Some(code),
                    "expected code {code}: {}",
                    execution.summary()
                );
                stage.measured.refused += 1;
            }
        }
        let came = if told.is_empty() { "succeeded" } else { told.as_str() };
        Ok(format!("{:?} on {name}: {executed} plugins, {came}", self.verb))
    }
}
