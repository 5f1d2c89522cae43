//! Does a scenario make sense? Names that it refers to exist, and it expects nothing that would hold without anything having
//! been tried. Pure.

use anyhow::{Context, Result, bail, ensure};
use std::collections::{BTreeMap, BTreeSet};

use crate::step::pods::INTERNET;

use super::{Sabotage, Scenario, TIME_LIMIT_SECONDS_MAX};

/// Refuses a scenario that could not mean what it says.
pub(super) fn sense(scenario: &Scenario) -> Result<()> {
    if scenario.time_limit_seconds == 0 || scenario.time_limit_seconds > TIME_LIMIT_SECONDS_MAX {
        bail!("time_limit_seconds must be 1 to {TIME_LIMIT_SECONDS_MAX}");
    }
    if scenario.summary.trim().is_empty() {
        bail!("summary must say something");
    }
    scenario.sabotage.iter().try_for_each(Sabotage::sense)?;
    let mut plan = Plan { nodes: names(scenario)?, ..Plan::default() };
    for (placed, number) in scenario.step.iter().zip(1..) {
        placed
            .step
            .check(&mut plan)
            .with_context(|| format!("line {}: step {number} ({})", placed.line, placed.step.verb()))?;
    }
    plan.over()?;
    tried(scenario, &plan)
}

/// What a file's steps have come to, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    nodes: BTreeSet<String>,
    /// Pods that were added and not deleted.
    pods: BTreeSet<String>,
    /// Traffic that runs: its name, and the pods it needs.
    traffic: BTreeMap<String, BTreeSet<String>>,
    /// Nodes that are watched.
    watched: BTreeSet<String>,
    /// Nodes that are asked for their STATUS.
    statuses: BTreeSet<String>,
    /// Actors that were harmed, and nobody has looked since what became of them.
    harmed: BTreeSet<String>,
    /// Nodes with a neighbour.
    neighbours: BTreeSet<String>,
    /// Services that are written, and the pods that serve them.
    services: BTreeMap<String, Vec<String>>,
    /// Pods whose host ports are written.
    host_ports: BTreeSet<String>,
    /// Something is asked of the product.
    pub(crate) asks: bool,
    /// A daemon is started.
    pub(crate) starts: bool,
    deletes: bool,
    sends: bool,
    /// Somebody asks an address.
    pub(crate) visits: bool,
    watches: bool,
}

impl Plan {
    /// The node that a step is about exists: the one it names, or the only one.
    pub(crate) fn node(&self, named: Option<&str>) -> Result<String> {
        match (named, self.nodes.first()) {
            (Some(name), _) if self.nodes.contains(name) => Ok(name.to_owned()),
            (Some(name), _) => bail!("there is no node {name}"),
            (None, Some(only)) if self.nodes.len() == 1 => Ok(only.clone()),
            (None, _) => bail!("name the node, there are several"),
        }
    }

    /// A pod begins.
    pub(crate) fn adds(&mut self, pod: &str) -> Result<()> {
        self.asks = true;
        ensure!(self.pods.insert(pod.to_owned()), "pod {pod} is there already");
        Ok(())
    }

    /// A pod ends.
    pub(crate) fn deletes(&mut self, pod: &str) -> Result<()> {
        self.deletes = true;
        self.runs(pod)?;
        if let Some((name, _)) = self.traffic.iter().find(|(_, pods)| pods.contains(pod)) {
            bail!("traffic {name} runs with pod {pod}: stop it first");
        }
        self.pods.remove(pod);
        Ok(())
    }

    /// Datagrams are sent with a pod.
    pub(crate) fn sends(&mut self, pod: &str) -> Result<()> {
        self.sends = true;
        self.runs(pod)
    }

    /// A pod must be there.
    pub(crate) fn runs(&self, pod: &str) -> Result<()> {
        ensure!(self.pods.contains(pod), "there is no pod {pod} now");
        Ok(())
    }

