//! `delete`: pods stopped and removed as containerd does it, all at once.

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use serde::Deserialize;
use std::time::Duration;

use super::pods::{Chosen, PODS_SHOWN_MAX};
use super::{Take, within};
use crate::node::Node;
use crate::pod::Pod;
use crate::runner::Stage;
use crate::scenario::Plan;

/// See [`super::Step::Delete`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Delete {
    /// The pod.
    pod: Option<String>,
    /// The pods.
    #[serde(default)]
    pods: Vec<String>,
    /// The pods of the burst with this prefix.
    prefix: Option<String>,
    /// The slowest DEL, of those with the namespace, takes at most this long.
    within_milliseconds: Option<u64>,
}

impl Delete {
    fn chosen(&self) -> Chosen<'_> {
        Chosen { pod: self.pod.as_deref(), pods: &self.pods, prefix: self.prefix.as_deref() }
    }
}

impl Take for Delete {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        self.chosen().planned(plan)?.iter().try_for_each(|pod| plan.deletes(pod))
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let names = self.chosen().now(stage);
        let mut pods = Vec::new();
        for name in &names {
            let pod = stage.pods.remove(name).with_context(|| format!("there is no pod {name}"))?;
            stage.acted(&pod.node);
            pods.push(pod);
        }
        let world = &stage.world;
        let dels = pods.into_iter().map(|pod| async move {
            let node = &world.node(&pod.node)?.node;
            gone(node, pod).await
        });
        let done = try_join_all(dels).await?;
        let slowest = |of: fn(&(Pod, Duration, Duration)) -> Duration| {
            done.iter().map(of).max().unwrap_or_default().as_millis()
        };
        let outcome = format!(
            "{} gone after {} ms; again, without namespace and result, {} ms",
            if names.len() > PODS_SHOWN_MAX { format!("{} pods", names.len()) } else { names.join(", ") },
            slowest(|(_, first, _)| *first),
            slowest(|(_, _, second)| *second)
        );
        for (pod, took, _) in done {
            stage.gone.push(pod);
            within(took, self.within_milliseconds, "DEL ended")?;
        }
        Ok(outcome)
    }
}

/// DEL, the namespace, DEL again.
async fn gone(node: &Node, mut pod: Pod) -> Result<(Pod, Duration, Duration)> {
    let name = pod.sandbox.pod_name.clone();
    let first = pod.stop(node).await?;
    ensure!(first.exit_code == Some(0), "DEL of {name} failed: {}", first.summary());
    let second = pod.forget(node).await?;
    ensure!(
        second.exit_code == Some(0),
        "the second DEL of {name}, without namespace and result, failed: {}",
        second.summary()
    );
    Ok((pod, first.took, second.took))
}
