//! `traffic_start` and `traffic_stop`: datagrams while the next steps are taken.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::Take;
use super::pods::{Chosen, VPC, check_peer, endpoint, vpc};
use crate::runner::Stage;
use crate::scenario::Plan;
use crate::traffic::{Stream, Traffic};

/// See [`super::Step::TrafficStart`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficStart {
    /// What `traffic_stop` calls it.
    #[serde(default = "traffic")]
    name: String,
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
    /// Between two datagrams of one direction.
    #[serde(default = "ten")]
    interval_milliseconds: u64,
}

/// See [`super::Step::TrafficStop`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficStop {
    /// As `traffic_start` called it.
    #[serde(default = "traffic")]
    name: String,
    /// So many datagrams may be lost, of all directions together.
    #[serde(default)]
    packets_lost_max: u32,
}

impl TrafficStart {
    fn chosen(&self) -> Chosen<'_> {
        Chosen { pod: self.pod.as_deref(), pods: &self.pods, prefix: self.prefix.as_deref() }
    }
}

impl Take for TrafficStart {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        ensure!(self.interval_milliseconds > 0, "interval_milliseconds must be 1 or more");
        let pods = self.chosen().planned(plan)?;
        check_peer(plan, &self.peer, &pods)?;
        let mut needed: BTreeSet<String> = pods.into_iter().collect();
        if self.peer != VPC {
            needed.insert(self.peer.clone());
        }
        plan.traffic_starts(&self.name, needed)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let interval = Duration::from_millis(self.interval_milliseconds);
        let peer = endpoint(stage, &self.peer)?;
        let mut traffic = Traffic::default();
        for name in self.chosen().now(stage) {
            let pod = endpoint(stage, &name)?;
            for (from, to) in [(&peer, &pod), (&pod, &peer)] {
                let label = format!("{} to {}", from.name, to.name);
                let meter = Arc::clone(&stage.meter);
                traffic.add(Stream::start(label, &from.netns, (from.address, to.address), interval, meter)?);
            }
        }
        traffic.flows().await?;
        let outcome = format!("{}: {} directions, every {interval:?}", self.name, traffic.directions());
        stage.traffic.insert(self.name.clone(), traffic);
        Ok(outcome)
    }
}

impl Take for TrafficStop {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.traffic_stops(&self.name)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let traffic =
            stage.traffic.remove(&self.name).with_context(|| format!("no traffic {}", self.name))?;
        let (mut sent, mut lost) = (0, 0);
        let mut lossy = Vec::new();
        let directions = traffic.stop().await?;
        for (label, probed) in &directions {
            ensure!(probed.sent > 0, "{label}: nothing was sent, so that nothing could be lost");
            sent += probed.sent;
            lost += probed.sent - probed.answered;
            stage.measured.flowed(*probed);
            if probed.answered < probed.sent {
                lossy.push(format!("; {label} {probed}"));
            }
        }
        let outcome =
            format!("{lost} of {sent} packets lost, in {} directions{}", directions.len(), lossy.concat());
        ensure!(lost <= self.packets_lost_max, "expected at most {} lost: {outcome}", self.packets_lost_max);
        Ok(outcome)
    }
}

const fn ten() -> u64 {
    10
}

fn traffic() -> String {
    "traffic".to_owned()
}
