//! `wait`: until something holds.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

use super::pods::{VPC, endpoint};
use super::{Take, fifteen};
use crate::cni::Place;
use crate::kernel;
use crate::metrics;
use crate::node::Node;
use crate::probe::probe;
use crate::runner::Stage;
use crate::scenario::{Count, Plan};
use crate::until;

/// See [`super::Step::Wait`]: exactly one condition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// Where.
    node: Option<String>,
    /// Until the daemon is ready.
    #[serde(default)]
    ready: bool,
    /// Until the journal has at least this many calls of this action.
    journal: Option<WaitJournal>,
    /// Until the daemon's metrics have a line that begins so.
    metric: Option<String>,
    /// Until `/readyz` says this, whatever its status.
    readyz_says: Option<String>,
    /// Until the daemon's log has this.
    log_says: Option<String>,
    /// Until there is a file in the node's directories whose path begins so.
    file: Option<String>,
    /// Until the daemon counts so many free addresses.
    addresses_free: Option<Count>,
    /// Until each of these pods answers from the VPC and reaches it.
    #[serde(default)]
    pods_reachable: Vec<String>,
    /// Until the node has so many rules with a pod's address.
    pod_rules: Option<WaitRules>,
    /// Until the node's list has the runtime tell every plugin this version.
    list_offers: Option<String>,
    /// Until the node's nft ruleset has a line with this.
    nft_says: Option<String>,
    /// No longer than this.
    #[serde(default = "fifteen")]
    within_seconds: u64,
}

/// A number of calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitJournal {
    /// Of this action.
    action: String,
    /// At least.
    count: u64,
}

/// A number of rules.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WaitRules {
    /// With the address of this pod.
    pod: String,
    /// So many.
    count: Count,
}

impl Take for Wait {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.node(self.node.as_deref())?;
        let given: Vec<&str> =
            self.conditions().into_iter().filter_map(|(name, given)| given.then_some(name)).collect();
        if given.len() != 1 {
            let all: Vec<&str> = self.conditions().into_iter().map(|(name, _)| name).collect();
            bail!("wait for exactly one of {}", all.join(", "));
        }
        self.metric.iter().for_each(|metric| plan.looks_at(metric));
        self.pods_reachable.iter().try_for_each(|pod| plan.sends(pod))?;
        self.pod_rules.iter().try_for_each(|rules| plan.runs(&rules.pod))
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let name = stage.node_name(self.node.as_deref())?;
        let begun = Instant::now();
        let deadline = begun + Duration::from_secs(self.within_seconds);
        loop {
            let Some(complaint) = self.missing(stage, &name).await? else { break };
            ensure!(Instant::now() < deadline, "not after {} s: {complaint}", self.within_seconds);
            until::pause().await;
        }
        Ok(format!("{} after {} ms", self.words(), begun.elapsed().as_millis()))
    }
}

