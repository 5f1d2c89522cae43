//! `start`: daemons, one node's or several nodes' at once.

use anyhow::{Result, ensure};
use futures::future::try_join_all;
use serde::Deserialize;
use std::collections::BTreeMap;

use super::{Take, within};
use crate::node::Settings;
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Start`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Start {
    /// Where.
    node: Option<String>,
    /// Where, on several nodes at once.
    #[serde(default)]
    nodes: Vec<String>,
    /// Environment on top of the node's, for this start.
    #[serde(default)]
    settings: BTreeMap<String, String>,
    /// Content of `/etc/enid/enid.toml`.
    settings_file: Option<String>,
    /// Without any capability: it sees the kernel and can change nothing.
    #[serde(default)]
    powerless: bool,
    /// Ready after at most this long.
    within_milliseconds: Option<u64>,
}

impl Start {
    /// The nodes it names.
    fn named(&self) -> Vec<Option<&str>> {
        if self.nodes.is_empty() {
            return vec![self.node.as_deref()];
        }
        self.nodes.iter().map(|name| Some(name.as_str())).collect()
    }
}

impl Take for Start {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        ensure!(self.node.is_none() || self.nodes.is_empty(), "give node or nodes, not both");
        plan.starts = true;
        self.named().into_iter().try_for_each(|name| plan.node(name).map(drop))
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let names: Vec<String> =
            self.named().into_iter().map(|name| stage.node_name(name)).collect::<Result<_>>()?;
        let settings: BTreeMap<String, _> = names
            .iter()
            .map(|name| {
                let settings = stage.settings(name, &self.settings, self.settings_file.as_ref());
                (name.clone(), Settings { powerless: self.powerless, ..settings })
            })
            .collect();
        let starts = stage.world.nodes_mut().filter_map(|(name, lab)| {
            let settings = settings.get(name)?;
            Some(async move { lab.node.start_daemon(settings).await })
        });
        let took = try_join_all(starts).await?;
        for name in &names {
            stage.acted(name);
        }
        for took in &took {
            stage.measured.started(*took);
            within(*took, self.within_milliseconds, "ready")?;
        }
        let slowest = took.iter().max().copied().unwrap_or_default();
        Ok(match took.len() {
            1 => format!("ready in {} ms", slowest.as_millis()),
            many => format!("{many} nodes ready, the slowest in {} ms", slowest.as_millis()),
        })
    }
}
