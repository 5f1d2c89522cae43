//! `conflist`: the node gets another list of plugins; plugins of somebody else that it names are put into its directory.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use super::Take;
use crate::cni::{self, foreign};
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Conflist`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Conflist {
    /// Where.
    node: Option<String>,
    /// As `/etc/cni/net.d/10-aws.conflist` has it. A `type` that begins with `foreign-` is the lab's own plugin, whose part of
    /// the list may say `speaks`, `adds` and `fails`.
    list: Value,
}

impl Conflist {
    fn kinds(&self) -> impl Iterator<Item = &str> {
        self.plugins().filter_map(kind)
    }

    fn plugins(&self) -> impl Iterator<Item = &Value> {
        self.list.get("plugins").and_then(Value::as_array).into_iter().flatten()
    }
}

fn kind(plugin: &Value) -> Option<&str> {
    plugin.get("type").and_then(Value::as_str)
}

impl Take for Conflist {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.node(self.node.as_deref())?;
        ensure!(self.kinds().next().is_some(), "the list has no plugins");
        cni::readable(&self.list.to_string())
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let node = &stage.world.node(&name)?.node;
        for plugin in self.plugins() {
            if let Some(kind) = kind(plugin).filter(|kind| kind.starts_with("foreign-")) {
                foreign::install(node, kind, plugin.get("speaks"))?;
            }
        }
        let file = node.host_path(&format!("{}/{}", cni::LISTS, cni::LIST_FILE))?;
        let directory = file.parent().context("no directory for the list")?;
        std::fs::create_dir_all(directory).context("cannot make the directory of lists")?;
        std::fs::write(&file, self.list.to_string()).context("cannot write the list")?;
        let kinds: Vec<&str> = self.kinds().collect();
        Ok(format!("{name} has {}", kinds.join(", ")))
    }
}
