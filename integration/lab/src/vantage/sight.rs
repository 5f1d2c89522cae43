//! What can be seen of a world: nodes with their ENIs and addresses, daemons by what they say, calls, traffic. Pure.

use ipnet::Ipv4Net;
use region::{AttachmentState, InstanceId, Region};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::metrics;
use crate::probe::Probed;

/// What was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sight {
    /// Nodes, in the scenario's order.
    pub nodes: Vec<NodeSight>,
    /// Calls to EC2 by action, in the region's journal.
    pub calls: BTreeMap<String, u64>,
    /// Datagrams of traffic so far.
    pub traffic: Probed,
}

/// A node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSight {
    /// Its name.
    pub name: String,
    /// Its primary address.
    pub address: Ipv4Addr,
    /// Daemons that were started on it so far.
    pub lives: u32,
    /// What its daemon says of itself; `None` if it does not answer.
    pub daemon: Option<DaemonSight>,
    /// Its ENIs as the region has them, by device.
    pub enis: Vec<EniSight>,
}

/// A daemon, by its own pages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DaemonSight {
    /// `/readyz` says 200.
    pub ready: bool,
    /// The first thing that it says is wrong, or that it does without.
    pub trouble: Option<String>,
    /// ADDs in its waiting line.
    pub waiting: u64,
    /// Restarts of its actors, all together.
    pub restarts: u64,
}

/// An ENI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EniSight {
    /// Its id.
    pub id: String,
    /// Its device index.
    pub device: u32,
    /// Its own address.
    pub primary: Ipv4Addr,
    /// `attaching` or `detaching`, while it is.
    pub on_its_way: Option<&'static str>,
    /// Its addresses for pods, in the region's order.
    pub slots: Vec<Slot>,
}

/// What an address is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The kernel has a route to a pod with it.
    Pod,
    /// The checkpoint has it on its way to a pod, or back.
    Moving,
    /// The checkpoint has it rest after use.
    Cooling,
    /// Nobody has it.
    Free,
}

/// What a node's addresses are used for, by kernel and checkpoint.
#[derive(Debug, Clone, Default)]
pub(super) struct Uses {
    pub(super) routed: BTreeSet<Ipv4Addr>,
    pub(super) moving: BTreeSet<Ipv4Addr>,
    pub(super) cooling: BTreeSet<Ipv4Addr>,
}

impl NodeSight {
    /// How many addresses are in this state.
    #[must_use]
    pub fn count(&self, slot: Slot) -> usize {
        self.enis.iter().flat_map(|eni| &eni.slots).filter(|found| **found == slot).count()
    }
}

impl DaemonSight {
    /// From the pages of `/metrics`, and of `/readyz` with its status.
    pub(super) fn read(metrics_page: &str, ready: (u16, &str)) -> Self {
        let told: Value = serde_json::from_str(ready.1).unwrap_or_default();
        let first = |list: &str| Some(told.get(list)?.get(0)?.get("text")?.as_str()?.to_owned());
        Self {
            ready: ready.0 == 200,
            trouble: first("reasons").or_else(|| first("degraded")),
            waiting: metrics::waiting(metrics_page).unwrap_or_default(),
            restarts: metrics::restarts(metrics_page).values().sum(),
        }
    }
}

impl Uses {
    /// From the kernel's routes to pods, and the text of the daemon's own file. `now_nanoseconds` counts from boot, as the
    /// file does.
    pub(super) fn read(routed: BTreeSet<Ipv4Addr>, own_file: &str, now_nanoseconds: u64) -> Self {
        let file: Value = serde_json::from_str(own_file).unwrap_or_default();
        let records = |list: &str| file.get(list).and_then(Value::as_array).into_iter().flatten();
        let address = |record: &Value| record.get("address")?.as_str()?.parse().ok();
        let rests = |record: &&Value| {
            let until = record.get("untilBoottimeNanoseconds").and_then(Value::as_u64);
            until.is_some_and(|until| until > now_nanoseconds)
        };
        Self {
            routed,
            moving: records("leases").filter_map(address).collect(),
            cooling: records("cooling").filter(rests).filter_map(address).collect(),
        }
    }

    fn slot(&self, address: Ipv4Addr) -> Slot {
        match address {
            address if self.moving.contains(&address) => Slot::Moving,
            address if self.routed.contains(&address) => Slot::Pod,
            address if self.cooling.contains(&address) => Slot::Cooling,
            _ => Slot::Free,
        }
    }
}

/// The ENIs of an instance, each with the blocks that pods can have.
pub(super) fn enis(region: &Region, instance: &InstanceId) -> Vec<(EniSight, Vec<Ipv4Net>)> {
    let mut enis: Vec<_> = region
        .enis_of(instance)
        .into_iter()
        .filter_map(|eni| {
            let attachment = eni.attachment.as_ref()?;
            let sight = EniSight {
                id: eni.id.to_string(),
                device: attachment.device_index,
                primary: eni.primary,
                on_its_way: match attachment.state {
                    AttachmentState::Attaching => Some("attaching"),
                    AttachmentState::Attached => None,
                    AttachmentState::Detaching => Some("detaching"),
                },
                slots: Vec::new(),
            };
            Some((sight, eni.blocks().into_iter().skip(1).collect()))
        })
        .collect();
    enis.sort_by_key(|(eni, _)| eni.device);
    enis
}

/// What each address of these blocks is used for.
pub(super) fn slots(blocks: &[Ipv4Net], uses: &Uses) -> Vec<Slot> {
    let all = |block: &Ipv4Net| u32::from(block.network())..=u32::from(block.broadcast());
    blocks.iter().flat_map(all).map(|address| uses.slot(Ipv4Addr::from(address))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_kernel_and_checkpoint_say() {
        let file = r#"{"version":"enid-leases/1","bootId":"b","leases":[{"address":"10.0.0.6"}],"uids":[],
            "cooling":[{"address":"10.0.0.7","untilBoottimeNanoseconds":200},
                       {"address":"10.0.0.8","untilBoottimeNanoseconds":100}]}"#;
        let routed = ["10.0.0.5", "10.0.0.6"].map(|address| address.parse().unwrap());
        let uses = Uses::read(routed.into(), file, 100);
        let blocks = ["10.0.0.5/32", "10.0.0.6/31", "10.0.0.8/32"].map(|block| block.parse().unwrap());
        assert_eq!(slots(&blocks, &uses), [Slot::Pod, Slot::Moving, Slot::Cooling, Slot::Free]);
        let nothing = Uses::read(BTreeSet::new(), "", 0);
        assert_eq!(slots(&blocks[..1], &nothing), [Slot::Free]);
    }

    #[test]
    fn a_daemon_is_what_its_pages_say() {
        let page = "enid_waiting_adds 3\nenid_child_incarnation{child=\"warm-pool\"} 3\n";
        let degraded = r#"{"ready":true,"reasons":[],"degraded":[{"room":"warm-pool","text":"no address"}]}"#;
        let seen = DaemonSight::read(page, (200, degraded));
        assert_eq!((seen.ready, seen.waiting, seen.restarts), (true, 3, 2));
        assert_eq!(seen.trouble.as_deref(), Some("no address"));
        assert_eq!(DaemonSight::read("", (503, "")), DaemonSight::default());
    }
}
