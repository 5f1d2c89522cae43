//! `add`: one pod.

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::pods::{Asked, INTERNET, VPC, ask, refused, wired};
use super::{Take, not_before, within};
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Add`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Add {
    /// Name of the pod; one that was deleted may come back under its name.
    pod: String,
    /// Where.
    node: Option<String>,
    /// The CNI code of a refusal; left out, ADD must succeed.
    code: Option<u64>,
    /// The label of the refusal's cause.
    cause: Option<String>,
    /// At most this long.
    within_milliseconds: Option<u64>,
    /// At least this long: it really had to wait.
    at_least_milliseconds: Option<u64>,
    /// Device index of the ENI that the region has the pod's address on.
    device: Option<u32>,
}

impl Take for Add {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.node(self.node.as_deref())?;
        ensure!(self.pod != VPC, "a pod cannot be called `{VPC}`: probes call the host in the VPC so");
        ensure!(self.pod != INTERNET, "a pod cannot be called `{INTERNET}`: visits call the host there so");
        ensure!(
            self.cause.is_none() || self.code.is_some(),
            "a cause belongs to a refusal: give its code too"
        );
        plan.adds(&self.pod)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let node = stage.node_name(self.node.as_deref())?;
        let mut outcome = String::new();
        for Asked { name, pod, execution } in ask(stage, &node, vec![self.pod.clone()], None).await? {
            within(execution.took, self.within_milliseconds, "ADD ended")?;
            not_before(execution.took, self.at_least_milliseconds, "ADD")?;
            outcome = if let Some(code) = self.code {
                let said = refused(&execution, code, self.cause.as_deref())?;
                stage.measured.refused += 1;
                format!("{name} refused with {code}: {said}")
            } else {
                let (eni, device) = wired(stage, &node, &pod, &execution).await?;
                let address = pod.running()?.1;
                if let Some(expected) = self.device {
                    ensure!(
                        device == expected,
                        "{address} is on {eni}, device {device} instead of {expected}"
                    );
                }
                format!(
                    "{name} has {address} on {eni} (eth{device}) after {} ms, host side {}",
                    execution.took.as_millis(),
                    pod.host_link.as_deref().unwrap_or("-")
                )
            };
            stage.pods.insert(name, pod);
        }
        Ok(outcome)
    }
}
