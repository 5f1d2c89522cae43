//! The judge: what must hold at the end, asked of the region, the fabric, the kernel, the checkpoint and the daemons. Looks at
//! everything, instead of stopping at the first; and what holds only because nothing was tried does not hold.

mod enis;

use anyhow::{Result, bail};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

use super::Stage;
use crate::audience::Audience;
use crate::kernel;
use crate::node::Node;
use crate::pod::Pod;
use crate::report::{CellReport, Seen};
use crate::scenario::Count;
use crate::until;

/// A namespace's links go a moment after it; rules are removed before DEL answers.
const GONE_SECONDS_MAX: u64 = 3;

/// Enough calls to see why there were too many.
const CALLS_SHOWN_MAX: usize = 10;

/// What a daemon tells lags what it did by a publication.
const TOLD_SECONDS_MAX: u64 = 3;

/// The actors that are not named.
const OTHERS: &str = "*";

impl Stage<'_> {
    pub(super) async fn judge(&mut self, report: &mut CellReport, audience: &dyn Audience) -> Result<()> {
        self.note_last_lives().await;
        let mut seen = vec![self.of_region().await?];
        seen.extend(self.of_journal().await?);
        seen.extend(self.of_packets().await?);
        seen.extend(self.of_watches());
        seen.extend(self.of_lives());
        if self.scenario.expect.marks_kept {
            let wrong = self.surroundings.marks_wrong().await?;
            seen.push(Seen::list("marks_kept", "every neighbour's marks as it set them", wrong));
        }
        if self.scenario.expect.nothing_left {
            seen.push(self.of_leaks().await?);
        }
        if let Some(count) = self.scenario.expect.enis {
            seen.extend(self.of_enis(count).await?);
        }
        let calls: Vec<String> =
            self.journal().await?.iter().map(|(action, count)| format!("{action} {count}")).collect();
        audience.line(&format!("journal  {}", calls.join(", ")));
        let wrong: Vec<String> = seen.iter().filter(|seen| !seen.holds).map(Seen::to_string).collect();
        report.expectations = seen;
        if wrong.is_empty() {
            return Ok(());
        }
        bail!("{}{}", wrong.join("\n"), self.logs())
    }

    /// What the daemons that still run tell, once it is what was expected of them or will not be any more.
    async fn note_last_lives(&mut self) {
        let names: Vec<String> = self.world.node_names().map(str::to_owned).collect();
        let before = self.lives.clone();
        let deadline = Instant::now() + Duration::from_secs(TOLD_SECONDS_MAX);
        loop {
            self.lives = before.clone();
            for name in &names {
                self.note_life(name).await;
            }
            if self.of_lives().iter().all(|seen| seen.holds) || Instant::now() > deadline {
                return;
            }
            until::pause().await;
        }
    }

    /// The region's own rules.
    async fn of_region(&self) -> Result<Seen> {
        self.world.sound().await?;
        let broken: Vec<String> = self
            .world
            .region()
            .ask(|desk| {
                let broken = desk.violations.iter().map(|text| format!("violation: {text}"));
                let audit = desk.region.audit().into_iter();
                broken.chain(audit.map(|text| format!("audit: {text}"))).collect()
            })
            .await?;
        Ok(Seen::list("region", "no rule of EC2 broken", broken))
    }

    /// Calls that were not made, or made too often, or not expected at all.
    async fn of_journal(&self) -> Result<Vec<Seen>> {
        let expect = &self.scenario.expect;
        let calls = self.journal().await?;
        let idle = calls.is_empty().then_some("no call at all was made to EC2");
        let mut seen = Vec::new();
        for (action, count) in &expect.journal {
            let made = calls.get(action).copied().unwrap_or_default();
            let mut one = Seen::counted(&format!("journal.{action}"), *count, made, idle);
            if !one.holds && made > 0 {
                one.seen.push_str(&self.calls_of(action.clone()).await?);
            }
            seen.push(one);
        }
        if let Some(count) = expect.mutating_calls {
            seen.push(Seen::counted("mutating_calls", count, self.mutations().await?, idle));
        }
        if expect.no_other_changes {
            let changes = self.changes().await?;
            let foreign = changes.into_iter().filter(|action| !expect.journal.contains_key(action));
            seen.push(Seen::list("no_other_changes", "no other action changed anything", foreign.collect()));
        }
        Ok(seen)
    }

    /// The calls of one action, each on a line: when, what was asked, what was answered.
    async fn calls_of(&self, action: String) -> Result<String> {
        self.world
            .region()
            .ask(move |desk| {
                let entries = desk.region.journal().entries().filter(|entry| entry.action == action);
                let lines = entries.take(CALLS_SHOWN_MAX).map(|entry| {
                    let asked = entry.params.iter().filter(|(key, _)| key != "Action" && key != "Version");
                    let asked: Vec<String> = asked.map(|(key, value)| format!("{key}={value}")).collect();
                    format!("\n  at {} ms, {}: {}", entry.at.as_millis(), asked.join(" "), entry.outcome)
                });
                lines.collect()
            })
            .await
    }

    /// The action of every call that changed something.
    async fn changes(&self) -> Result<Vec<String>> {
        self.world
            .region()
            .ask(|desk| {
                let entries = desk.region.journal().entries();
                entries.filter(|entry| entry.mutated).map(|entry| entry.action.clone()).collect()
            })
            .await
    }

    async fn of_packets(&self) -> Result<Vec<Seen>> {
        let (expect, measured) = (&self.scenario.expect, &self.measured);
        let mut seen = Vec::new();
        if let Some(count) = expect.spoofed_packets {
            let drops = self.world.fabric().drops().await?;
            let idle = (measured.sent() == 0).then_some("no packet was sent");
            let mut one = Seen::counted("spoofed_packets", count, drops.values().sum(), idle);
            if !one.holds {
                one.seen.push_str(&format!(", by ENI: {drops:?}"));
            }
            seen.push(one);
        }
        if let Some(count) = expect.packets_lost {
            let idle = (measured.answers_due() == 0).then_some("no packet was sent that had to be answered");
            seen.push(Seen::counted("packets_lost", count, measured.lost(), idle));
        }
        Ok(seen)
    }

    fn of_watches(&self) -> Option<Seen> {
        let count = self.scenario.expect.netlink_deletions?;
        let idle = self.measured.deletions.is_none().then_some("nobody watched");
        Some(Seen::counted("netlink_deletions", count, self.measured.deletions.unwrap_or_default(), idle))
    }

    /// What daemons told.
    fn of_lives(&self) -> Vec<Seen> {
        let expect = &self.scenario.expect;
        let idle = (self.lives.told == 0).then_some("no daemon was there to tell");
        let mut seen = Vec::new();
        for (key, expected, found) in [
            ("restarts", &expect.restarts, &self.lives.restarts),
            ("answers", &expect.answers, &self.lives.answers),
        ] {
            for (name, count) in expected {
                let many = if name == OTHERS {
                    others(found, expected)
                } else {
                    found.get(name).copied().unwrap_or_default()
                };
                seen.push(Seen::counted(&format!("{key}.{name}"), *count, many, idle));
            }
        }
        // An actor that nobody knows never restarts.
        let known = |name: &str| name == OTHERS || self.lives.restarts.contains_key(name);
        let unknown = expect.restarts.keys().filter(|name| self.lives.told > 0 && !known(name));
        let names: Vec<&str> = self.lives.restarts.keys().map(String::as_str).collect();
        let complaints =
            unknown.map(|name| format!("there is no actor {name}; there are: {}", names.join(", ")));
        let complaints: Vec<String> = complaints.collect();
        if !complaints.is_empty() {
            seen.push(Seen::list("restarts", "actors that the daemon has", complaints));
        }
        seen
    }

    /// Traces of pods that were deleted.
    async fn of_leaks(&mut self) -> Result<Seen> {
        let mut found = Vec::new();
        for pod in &self.gone {
            let node = &self.world.node(&pod.node)?.node;
            let (Some(address), Some(host_link)) = (pod.address, pod.host_link.as_deref()) else {
                continue; // an ADD that was refused
            };
            let taken = self.pods.values().any(|other| {
                other.node == pod.node
                    && (other.address == Some(address) || other.host_link.as_deref() == Some(host_link))
            });
            let look = || async move {
                // What carries the address or the name of a pod that runs now is that pod's.
                let mut traces =
                    if taken { Vec::new() } else { kernel::traces(node.netns(), address, host_link).await? };
                traces.extend(in_checkpoint(node, pod)?);
                Ok((!traces.is_empty()).then(|| traces.join("\n")))
            };
            if let Some(traces) = until::quiet(Duration::from_secs(GONE_SECONDS_MAX), look).await? {
                found.extend(
                    traces.lines().map(|trace| format!("left of pod {}: {trace}", pod.sandbox.pod_name)),
                );
            }
        }
        self.measured.leaks = Some(u32::try_from(found.len()).unwrap_or(u32::MAX));
        if found.is_empty() && self.gone.iter().all(|pod| pod.address.is_none()) {
            found.push("no pod that was wired has been deleted: nothing could have been left".to_owned());
        }
        Ok(Seen::list("nothing_left", "no trace of deleted pods", found))
    }
}

/// The sum over everything that is not named.
fn others(found: &BTreeMap<String, u64>, named: &BTreeMap<String, Count>) -> u64 {
    found.iter().filter(|(name, _)| !named.contains_key(*name)).map(|(_, many)| many).sum()
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
