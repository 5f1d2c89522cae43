//! `change_pod`: what another hand does inside a pod's namespace, or to the node's end of its link. A closed set; a change that
//! finds nothing to change is an error.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Take;
use crate::netns::Netns;
use crate::runner::Stage;
use crate::scenario::Plan;

/// The pods' next hop.
const GATEWAY: &str = "169.254.1.1";

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PodChange {
    /// Its address goes.
    DeleteAddress,
    /// Its default route goes.
    DeleteDefaultRoute,
    /// Its route to the next hop goes, and the default route comes back without it.
    DeleteNextHopRoute,
    /// Its entry for the next hop goes.
    DeleteNeighbour,
    /// Its interface goes down.
    LinkDown,
    /// Its interface gets this MTU.
    SetMtu,
    /// Its interface gets another name.
    RenameLink,
    /// The node's end of its link gets another MAC.
    ChangeHostMac,
}

/// See [`super::Step::ChangePod`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangePod {
    /// Whose.
    pod: String,
    /// What.
    change: PodChange,
    /// The new MTU, bytes.
    value: Option<u32>,
}

impl Take for ChangePod {
    fn check(&self, plan: &mut Plan) -> Result<()> {
        let wants_value = self.change == PodChange::SetMtu;
        ensure!(self.value.is_some() == wants_value, "`value` belongs to set_mtu, and to no other change");
        plan.runs(&self.pod)
    }

    async fn take(&self, stage: &mut Stage<'_>) -> Result<String> {
        let pod = stage.pods.get(&self.pod).context("there is no such pod")?;
        let (inside, address) = pod.running()?;
        let link = pod.host_link.as_deref().context("the pod has no link")?;
        let node = stage.world.node(&pod.node)?.node.netns();
        let done = self.make(inside, node, link, &address.to_string()).await?;
        let name = pod.node.clone();
        stage.acted(&name);
        Ok(format!("{}: {done}", self.pod))
    }
}

impl ChangePod {
    async fn make(&self, pod: &Netns, node: &Netns, link: &str, address: &str) -> Result<String> {
        let next_hop = format!("{GATEWAY}/32");
        let (netns, lines, done): (&Netns, String, &str) = match self.change {
            PodChange::DeleteAddress => (pod, format!("addr del {address}/32 dev eth0\n"), "address deleted"),
            PodChange::DeleteDefaultRoute => (pod, "route del default\n".into(), "default route deleted"),
            PodChange::DeleteNextHopRoute => (
                pod,
                // The kernel takes a default route only by a next hop that it can reach: so it is told that it can.
                format!("route del {next_hop}\nroute replace default via {GATEWAY} dev eth0 onlink\n"),
                "route to the next hop deleted",
            ),
            PodChange::DeleteNeighbour => {
                (pod, format!("neigh del {GATEWAY} dev eth0\n"), "neighbour entry deleted")
            }
            PodChange::LinkDown => (pod, "link set eth0 down\n".into(), "eth0 down"),
            PodChange::SetMtu => {
                let value = self.value.unwrap_or_default();
                (pod, format!("link set eth0 mtu {value}\n"), "another MTU")
            }
            PodChange::RenameLink => {
                (pod, "link set eth0 down\nlink set eth0 name eth9\n".into(), "eth0 is called eth9")
            }
            PodChange::ChangeHostMac => {
                (node, format!("link set {link} address 02:00:00:00:00:99\n"), "another MAC on the node")
            }
        };
        netns.ip_batch(&lines).await?;
        Ok(done.to_owned())
    }
}
