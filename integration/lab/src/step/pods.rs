//! What steps about pods share: which pods they mean, how pods come to be, and where datagrams go.

use anyhow::{Context, Result, bail, ensure};
use futures::future::{join, try_join_all};
use region::EniId;
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::cni::Execution;
use crate::metrics;
use crate::netns::Netns;
use crate::node::{Node, Settings};
use crate::pod::Pod;
use crate::probe::Echo;
use crate::runner::Stage;
use crate::scenario::Plan;
use crate::until;

/// The peer that is no pod: the host elsewhere in the VPC.
pub(super) const VPC: &str = "vpc";

/// Who answers visits and is no pod: the host on the internet.
pub(crate) const INTERNET: &str = "internet";

/// Of more pods a step tells the number.
pub(super) const PODS_SHOWN_MAX: usize = 2;

/// By then a daemon that was just started is so far that it can be killed again, though EC2 takes its time.
const KILLED_WITHIN: Duration = Duration::from_secs(20);

/// How a step says which pods it means: exactly one of the three.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chosen<'a> {
    pub(super) pod: Option<&'a str>,
    pub(super) pods: &'a [String],
    pub(super) prefix: Option<&'a str>,
}

impl Chosen<'_> {
    /// The names, before anything is started.
    pub(super) fn planned(self, plan: &Plan) -> Result<Vec<String>> {
        let ways = [self.pod.is_some(), !self.pods.is_empty(), self.prefix.is_some()];
        ensure!(ways.into_iter().filter(|way| *way).count() == 1, "give exactly one of pod, pods, prefix");
        let names = match self.prefix {
            Some(prefix) => plan.with_prefix(prefix),
            None => self.named(),
        };
        ensure!(!names.is_empty(), "there are no pods {}-… now", self.prefix.unwrap_or_default());
        names.iter().try_for_each(|name| plan.runs(name))?;
        Ok(names)
    }

    /// The names, in the run.
    pub(super) fn now(self, stage: &Stage<'_>) -> Vec<String> {
        self.prefix.map_or_else(|| self.named(), |prefix| stage.with_prefix(prefix))
    }

    fn named(self) -> Vec<String> {
        self.pod.map(str::to_owned).into_iter().chain(self.pods.iter().cloned()).collect()
    }
}

/// A pod whose ADD has ended, one way or the other.
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) pod: Pod,
    pub(super) execution: Execution,
}

/// When the daemon is killed.
pub(super) enum When {
    /// An ADD waits in its line.
    InLine,
    /// EC2 was asked for this so often since the first ADD.
    Asked(String, u64),
}

/// What happens to the daemon while ADDs are under way.
pub(super) struct Kills {
    pub(super) whens: Vec<When>,
    /// What it is started with again.
    pub(super) settings: Settings,
}

/// The runtime makes a sandbox for each pod, and executes their ADDs at once.
pub(super) async fn ask(
    stage: &mut Stage<'_>,
    node: &str,
    names: Vec<String>,
    kills: Option<&Kills>,
) -> Result<Vec<Asked>> {
    stage.acted(node);
    let numbered: Vec<(String, u32)> = names.into_iter().map(|name| (name, stage.next_sandbox())).collect();
    let before = stage.journal().await?;
    let stage: &Stage<'_> = stage;
    let run = stage.world.run();
    let node = &stage.world.node(node)?.node;
    let sandboxes = numbered.into_iter().map(|(name, number)| async move {
        let pod = Pod::create(run, node, &name, number).await?;
        anyhow::Ok((name, pod))
    });
    let sandboxes = try_join_all(sandboxes).await?;
    let over = Cell::new(false);
    let adds = sandboxes.into_iter().map(|(name, mut pod)| async move {
        let execution = pod.add(node).await.with_context(|| format!("pod {name}"))?;
        anyhow::Ok(Asked { name, pod, execution })
    });
    let adds = async {
        let asked = try_join_all(adds).await;
        over.set(true);
        asked
    };
    let killed = async {
        let Some(kills) = kills else { return Ok(()) };
        for (time, when) in (1..).zip(&kills.whens) {
            let look = || not_yet(stage, node, when, &before, &over);
            if let Some(complaint) = until::quiet(KILLED_WITHIN, look).await? {
                bail!("the daemon was not killed for the {time}. time: {complaint}");
            }
            ensure!(!over.get(), "all ADDs had ended before the daemon was killed for the {time}. time");
            node.kill_daemon().await?;
            node.start_daemon(&kills.settings).await?;
        }
        anyhow::Ok(())
    };
    // Both to their ends: a daemon that does not come back is told of before the ADDs that miss it.
    let (asked, killed) = join(adds, killed).await;
    killed?;
    asked
}

