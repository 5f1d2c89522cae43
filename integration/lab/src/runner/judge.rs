//! The judge: what must hold at the end, asked of the region, the fabric, the kernel and the checkpoint. Collects everything
//! that does not, instead of stopping at the first.

use anyhow::{Result, bail};
use serde_json::Value;
use std::time::Duration;

use super::{Say, Stage, kernel};
use crate::node::Node;
use crate::pod::Pod;
use crate::until;

/// A namespace's links go a moment after it; rules are removed before DEL answers.
const GONE_SECONDS_MAX: u64 = 3;

impl Stage<'_> {
    pub(super) async fn judge(&mut self, say: Say<'_>) -> Result<()> {
        let mut wrong = self.region_wrong().await?;
        wrong.extend(self.journal_wrong().await?);
        if self.scenario.expect.marks_kept {
            wrong.extend(self.surroundings.marks_wrong().await?);
        }
        if self.scenario.expect.nothing_left {
            let leaks = self.leaks().await?;
            self.measured.leaks = Some(u32::try_from(leaks.len()).unwrap_or(u32::MAX));
            wrong.extend(leaks);
        }
        if let Some(expected) = self.scenario.expect.spoofed_packets {
            let drops = self.world.fabric().drops().await?;
            let total: u64 = drops.values().sum();
            if total != expected {
                wrong.push(format!(
                    "{total} packets were dropped for their source instead of {expected}, by ENI: {drops:?}"
                ));
            }
        }
        let calls: Vec<String> =
            self.journal().await?.iter().map(|(action, count)| format!("{action} {count}")).collect();
        say(&format!("journal  {}", calls.join(", ")));
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("{}{}", wrong.join("\n"), self.logs())
    }

    /// The region's own rules.
    async fn region_wrong(&self) -> Result<Vec<String>> {
        self.world.sound().await?;
        self.world
            .region()
            .ask(|desk| {
                let broken = desk.violations.iter().map(|text| format!("violation: {text}"));
                let audit = desk.region.audit().into_iter();
                broken.chain(audit.map(|text| format!("audit: {text}"))).collect()
            })
            .await
    }

    /// Calls that were not made, or made too often, or not expected at all.
    async fn journal_wrong(&self) -> Result<Vec<String>> {
        let expected = self.scenario.expect.journal.clone();
        let strict = self.scenario.expect.no_other_changes;
        let calls = self.journal().await?;
        let mut wrong: Vec<String> = expected
            .iter()
            .map(|(action, count)| (action, count, calls.get(action).copied().unwrap_or_default()))
            .filter(|(_, count, made)| *count != made)
            .map(|(action, count, made)| format!("{action} was called {made} times instead of {count}"))
            .collect();
        if strict {
            let changes = self
                .world
                .region()
                .ask(|desk| {
                    let entries = desk.region.journal().entries();
                    entries
                        .filter(|entry| entry.mutated)
                        .map(|entry| entry.action.clone())
                        .collect::<Vec<_>>()
                })
                .await?;
            let foreign = changes.iter().filter(|action| !expected.contains_key(*action));
            wrong.extend(foreign.map(|action| format!("{action} changed something, and was not expected")));
        }
        Ok(wrong)
    }

    /// Traces of pods that were deleted.
    async fn leaks(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for pod in &self.gone {
            let node = &self.world.node(&pod.node)?.node;
            let (Some(address), Some(host_link)) = (pod.address, pod.host_link.as_deref()) else {
                continue; // an ADD that was refused
            };
            let look = || async move {
                let mut traces = kernel::traces(node.netns(), address, host_link).await?;
                traces.extend(in_checkpoint(node, pod)?);
                Ok((!traces.is_empty()).then(|| traces.join("\n")))
            };
            if let Some(traces) = until::quiet(Duration::from_secs(GONE_SECONDS_MAX), look).await? {
                found.extend(
                    traces.lines().map(|trace| format!("left of pod {}: {trace}", pod.sandbox.pod_name)),
                );
            }
        }
        if found.is_empty() && self.gone.iter().all(|pod| pod.address.is_none()) {
            found.push("no pod that was wired has been deleted: nothing could have been left".to_owned());
        }
        Ok(found)
    }
}

/// The pod's allocation in the checkpoint, if there is one. A checkpoint that is not there or cannot be read is a finding too:
/// the pod had been in it.
fn in_checkpoint(node: &Node, pod: &Pod) -> Result<Option<String>> {
    let path = node.host_path("/var/run/aws-node/ipam.json")?;
    let Ok(text) = std::fs::read_to_string(&path) else {
        return Ok(Some("there is no checkpoint at all".to_owned()));
    };
    let Ok(image) = serde_json::from_str::<Value>(&text) else {
        return Ok(Some("the checkpoint is no JSON".to_owned()));
    };
    let Some(allocations) = image.get("allocations").and_then(Value::as_array) else {
        return Ok(Some("the checkpoint has no allocations list".to_owned()));
    };
    let own = allocations.iter().find(|allocation| {
        let id = allocation.get("containerID").and_then(Value::as_str);
        id == Some(pod.sandbox.container_id.as_str())
    });
    Ok(own.map(|allocation| format!("allocation {allocation}")))
}
