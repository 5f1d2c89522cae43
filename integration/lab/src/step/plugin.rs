//! `plugin`: the plugin fed with what no runtime would send.

use anyhow::{Result, ensure};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::{Take, says};
use crate::cni;
use crate::netns::Netns;
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Plugin`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plugin {
    /// Where.
    node: Option<String>,
    /// What is shown, for the report.
    because: String,
    /// Its whole environment; `$NETNS` stands for the path of a namespace made for this step.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Its arguments.
    #[serde(default)]
    arguments: Vec<String>,
    /// Its stdin.
    #[serde(default)]
    stdin: String,
    /// Its exit code.
    exit_code: i32,
    /// The CNI code it prints.
    code: Option<u64>,
    /// Every one of these is in what it prints.
    #[serde(default)]
    says: Vec<String>,
}

impl Take for Plugin {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.asks = true;
        plan.node(self.node.as_deref()).map(drop)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let number = stage.next_sandbox();
        let netns = Netns::create(stage.world.run().namespace(&format!("{name}-pod{number}"))).await?;
        let environment = self
            .environment
            .iter()
            .map(|(key, value)| (key.clone(), value.replace("$NETNS", &netns.path().display().to_string())))
            .collect();
        let node = &stage.world.node(&name)?.node;
        let execution = cni::plugin_with(node, &environment, &self.arguments, &self.stdin).await?;
        ensure!(
            execution.exit_code == Some(self.exit_code),
            "expected exit {}: {}",
            self.exit_code,
            execution.summary()
        );
        if let Some(code) = self.code {
            ensure!(
                execution.error_code() == Some(code),
                "expected CNI code {code}: {}",
                execution.summary()
            );
        }
        says(&execution.stdout, &self.says)?;
        let links = netns.ip(&["-br", "link"]).await?;
        ensure!(
            self.exit_code == 0 || links.lines().count() == 1,
            "a refused call left something in the pod's namespace:\n{links}"
        );
        netns.remove().await?;
        if self.exit_code != 0 {
            stage.measured.refused += 1;
        }
        Ok(format!("{}: exit {}", self.because, self.exit_code))
    }
}
