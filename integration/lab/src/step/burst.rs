//! `burst`: many pods at once.

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::time::Duration;

use super::pods::{Asked, Kills, When, ask, refused, wired};
use super::{Take, not_before, within};
use crate::runner::Stage;
use crate::scenario::Plan;

/// More at once than a node starts: kubelet starts five, and a pod costs the lab two processes.
const PODS_MAX: u32 = 200;

/// See [`super::Step::Burst`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Burst {
    /// Where.
    node: Option<String>,
    /// The pods are called `prefix-1`, `prefix-2`, …
    prefix: String,
    /// So many pods.
    count: u32,
    /// Exactly so many succeed; all of them if left out.
    ok: Option<u32>,
    /// The CNI code of the others.
    code: Option<u64>,
    /// The cause of the others.
    cause: Option<String>,
    /// The slowest takes at most this long.
    within_milliseconds: Option<u64>,
    /// The slowest takes at least this long.
    at_least_milliseconds: Option<u64>,
    /// EC2 is asked to change something at most this often, from the first ADD to the last one's end.
    mutating_calls_max: Option<u64>,
    /// Meanwhile the daemon is killed and started again so often, each time once ADDs wait in its line.
    #[serde(default)]
    daemon_kills: u32,
    /// Meanwhile the daemon is killed and started again, each time once EC2 was asked for the next of these.
    #[serde(default)]
    killed_after: Vec<String>,
}

impl Take for Burst {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        plan.node(self.node.as_deref())?;
        ensure!((1..=PODS_MAX).contains(&self.count), "count must be 1 to {PODS_MAX}");
        let ok = self.ok.unwrap_or(self.count);
        ensure!(ok <= self.count, "{ok} of {} pods cannot succeed", self.count);
        ensure!((ok < self.count) == self.code.is_some(), "some are refused: give ok and code, or neither");
        ensure!(self.cause.is_none() || self.code.is_some(), "a cause belongs to a code");
        self.names().iter().try_for_each(|name| plan.adds(name))
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let node = stage.node_name(self.node.as_deref())?;
        let before = stage.mutations().await?;
        let settings = stage.settings(&node, &Default::default(), None);
        let kills = Kills { whens: self.whens(), settings };
        let asked = ask(stage, &node, self.names(), Some(&kills)).await?;
        let mutations = stage.mutations().await? - before;
        let slowest = asked.iter().map(|asked| asked.execution.took).max().unwrap_or_default();
        let succeeded = self.judge(stage, &node, asked).await?;
        within(slowest, self.within_milliseconds, "the slowest ADD ended")?;
        not_before(slowest, self.at_least_milliseconds, "the slowest ADD")?;
        if let Some(max) = self.mutating_calls_max {
            ensure!(mutations <= max, "{mutations} calls changed something instead of at most {max}");
        }
        Ok(self.outcome(succeeded, slowest, mutations))
    }
}

impl Burst {
    fn whens(&self) -> Vec<When> {
        let asked = self.killed_after.iter().enumerate().map(|(place, action)| {
            let earlier = self.killed_after.iter().take(place).filter(|other| *other == action).count();
            When::Asked(action.clone(), u64::try_from(earlier).unwrap_or(u64::MAX).saturating_add(1))
        });
        (0..self.daemon_kills).map(|_| When::InLine).chain(asked).collect()
    }

    fn names(&self) -> Vec<String> {
        (1..=self.count).map(|number| format!("{}-{number}", self.prefix)).collect()
    }

    /// Each is what it may be, and as many succeeded as must.
    async fn judge(&self, stage: &mut Stage<'_>, node: &str, asked: Vec<Asked>) -> Result<u32> {
        let mut succeeded = 0;
        for Asked { name, pod, execution } in asked {
            match self.code {
                Some(code) if execution.exit_code != Some(0) => {
                    refused(&execution, code, self.cause.as_deref()).context(name.clone())?;
                    stage.measured.refused += 1;
                }
                _ => {
                    wired(stage, node, &pod, &execution).await.context(name.clone())?;
                    succeeded += 1;
                }
            }
            stage.pods.insert(name, pod);
        }
        let expected = self.ok.unwrap_or(self.count);
        if succeeded != expected {
            bail!("{succeeded} of {} ADDs succeeded instead of {expected}", self.count);
        }
        Ok(succeeded)
    }

    fn outcome(&self, succeeded: u32, slowest: Duration, mutations: u64) -> String {
        format!(
            "{succeeded} of {} pods {}-… after {} ms at most; EC2 changed {mutations} times",
            self.count,
            self.prefix,
            slowest.as_millis()
        )
    }
}