impl Wait {
    fn conditions(&self) -> [(&'static str, bool); 11] {
        [
            ("ready", self.ready),
            ("journal", self.journal.is_some()),
            ("metric", self.metric.is_some()),
            ("readyz_says", self.readyz_says.is_some()),
            ("log_says", self.log_says.is_some()),
            ("file", self.file.is_some()),
            ("addresses_free", self.addresses_free.is_some()),
            ("pods_reachable", !self.pods_reachable.is_empty()),
            ("pod_rules", self.pod_rules.is_some()),
            ("list_offers", self.list_offers.is_some()),
            ("nft_says", self.nft_says.is_some()),
        ]
    }

    /// What is still missing of the condition.
    async fn missing(&self, stage: &mut Stage<'_>, name: &str) -> Result<Option<String>> {
        for pod in &self.pods_reachable {
            if let Some(complaint) = unreachable(stage, pod).await? {
                return Ok(Some(complaint));
            }
        }
        if !self.pods_reachable.is_empty() {
            return Ok(None);
        }
        if let Some(wanted) = &self.journal {
            let calls = stage.journal().await?;
            let count = calls.get(&wanted.action).copied().unwrap_or_default();
            return Ok((count < wanted.count).then(|| format!("{count} calls of {}", wanted.action)));
        }
        if let Some(wanted) = &self.pod_rules {
            return rules_wrong(stage, wanted).await;
        }
        let node = &stage.world.node(name)?.node;
        if let Some(words) = &self.nft_says {
            let ruleset = node.netns().run("nft", &["list", "ruleset"], "").await?;
            let said = ruleset.lines().any(|line| line.contains(words.as_str()));
            return Ok((!said).then(|| format!("`{words}` is not in the ruleset:\n{ruleset}")));
        }
        if let Some(path) = &self.file {
            return Ok((!begins(&node.host_path(path)?)?).then(|| format!("there is no {path}…")));
        }
        if let Some(wanted) = &self.list_offers {
            let offered = Place::of(node)?.version()?;
            return Ok((offered.as_ref() != Some(wanted)).then(|| format!("the list offers {offered:?}")));
        }
        if let Some(words) = &self.log_says {
            let said = node.log().contains(words.as_str());
            return Ok(
                (!said).then(|| format!("`{words}` is not in the log, which ends:\n{}", node.log_tail()))
            );
        }
        self.not_told(node).await
    }

    /// What the daemon's pages do not say yet.
    async fn not_told(&self, node: &Node) -> Result<Option<String>> {
        let of_metrics = self.metric.is_some() || self.addresses_free.is_some();
        let path = if of_metrics { "/metrics" } else { "/readyz" };
        let (status, body) = match node.health(path).await {
            Ok(answer) => answer,
            Err(error) => return Ok(Some(format!("{error:#}"))),
        };
        let found = if let Some(line) = &self.metric {
            body.lines().any(|found| found.starts_with(line.as_str()))
        } else if let Some(count) = self.addresses_free {
            metrics::free_addresses(&body).is_some_and(|free| count.fits(free))
        } else if let Some(words) = &self.readyz_says {
            body.contains(words.as_str())
        } else {
            status == 200
        };
        Ok((!found).then(|| format!("{path} answers {status}: {}", body.trim())))
    }

    fn words(&self) -> String {
        match self {
            Self { journal: Some(wanted), .. } => format!("{} × {}", wanted.count, wanted.action),
            Self { metric: Some(line), .. } => format!("metric {line}"),
            Self { readyz_says: Some(words), .. } => format!("/readyz says {words}"),
            Self { log_says: Some(words), .. } => format!("the log says {words}"),
            Self { file: Some(path), .. } => format!("{path}… is there"),
            Self { addresses_free: Some(count), .. } => format!("free addresses: {count}"),
            Self { list_offers: Some(version), .. } => format!("the list offers {version}"),
            Self { pod_rules: Some(rules), .. } => format!("rules of {}: {}", rules.pod, rules.count),
            Self { nft_says: Some(words), .. } => format!("nft says {words}"),
            Self { pods_reachable: pods, .. } if !pods.is_empty() => format!("{} reachable", pods.join(", ")),
            _ => "ready".to_owned(),
        }
    }
}

/// What of a pod does not answer.
async fn unreachable(stage: &mut Stage<'_>, pod: &str) -> Result<Option<String>> {
    let outside = endpoint(stage, VPC)?;
    let pod = endpoint(stage, pod)?;
    let inward = probe(&outside.netns, outside.address, pod.address, 1).await?;
    let outward = probe(&pod.netns, pod.address, outside.address, 1).await?;
    stage.measured.unanswered += inward.sent + outward.sent;
    let reached = inward.all() && outward.all();
    Ok((!reached).then(|| format!("VPC to {0} {inward}, {0} to VPC {outward}", pod.name)))
}

/// The rules with a pod's address, if they are not as many as wanted.
async fn rules_wrong(stage: &Stage<'_>, wanted: &WaitRules) -> Result<Option<String>> {
    let pod = stage.pods.get(&wanted.pod).with_context(|| format!("there is no pod {}", wanted.pod))?;
    let address = pod.running()?.1.to_string();
    let rules = kernel::rules(stage.world.node(&pod.node)?.node.netns()).await?;
    let own: Vec<&String> =
        rules.iter().filter(|line| line.split_whitespace().any(|word| word == address)).collect();
    let fits = u64::try_from(own.len()).is_ok_and(|count| wanted.count.fits(count));
    Ok((!fits).then(|| format!("{} rules with {address}: {own:?}", own.len())))
}

/// Is there a file whose path begins so?
fn begins(path: &Path) -> Result<bool> {
    let directory = path.parent().context("a path without a directory")?;
    let start = path.file_name().unwrap_or_default().to_string_lossy();
    let entries = std::fs::read_dir(directory).context("cannot list the node's directory")?;
    Ok(entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with(&*start)))
}
