//! `probe`: datagrams both ways, counted before the next step.

use anyhow::{Result, ensure};
use serde::Deserialize;

use super::Take;
use super::pods::{Chosen, PODS_SHOWN_MAX, check_peer, endpoint, vpc};
use crate::probe::probe;
use crate::runner::Stage;
use crate::scenario::Plan;

/// What a probe must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Reach {
    /// Every datagram is answered, from the peer to the pod and from the pod to the peer.
    #[default]
    BothWays,
    /// None is answered either way.
    Neither,
}

/// See [`super::Step::Probe`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Probe {
    /// The pod.
    pod: Option<String>,
    /// The pods.
    #[serde(default)]
    pods: Vec<String>,
    /// The pods of the burst with this prefix.
    prefix: Option<String>,
    /// `vpc`, the host elsewhere in the VPC; or another pod, on the same node or another.
    #[serde(default = "vpc")]
    peer: String,
    /// Datagrams each way.
    #[serde(default = "ten")]
    count: u32,
    /// What must come of it.
    #[serde(default)]
    reach: Reach,
}

impl Probe {
    fn chosen(&self) -> Chosen<'_> {
        Chosen { pod: self.pod.as_deref(), pods: &self.pods, prefix: self.prefix.as_deref() }
    }
}

impl Take for Probe {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        ensure!(self.count > 0, "a probe without datagrams shows nothing");
        let pods = self.chosen().planned(plan)?;
        check_peer(plan, &self.peer, &pods)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let peer = endpoint(stage, &self.peer)?;
        let mut found = Vec::new();
        for name in self.chosen().now(stage) {
            let pod = endpoint(stage, &name)?;
            let inward = probe(&peer.netns, peer.address, pod.address, self.count).await?;
            let outward = probe(&pod.netns, pod.address, peer.address, self.count).await?;
            let text = format!("{0} to {1} {inward}, {1} to {0} {outward}", peer.name, pod.name);
            match self.reach {
                Reach::BothWays => {
                    stage.measured.probed(inward);
                    stage.measured.probed(outward);
                    if !(inward.all() && outward.all()) {
                        let drops = stage.world.fabric().drops().await?;
                        anyhow::bail!("{text}; dropped for their source, by ENI: {drops:?}");
                    }
                }
                Reach::Neither => {
                    stage.measured.unanswered += inward.sent + outward.sent;
                    ensure!(inward.none() && outward.none(), "expected silence: {text}");
                }
            }
            found.push(text);
        }
        if found.len() > PODS_SHOWN_MAX {
            let sent = u64::from(self.count) * 2 * found.len() as u64;
            let came = if self.reach == Reach::BothWays { "all" } else { "none" };
            return Ok(format!(
                "{} pods with {}, {sent} packets both ways: {came} answered",
                found.len(),
                peer.name
            ));
        }
        Ok(found.join("; "))
    }
}

const fn ten() -> u32 {
    10
}