    /// The pods of a burst, as it names them.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Vec<String> {
        self.pods.iter().filter(|name| is_of(name, prefix)).cloned().collect()
    }

    pub(crate) fn traffic_starts(&mut self, name: &str, pods: BTreeSet<String>) -> Result<()> {
        ensure!(self.traffic.insert(name.to_owned(), pods).is_none(), "traffic {name} runs already");
        Ok(())
    }

    pub(crate) fn traffic_stops(&mut self, name: &str) -> Result<()> {
        ensure!(self.traffic.remove(name).is_some(), "no traffic {name} runs");
        Ok(())
    }

    /// A reboot takes everything along that runs.
    pub(crate) fn reboots(&self, node: &str) -> Result<()> {
        ensure!(self.traffic.is_empty(), "traffic runs: stop it first");
        ensure!(!self.watched.contains(node), "the node is watched: stop that first");
        ensure!(!self.statuses.contains(node), "the node is asked for its STATUS: stop that first");
        ensure!(!self.neighbours.contains(node), "a neighbour is on the node, and would not come back");
        ensure!(
            self.services.is_empty() && self.host_ports.is_empty(),
            "Services are written on the node: take them away first"
        );
        Ok(())
    }

    pub(crate) fn watch_starts(&mut self, node: String) -> Result<()> {
        self.watches = true;
        ensure!(self.watched.insert(node.clone()), "node {node} is watched already");
        Ok(())
    }

    pub(crate) fn watch_stops(&mut self, node: &str) -> Result<()> {
        ensure!(self.watched.remove(node), "node {node} is not watched");
        Ok(())
    }

    pub(crate) fn status_starts(&mut self, node: String) -> Result<()> {
        self.asks = true;
        ensure!(self.statuses.insert(node.clone()), "node {node} is asked already");
        Ok(())
    }

    pub(crate) fn status_stops(&mut self, node: &str) -> Result<()> {
        ensure!(self.statuses.remove(node), "node {node} is not asked");
        Ok(())
    }

    /// An actor suffers.
    pub(crate) fn harms(&mut self, actor: &str) {
        self.harmed.insert(actor.to_owned());
    }

    /// A metric is looked at: what became of the actor that it is about is known.
    pub(crate) fn looks_at(&mut self, metric: &str) {
        self.harmed.retain(|actor| !metric.contains(&format!("child=\"{actor}\"")));
    }

    pub(crate) fn settles(&mut self, node: String) -> Result<()> {
        ensure!(self.neighbours.insert(node.clone()), "node {node} has a neighbour already");
        Ok(())
    }

    /// These are all Services, with the pods that serve them, and all host ports.
    pub(crate) fn serves(&mut self, services: BTreeMap<String, Vec<String>>, host_ports: BTreeSet<String>) {
        (self.services, self.host_ports) = (services, host_ports);
    }

    /// Is there a pod or a host behind the Service that could answer? It is an error if there is no such Service.
    pub(crate) fn is_served(&self, service: &str) -> Result<bool> {
        let pods = self.services.get(service).with_context(|| format!("there is no Service {service}"))?;
        Ok(pods.iter().any(|name| name == INTERNET || self.pods.contains(name)))
    }

    /// A pod must have a host port.
    pub(crate) fn has_host_port(&self, pod: &str) -> Result<()> {
        ensure!(self.host_ports.contains(pod), "{pod} has no host port");
        self.runs(pod)
    }

    /// Nothing is left running that nobody would look at.
    fn over(&self) -> Result<()> {
        if let Some(name) = self.traffic.keys().next() {
            bail!("traffic {name} is never stopped: nobody would know what it lost");
        }
        if let Some(node) = self.watched.first() {
            bail!("the watch of {node} is never stopped: nobody would know what it saw");
        }
        if let Some(node) = self.statuses.first() {
            bail!("the questions to {node} are never stopped: nobody would know what failed");
        }
        if let Some(actor) = self.harmed.first() {
            bail!("nobody waits for what becomes of {actor}: wait for one of its metrics");
        }
        Ok(())
    }
}

/// `web-3` is of `web`.
pub(crate) fn is_of(pod: &str, prefix: &str) -> bool {
    let number = pod.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

/// The nodes' names, once names are found to be sound.
fn names(scenario: &Scenario) -> Result<BTreeSet<String>> {
    let subnets: BTreeSet<&str> = scenario.region.subnet.iter().map(|subnet| subnet.name.as_str()).collect();
    if subnets.is_empty() || subnets.len() != scenario.region.subnet.len() {
        bail!("a region needs subnets, each with a name of its own");
    }
    let nodes: BTreeSet<String> = scenario.node.iter().map(|node| node.name.clone()).collect();
    if nodes.is_empty() || nodes.len() != scenario.node.len() {
        bail!("a scenario needs nodes, each with a name of its own");
    }
    for node in &scenario.node {
        // It becomes part of a namespace's name and of a path.
        let plain = node.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if !plain || node.name.is_empty() || ["vpc", "outside", "internet"].contains(&node.name.as_str()) {
            bail!(
                "node name `{}`: lower-case letters and digits, not `vpc`, `outside` or `internet`",
                node.name
            );
        }
        let wanted = std::iter::once(&node.subnet).chain(node.eni.iter().map(|eni| &eni.subnet));
        for subnet in wanted {
            if !subnets.contains(subnet.as_str()) {
                bail!("node {}: there is no subnet {subnet}", node.name);
            }
        }
    }
    Ok(nodes)
}

/// Expectations that would hold because nothing was tried are refused. (What was tried and came to nothing is refused at the end.)
fn tried(scenario: &Scenario, plan: &Plan) -> Result<()> {
    let expect = &scenario.expect;
    ensure!(plan.asks || plan.starts, "a scenario that tries nothing shows nothing");
    ensure!(!expect.nothing_left || plan.deletes, "nothing_left needs a pod that was deleted");
    for (key, count, sends) in [
        ("spoofed_packets", expect.spoofed_packets, plan.sends || plan.visits),
        ("packets_lost", expect.packets_lost, plan.sends),
    ] {
        let idle = count.is_some_and(|count| count.allows_nothing()) && !sends;
        ensure!(!idle, "{key} needs a probe or traffic: where nothing is sent nothing can be dropped");
    }
    ensure!(
        !expect.marks_kept || !plan.neighbours.is_empty(),
        "marks_kept needs a neighbour, who looks at them"
    );
    ensure!(
        expect.netlink_deletions.is_none() || plan.watches,
        "netlink_deletions needs a watch_start: nobody else looks"
    );
    for (key, given) in [
        ("no_other_changes", expect.no_other_changes),
        ("restarts", !expect.restarts.is_empty()),
        ("answers", !expect.answers.is_empty()),
    ] {
        ensure!(!given || plan.starts, "{key} needs a daemon: start one");
    }
    Ok(())
}
