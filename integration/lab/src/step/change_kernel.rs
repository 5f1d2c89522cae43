//! `change_kernel`: what another program, or a hurried administrator, does to a node. A closed set; a change that finds nothing
//! to change is an error.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{Take, says};
use crate::cni::{self, Verb};
use crate::kernel;
use crate::netns::Netns;
use crate::runner::Stage;
use crate::scenario::Plan;

/// A change is made so often at most for CHECK to see it: one that is put back is put back within milliseconds, mostly later than
/// CHECK looks.
const CHECKS_MAX: u32 = 200;

/// What CHECK answers to damage.
const DAMAGED: u64 = 101;

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Change {
    /// Every rule with the pod's address goes.
    DeletePodRules,
    /// The route to the pod goes.
    DeletePodRoute,
    /// The node's end of the pod's link goes.
    DeletePodLink,
    /// The node's end of the pod's link goes down.
    PodLinkDown,
    /// Every rule of one priority goes.
    DeleteRulesAt,
    /// Every route of one table goes.
    DeleteTableRoutes,
    /// The ENI's own address goes from its device.
    DeleteEniAddress,
    /// The ENI's device goes down.
    LinkDown,
    /// The ENI's device gets this `rp_filter`.
    SetRpFilter,
    /// An nft table goes.
    DeleteNftTable,
}

/// What CHECK of a pod says of the change.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// Of this one.
    pod: String,
    /// Every one of these is in the runtime's error.
    says: Vec<String>,
}

/// See [`super::Step::ChangeKernel`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeKernel {
    /// Where; the pod's node where a pod is named.
    node: Option<String>,
    /// What.
    change: Change,
    /// Of this pod.
    pod: Option<String>,
    /// Of the ENI with this device index.
    device: Option<u32>,
    /// Rules of this priority.
    priority: Option<u32>,
    /// Routes of this table.
    table: Option<u32>,
    /// The new `rp_filter`.
    value: Option<u32>,
    /// Family and name of an nft table, as `nft` has them.
    nft_table: Option<String>,
    /// CHECK must see it, though the daemon puts back what it misses.
    seen_by_check: Option<Seen>,
}

impl Take for ChangeKernel {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        let keys: Vec<&str> = self.given();
        let wanted = self.change.wants();
        ensure!(keys == wanted, "this change needs {}, and no other key", wanted.join(" and "));
        if let Some(seen) = &self.seen_by_check {
            plan.asks = true;
            plan.runs(&seen.pod)?;
        }
        match &self.pod {
            Some(pod) => plan.runs(pod),
            None => plan.node(self.node.as_deref()).map(drop),
        }
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let (name, mut done) = self.make(stage).await?;
        stage.acted(&name);
        if let Some(seen) = &self.seen_by_check {
            let mut told = seen.ask(stage).await;
            for _ in 1..CHECKS_MAX {
                if told.is_ok() {
                    break;
                }
                // Perhaps it was put back before CHECK looked. If it was not, there may be nothing to change.
                done = self.make(stage).await.map_or(done, |(_, done)| done);
                told = seen.ask(stage).await;
            }
            told?;
            stage.measured.refused += 1;
        }
        Ok(format!("{name}: {done}"))
    }
}

impl Seen {
    /// CHECK finds the pod damaged, in these words.
    async fn ask(&self, stage: &Stage<'_>) -> Result<()> {
        let pod = stage.pods.get(&self.pod).context("there is no such pod")?;
        let node = &stage.world.node(&pod.node)?.node;
        let chained = cni::chained(node, Verb::Check, &pod.sandbox).await?;
        says(&chained.errors.join("; "), &self.says)?;
        let execution = chained.execution();
        ensure!(execution.error_code() == Some(DAMAGED), "expected code {DAMAGED}: {}", execution.summary());
        Ok(())
    }
}

impl Change {
    /// The keys it needs.
    fn wants(self) -> Vec<&'static str> {
        match self {
            Self::DeletePodRules | Self::DeletePodRoute | Self::DeletePodLink | Self::PodLinkDown => {
                vec!["pod"]
            }
            Self::DeleteRulesAt => vec!["priority"],
            Self::DeleteTableRoutes => vec!["table"],
            Self::DeleteEniAddress | Self::LinkDown => vec!["device"],
            Self::SetRpFilter => vec!["device", "value"],
            Self::DeleteNftTable => vec!["nft_table"],
        }
    }
}

