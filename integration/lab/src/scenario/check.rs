//! Does a scenario make sense? Names that it refers to exist, and it expects nothing that would hold without anything having
//! been tried. Pure.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;

use super::{Sabotage, Scenario, Step, TIME_LIMIT_SECONDS_MAX};
use crate::step::Take;

/// Refuses a scenario that could not mean what it says.
pub(super) fn sense(scenario: &Scenario) -> Result<()> {
    if scenario.time_limit_seconds == 0 || scenario.time_limit_seconds > TIME_LIMIT_SECONDS_MAX {
        bail!("time_limit_seconds must be 1 to {TIME_LIMIT_SECONDS_MAX}");
    }
    if scenario.summary.trim().is_empty() {
        bail!("summary must say something");
    }
    scenario.sabotage.iter().try_for_each(Sabotage::sense)?;
    names(scenario)?;
    pods(scenario)?;
    tried(scenario)
}

fn names(scenario: &Scenario) -> Result<()> {
    let subnets: BTreeSet<&str> = scenario.region.subnet.iter().map(|subnet| subnet.name.as_str()).collect();
    if subnets.is_empty() || subnets.len() != scenario.region.subnet.len() {
        bail!("a region needs subnets, each with a name of its own");
    }
    let nodes: BTreeSet<&str> = scenario.node.iter().map(|node| node.name.as_str()).collect();
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
    for (number, step) in scenario.step.iter().enumerate() {
        match node_of(step) {
            Some(Some(node)) if !nodes.contains(node) => {
                bail!("step {}: there is no node {node}", number + 1)
            }
            Some(None) if nodes.len() > 1 => {
                bail!("step {}: name the node, there are several", number + 1)
            }
            _ => {}
        }
    }
    Ok(())
}

/// The node that a step names; the outer `None` for steps that are about a pod.
fn node_of(step: &Step) -> Option<Option<&str>> {
    let node = match step {
        Step::Start(step) => &step.node,
        Step::Stop(step) | Step::Kill(step) => &step.node,
        Step::Restart(step) => &step.node,
        Step::DaemonRefuses(step) => &step.node,
        Step::Add(step) => &step.node,
        Step::Wait(step) => &step.node,
        Step::WriteFile(step) => &step.node,
        Step::Plugin(step) => &step.node,
        Step::Conflist(step) => &step.node,
        Step::Runtime(step) => &step.node,
        Step::Neighbour(step) => &step.node,
        Step::Delete(_) | Step::Probe(_) | Step::Services(_) | Step::Visit(_) => return None,
    };
    Some(node.as_deref())
}

/// Pods are added before they are used; conditions and expectations are whole.
fn pods(scenario: &Scenario) -> Result<()> {
    let mut running = BTreeSet::new();
    for (number, step) in scenario.step.iter().enumerate() {
        let number = number + 1;
        match step {
            Step::Add(add) => {
                if !running.insert(add.pod.as_str()) {
                    bail!("step {number}: pod {} is there already", add.pod);
                }
                if add.cause.is_some() && add.code.is_none() {
                    bail!("step {number}: a cause belongs to a refusal: give its code too");
                }
            }
            Step::Delete(delete) if !running.remove(delete.pod.as_str()) => {
                bail!("step {number}: there is no pod {} to delete", delete.pod)
            }
            Step::Probe(probe) if !running.contains(probe.pod.as_str()) => {
                bail!("step {number}: there is no pod {} to probe", probe.pod)
            }
            Step::Probe(probe) if probe.count == 0 => {
                bail!("step {number}: a probe without datagrams shows nothing")
            }
            Step::Wait(wait) => {
                let conditions = usize::from(wait.ready)
                    + usize::from(wait.journal.is_some())
                    + usize::from(wait.metric.is_some())
                    + usize::from(wait.readyz_says.is_some())
                    + usize::from(wait.file.is_some());
                if conditions != 1 {
                    bail!("step {number}: wait for exactly one of ready, journal, metric, readyz_says, file");
                }
            }
            Step::Conflist(step) => own(number, step)?,
            Step::Runtime(step) => own(number, step)?,
            Step::Services(step) => own(number, step)?,
            Step::Visit(step) => own(number, step)?,
            Step::Neighbour(step) => own(number, step)?,
            Step::DaemonRefuses(refusal) if refusal.says.is_empty() => {
                bail!("step {number}: a refusal must say something: give says")
            }
            _ => {}
        }
    }
    Ok(())
}

