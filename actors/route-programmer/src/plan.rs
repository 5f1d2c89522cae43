//! What the host should look like, and the changes that make it so. Pure: views and a snapshot in, changes out.
//!
//! It never plans a removal for absence in a view that is not whole. What it may remove are rules of our own shapes: for a pod
//! address of ours, those that contradict where that address is; of the node as a whole, those that its settings no longer
//! ask for; of an ENI that a whole view no longer has, its own; and the kernel's connected route of a secondary ENI in the main
//! table.

mod check;
mod eni;
mod fold;
mod node;
mod pod;
mod seen;
mod table;
mod verify;
mod wiring;
mod words;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use contract::causes::Cause;
use contract::model::{Eni, EniId, EniView, HostVeth, Lease, LeasePhase, Mac, TableId};
use contract::ports::host::{HostChange, HostSnapshot, Rule};

pub(crate) use check::damages;
pub(crate) use eni::from_eni;
pub(crate) use fold::{Difference, fold, forget_behind, hear, keep_behind, meet};
pub(crate) use node::DesiredNode;
pub(crate) use pod::{WireStep, teardown, wire};
pub(crate) use table::{FAMILY, NAME, Table, Uplink, table};
pub(crate) use verify::{Check, checks, judge};
pub(crate) use wiring::check_wiring;
pub use wiring::wiring_plan;
pub(crate) use words::in_words;

use crate::state::RouteConfig;
use seen::Seen;
pub(crate) use seen::TABLES;

/// A part of the host that is repaired by itself, so that one that cannot be does not hold up the others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// The node as a whole.
    Node,
    /// An ENI's own side.
    Eni(EniId),
    /// The rule of an ENI that left, by its address.
    Departed(Ipv4Addr),
    /// The host side of a pod's address.
    Pod(Ipv4Addr),
}

/// How an ENI's own side should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredEni {
    pub(crate) eni: Eni,
    pub(crate) mtu_bytes: u32,
}

/// How a pod's host side should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DesiredPod {
    pub(crate) address: Ipv4Addr,
    /// The table of the ENI that carries it; `None` while no known ENI does.
    pub(crate) table: Option<TableId>,
    /// EC2 has confirmed that; only then a rule that says otherwise is removed.
    pub(crate) certain: bool,
    /// The MAC its host link has if we made it.
    pub(crate) host_mac: Mac,
}

/// Everything that should stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Desired {
    /// `None` while the primary ENI is not known.
    pub(crate) node: Option<DesiredNode>,
    pub(crate) enis: Vec<DesiredEni>,
    pub(crate) pods: Vec<DesiredPod>,
    /// Rules of ENIs that left.
    pub(crate) departed: Vec<Rule>,
}

/// A secondary ENI whose own side stands: its pods may be wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) ifindex: u32,
    pub(crate) gateway: Ipv4Addr,
}

/// What the comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Survey {
    /// Changes that are wanted, by unit; no empty lists.
    pub(crate) needs: BTreeMap<Unit, Vec<HostChange>>,
    /// ENIs whose link is not on the host.
    pub(crate) missing: BTreeMap<EniId, Cause>,
    /// ENIs whose own side stands, by table; the primary ENI under `main` as soon as its link is there.
    pub(crate) standing: BTreeMap<TableId, Standing>,
    /// The mark leads to the main table, or nothing is to be marked.
    pub(crate) mark_leads: bool,
    /// The primary ENI, once its link is there.
    pub(crate) uplink: Option<Uplink>,
}

/// What should stand, by the newest views. A lease counts once its pod is wired and until its DEL begins.
pub(crate) fn desired<'a>(
    config: &RouteConfig,
    view: &EniView,
    leases: impl Iterator<Item = &'a Lease>,
) -> Desired {
    let table_of: BTreeMap<Ipv4Addr, TableId> =
        view.enis.iter().flat_map(|eni| eni.addresses.iter().map(|on| (on.address, eni.table()))).collect();
    let pods = leases
        .filter(|lease| matches!(lease.phase, LeasePhase::Wired | LeasePhase::Assigned))
        .map(|lease| DesiredPod {
            address: lease.address,
            table: table_of.get(&lease.address).copied(),
            certain: view.complete,
            host_mac: HostVeth::mac(&lease.key),
        })
        .collect();
    let mtu_bytes = config.eni_mtu_bytes;
    let enis = view.enis.iter().map(|eni| DesiredEni { eni: eni.clone(), mtu_bytes });
    let primary = view.enis.iter().find(|eni| eni.is_primary());
    Desired {
        node: primary.map(|eni| DesiredNode::of(config, eni.mac)),
        enis: enis.collect(),
        pods,
        departed: Vec::new(),
    }
}

/// Compares what should stand with what the kernel shows.
pub(crate) fn diff(desired: &Desired, host: &HostSnapshot) -> Survey {
    let seen = Seen::of(host);
    let mut survey = Survey::default();
    if let Some(node) = &desired.node {
        survey.mark_leads = node.rules_stand(&seen);
        let changes = node.changes(&seen);
        if !changes.is_empty() {
            survey.needs.insert(Unit::Node, changes);
        }
    }
    for wanted in &desired.enis {
        let eni = &wanted.eni;
        let Some(link) = seen.link_of(eni.mac) else {
            let cause = Cause::LinkMissing { eni: eni.id.clone(), mac: eni.mac.to_string() };
            survey.missing.insert(eni.id.clone(), cause);
            continue;
        };
        if eni.is_primary() {
            survey.uplink = Some(Uplink { link: link.name.clone(), address: eni.primary_address });
        }
        let mut changes = eni::own_side(eni, link, &seen);
        if changes.is_empty() {
            let standing = Standing { ifindex: link.ifindex, gateway: eni.gateway() };
            survey.standing.insert(eni.table(), standing);
        }
        changes.extend(eni::mtu(link, wanted.mtu_bytes));
        if !changes.is_empty() {
            survey.needs.insert(Unit::Eni(eni.id.clone()), changes);
        }
    }
    for (rule, address) in desired.departed.iter().filter_map(|rule| Some((rule, rule.from?))) {
        if seen.has_rule(rule) {
            survey.needs.insert(Unit::Departed(address), vec![HostChange::RemoveRule(*rule)]);
        }
    }
    for wanted in &desired.pods {
        let changes = pod::repair(wanted, &seen);
        if !changes.is_empty() {
            survey.needs.insert(Unit::Pod(wanted.address), changes);
        }
    }
    survey
}

#[cfg(test)]
mod tests;