impl ChangeKernel {
    /// Where it was made, and what it did.
    async fn make(&self, stage: &Stage<'_>) -> Result<(String, String)> {
        let pod =
            self.pod.as_ref().map(|name| stage.pods.get(name).context("there is no such pod")).transpose()?;
        let name = match pod {
            Some(pod) => pod.node.clone(),
            None => stage.node_name(self.node.as_deref())?,
        };
        let netns = stage.world.node(&name)?.node.netns();
        let done = match (self.change, pod) {
            (Change::DeleteRulesAt, _) => {
                delete_rules(netns, |line| line.starts_with(&format!("{}:", self.number(self.priority))))
                    .await?
            }
            (Change::DeleteTableRoutes, _) => delete_routes(netns, &self.number(self.table)).await?,
            (_, Some(pod)) => {
                let link = pod.host_link.as_deref().context("the pod has no link")?;
                self.of_pod(netns, &pod.running()?.1.to_string(), link).await?
            }
            (_, None) => self.of_device(netns).await?,
        };
        Ok((name, done))
    }

    fn given(&self) -> Vec<&'static str> {
        [
            ("pod", self.pod.is_some()),
            ("device", self.device.is_some()),
            ("priority", self.priority.is_some()),
            ("table", self.table.is_some()),
            ("value", self.value.is_some()),
            ("nft_table", self.nft_table.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
        .collect()
    }

    /// A number that `check` has seen.
    fn number(&self, given: Option<u32>) -> String {
        given.unwrap_or_default().to_string()
    }

    async fn of_pod(&self, netns: &Netns, address: &str, link: &str) -> Result<String> {
        match self.change {
            Change::DeletePodRules => {
                delete_rules(netns, |line| line.split_whitespace().any(|word| word == address)).await
            }
            Change::DeletePodRoute => {
                netns.ip(&["route", "del", address, "dev", link]).await?;
                Ok(format!("the route to {address} deleted"))
            }
            Change::PodLinkDown => {
                netns.ip(&["link", "set", link, "down"]).await?;
                Ok(format!("{link} down"))
            }
            _ => {
                netns.ip(&["link", "del", link]).await?;
                Ok(format!("{link} deleted"))
            }
        }
    }

    async fn of_device(&self, netns: &Netns) -> Result<String> {
        let device = format!("eth{}", self.device.unwrap_or_default());
        match self.change {
            Change::DeleteEniAddress => {
                let shown = netns.ip(&["-o", "-4", "addr", "show", "dev", &device]).await?;
                ensure!(!shown.trim().is_empty(), "{device} has no address that could be deleted");
                netns.ip(&["-4", "addr", "flush", "dev", &device]).await?;
                Ok(format!("{device} without an address"))
            }
            Change::LinkDown => {
                netns.ip(&["link", "set", &device, "down"]).await?;
                Ok(format!("{device} down"))
            }
            Change::SetRpFilter => {
                let value = self.number(self.value);
                netns.sysctl(&[(&format!("ipv4/conf/{device}/rp_filter"), &value)])?;
                Ok(format!("rp_filter of {device} is {value}"))
            }
            _ => {
                let table = self.nft_table.as_deref().unwrap_or_default();
                netns.nft(&format!("delete table {table}\n")).await?;
                Ok(format!("nft table {table} deleted"))
            }
        }
    }
}

/// Deletes the rules whose line, as `ip rule` prints it, is wanted.
async fn delete_rules(netns: &Netns, wanted: impl Fn(&str) -> bool) -> Result<String> {
    let rules = kernel::rules(netns).await?;
    let found: Vec<&String> = rules.iter().filter(|line| wanted(line)).collect();
    ensure!(!found.is_empty(), "there is no such rule; there are:\n{}", rules.join("\n"));
    let mut lines = String::new();
    for line in &found {
        let (priority, rest) = line.split_once(':').context("a rule without a priority")?;
        lines.push_str(&format!("rule del priority {priority} {}\n", rest.trim()));
    }
    netns.ip_batch(&lines).await?;
    Ok(format!("{} rules deleted", found.len()))
}

async fn delete_routes(netns: &Netns, table: &str) -> Result<String> {
    let shown = netns.ip(&["route", "show", "table", table]).await.unwrap_or_default();
    let count = shown.lines().count();
    ensure!(count > 0, "table {table} has no route that could be deleted");
    netns.ip(&["route", "flush", "table", table]).await?;
    Ok(format!("{count} routes of table {table} deleted"))
}