/// It is not time to kill the daemon, and not all ADDs have ended. `before`: the journal before the first.
async fn not_yet(
    stage: &Stage<'_>,
    node: &Node,
    when: &When,
    before: &BTreeMap<String, u64>,
    over: &Cell<bool>,
) -> Result<Option<String>> {
    let complaint = match when {
        When::InLine => {
            let page = node.health("/metrics").await.map(|(_, page)| page).unwrap_or_default();
            metrics::waiting(&page).is_none_or(|waiting| waiting == 0).then(|| "no ADD waits".to_owned())
        }
        When::Asked(action, often) => {
            let calls = |journal: &BTreeMap<String, u64>| journal.get(action).copied().unwrap_or_default();
            let asked = calls(&stage.journal().await?).saturating_sub(calls(before));
            (asked < *often).then(|| format!("{asked} calls of {action} instead of {often}"))
        }
    };
    Ok(complaint.filter(|_| !over.get()))
}

/// An ADD that succeeded is held against the region: the address is a secondary one of an ENI of this very node, and no other
/// pod has it. Returns the ENI and its device index.
pub(super) async fn wired(
    stage: &mut Stage<'_>,
    node: &str,
    pod: &Pod,
    execution: &Execution,
) -> Result<(EniId, u32)> {
    ensure!(execution.exit_code == Some(0), "ADD failed: {}", execution.summary());
    let (_, address) = pod.running()?;
    let twice = stage.pods.iter().find(|(_, other)| other.netns.is_some() && other.address == Some(address));
    if let Some((other, _)) = twice {
        bail!("{address} is pod {other}'s already");
    }
    let carrier = carrier(stage, node, address).await?;
    stage.measured.added(execution.took);
    Ok(carrier)
}

/// The ENI of this node that the region has the address on, not as its own, and its device index.
async fn carrier(stage: &Stage<'_>, node: &str, address: Ipv4Addr) -> Result<(EniId, u32)> {
    let instance = stage.world.node(node)?.instance.clone();
    let found = stage
        .world
        .region()
        .ask(move |desk| {
            desk.region.enis_of(&instance).into_iter().find_map(|eni| {
                let pods = eni.blocks().into_iter().any(|block| block.contains(&address));
                let device = eni.attachment.as_ref()?.device_index;
                (pods && eni.primary != address).then(|| (eni.id.clone(), device))
            })
        })
        .await?;
    found.with_context(|| format!("the region has {address} on no ENI of {node} as a pod's address"))
}

/// An ADD that had to be refused: what it said.
pub(super) fn refused(execution: &Execution, code: u64, cause: Option<&str>) -> Result<String> {
    ensure!(
        execution.exit_code != Some(0) && execution.error_code() == Some(code),
        "expected a refusal with code {code}: {}",
        execution.summary()
    );
    let error = execution.object().unwrap_or_default();
    let said = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
    if let Some(cause) = cause {
        ensure!(said("details") == cause, "expected cause {cause}: {}", execution.summary());
    }
    Ok(said("msg").to_owned())
}

/// Where datagrams come from and go to.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) name: String,
    pub(super) netns: Netns,
    pub(super) address: Ipv4Addr,
}

/// A peer that answers: a pod, or the host in the VPC.
pub(super) fn endpoint(stage: &mut Stage<'_>, name: &str) -> Result<Endpoint> {
    if name == VPC {
        let outside = stage.world.outside();
        return Ok(Endpoint {
            name: "VPC".to_owned(),
            netns: outside.netns.clone(),
            address: outside.address,
        });
    }
    let pod = stage.pods.get_mut(name).with_context(|| format!("there is no pod {name}"))?;
    let (netns, address) = pod.running()?;
    let netns = netns.clone();
    if pod.echo.is_none() {
        pod.echo = Some(Echo::start(&netns, address)?);
    }
    Ok(Endpoint { name: name.to_owned(), netns, address })
}

/// The peer exists, and is not one of those it is a peer of.
pub(super) fn check_peer(plan: &mut Plan, peer: &str, pods: &[String]) -> Result<()> {
    if peer != VPC {
        plan.sends(peer)?;
        ensure!(!pods.iter().any(|pod| pod == peer), "pod {peer} cannot be its own peer");
    }
    pods.iter().try_for_each(|pod| plan.sends(pod))
}

pub(super) fn vpc() -> String {
    VPC.to_owned()
}