/// What a step itself says of its keys.
fn own(number: usize, step: &impl Take) -> Result<()> {
    step.check().with_context(|| format!("step {number}"))
}

/// Expectations that would hold because nothing was tried are refused.
fn tried(scenario: &Scenario) -> Result<()> {
    let any = |wanted: fn(&Step) -> bool| scenario.step.iter().any(wanted);
    if !any(|step| matches!(step, Step::Add(_) | Step::DaemonRefuses(_) | Step::Plugin(_) | Step::Start(_))) {
        bail!("a scenario that tries nothing shows nothing");
    }
    if scenario.expect.nothing_left && !any(|step| matches!(step, Step::Delete(_))) {
        bail!("nothing_left needs a pod that was deleted");
    }
    if scenario.expect.spoofed_packets == Some(0) && !any(|step| matches!(step, Step::Probe(_))) {
        bail!("spoofed_packets = 0 needs a probe: without traffic nothing can be dropped");
    }
    if scenario.expect.marks_kept && !any(|step| matches!(step, Step::Neighbour(_))) {
        bail!("marks_kept needs a neighbour, who looks at them");
    }
    if scenario.expect.no_other_changes && !any(|step| matches!(step, Step::Start(_))) {
        bail!("no_other_changes needs a daemon that could have made some");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
summary = "a pod"
[[sabotage]]
breaks = "something"
file = "config/src/load.rs"
find = "true"
replace = "false"
[region]
subnet = [{ name = "a", cidr = "10.0.0.0/24" }]
[[node]]
name = "node"
subnet = "a"
secondary_addresses = 2
[[step]]
do = "start"
[[step]]
do = "add"
pod = "web"
[[step]]
do = "probe"
pod = "web"
[[step]]
do = "delete"
pod = "web"
[expect]
nothing_left = true
spoofed_packets = 0
journal = { AssignPrivateIpAddresses = 0 }
"#;

    #[test]
    fn a_whole_scenario_is_understood() {
        let scenario = Scenario::parse(GOOD).unwrap();
        assert_eq!(scenario.step.len(), 4);
        assert_eq!(scenario.node[0].instance_type, "m5.large");
    }

    #[test]
    fn a_key_that_is_not_in_the_language_is_an_error_at_every_level() {
        for (at, extra) in [
            ("summary", "colour = 1\nsummary"),
            ("[[node]]", "vcp = \"10.0.0.0/8\"\n[[node]]"),
            ("secondary_addresses", "addresses = 1\nsecondary_addresses"),
            ("do = \"start\"", "do = \"start\"\nwithin_second = 1"),
            ("do = \"add\"", "do = \"add\"\ncod = 11"),
            ("do = \"probe\"", "do = \"probe\"\nreech = \"neither\""),
            ("nothing_left", "nothing_gone = true\nnothing_left"),
            ("cidr = ", "zone = \"x\", cidr = "),
            ("find = ", "where = \"x\"\nfind = "),
        ] {
            let text = GOOD.replacen(at, extra, 1);
            assert!(Scenario::parse(&text).is_err(), "{extra}");
        }
    }

    #[test]
    fn a_scenario_that_cannot_mean_what_it_says_is_refused() {
        for (from, to, reason) in [
            ("subnet = \"a\"", "subnet = \"b\"", "no subnet b"),
            ("do = \"start\"", "do = \"start\"\nnode = \"x\"", "no node x"),
            ("do = \"start\"", "do = \"dance\"", "dance"),
            ("do = \"start\"", "do = \"wait\"", "exactly one of"),
            (
                "pod = \"web\"\n[[step]]\ndo = \"delete\"",
                "pod = \"api\"\n[[step]]\ndo = \"delete\"",
                "no pod api",
            ),
            ("[[step]]\ndo = \"delete\"\npod = \"web\"", "", "nothing_left needs"),
            ("[[step]]\ndo = \"probe\"\npod = \"web\"", "", "needs a probe"),
            ("breaks = \"something\"", "breaks = \" \"", "must say what it breaks"),
            ("file = \"config/", "file = \"integration/", "can be broken"),
            ("summary = \"a pod\"", "summary = \"\"", "summary must say"),
            ("name = \"node\"", "name = \"vpc\"", "node name"),
            ("do = \"add\"", "do = \"add\"\ncause = \"PoolEmpty\"", "give its code"),
        ] {
            assert!(GOOD.contains(from), "{from}");
            let error = Scenario::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(format!("{error:#}").contains(reason), "{reason}: {error:#}");
        }
    }
}
