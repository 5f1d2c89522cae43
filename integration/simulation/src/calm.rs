//! What must be true once everything has been fair for a while: with the pods that run, and after the last is gone.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use contract::model::{LeasePhase, TableId};
use contract::ports::host::{RouteQuestion, Rule};

use crate::life::Life;
use crate::model::{AFTERMATH, Phase};
use crate::runtime::{Runtime, standing_of};
use crate::shim;
use crate::stage::Stage;
use crate::targets::Bearer;

/// The longest pauses after failures, and then the ENIs that come or go one after the other.
pub(crate) const SETTLES: Duration = Duration::from_secs(1200);

/// What drifted is put back by the pass that comes every half minute, and the aftermath of rough weather is over.
const REPAIRS: Duration = AFTERMATH.saturating_add(Duration::from_secs(5));

/// DELs, the rest of the last address, and the ENIs that nobody needs then.
pub(crate) const RESTS: Duration = Duration::from_secs(600);

/// Nobody waits, every lease is assigned, every room runs, and a whole pass of repairs has gone by.
pub(crate) fn has_settled(stage: &Stage, runtime: &Runtime, life: &Life) -> bool {
    let leaves = stage
        .model
        .with(|model| model.pods.values().any(|pod| matches!(pod.phase, Phase::Adding | Phase::Leaving)));
    let assigned = life.views.leases.latest().is_some_and(|view| {
        view.counts.waiting == 0
            && view.counts.cooling == 0
            && view.leases.iter().all(|lease| lease.phase == LeasePhase::Assigned)
    });
    let long_fair = stage.model.with(|model| model.fair_for(stage.world.now()) >= REPAIRS);
    let here = runtime.adding() == 0 && !leaves && assigned && pool_complaint(stage, life).is_none();
    here && long_fair && run(life) && stage.porch.is_ready()
}

/// No lease is left, and nothing rests.
pub(crate) fn has_rested(stage: &Stage, _: &Runtime, life: &Life) -> bool {
    let counts = life.views.leases.latest().map(|view| view.counts).unwrap_or_default();
    let lingering = stage.model.with(|model| model.lingering.len());
    let gone = counts.leased as usize <= lingering && counts.cooling == 0 && stage.porch.spooled() == 0;
    gone && pool_complaint(stage, life).is_none() && run(life)
}

/// What is wrong with the pool at rest: by EC2's truth it has what the settings ask for, not less and not more, and no ENI was
/// left behind.
fn pool_complaint(stage: &Stage, life: &Life) -> Option<String> {
    let view = life.views.leases.latest()?;
    if view.counts.leaving > 0 {
        return Some(format!("something has not gone: {:?}", view.counts));
    }
    stage.world.with(|world| {
        let unattached = world.region.enis().filter(|eni| eni.attachment.is_none()).count();
        if unattached > 0 {
            return Some(format!("{unattached} ENIs were created and are attached to nothing"));
        }
        let links = world.linux.snapshot(world.host).unwrap_or_default().links;
        let mut used: BTreeSet<Ipv4Addr> =
            links.into_iter().filter_map(|link| link.behind).flatten().collect();
        used.extend(view.leases.iter().map(|lease| lease.address));
        let bearers: Vec<Bearer> = world
            .region
            .enis_of(&world.instance)
            .iter()
            .map(|eni| Bearer {
                primary: eni.attachment.as_ref().is_some_and(|at| at.device_index == 0),
                total: count(eni.secondaries.len()),
                used: count(eni.secondaries.iter().filter(|address| used.contains(address)).count()),
            })
            .collect();
        stage.model.with(|model| model.targets.complaint(&bearers))
    })
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

fn run(life: &Life) -> bool {
    life.vitals.latest().is_some_and(|children| children.iter().all(kernel::Vitals::running))
}

/// Every pod that was told an address has it, reaches and is reached; everybody was answered.
pub(crate) fn while_pods_run(stage: &Stage, runtime: &Runtime, life: &Life) {
    let judge = &stage.judge;
    if runtime.adding() > 0 {
        judge.violated(format!("{} ADDs were never answered", runtime.adding()));
    }
    rooms(stage, life);
    let up: Vec<(String, Ipv4Addr, u32)> = stage.model.with(|model| {
        stage.world.with(|world| {
            model
                .up()
                .filter_map(|(sandbox, address)| {
                    let namespace = sandbox.namespace?;
                    let inside = shim::named(world, namespace, "eth0");
                    let carries =
                        inside.is_some_and(|link| link.addresses.iter().any(|(at, _)| *at == address));
                    if !carries {
                        judge.violated(format!("{} does not carry {address}", sandbox.pod));
                    }
                    let behind =
                        world.linux.snapshot(world.host)?.links.into_iter().find(|link| {
                            link.behind.as_ref().is_some_and(|behind| behind.contains(&address))
                        })?;
                    Some((sandbox.pod.to_string(), address, behind.ifindex))
                })
                .collect()
        })
    });
    let Some(view) = life.views.leases.latest() else {
        return judge.violated("the leases were never published");
    };
    let leased: BTreeSet<Ipv4Addr> = view.leases.iter().map(|lease| lease.address).collect();
    for (pod, address, ifindex) in &up {
        if !leased.contains(address) {
            judge.violated(format!("{pod} has {address}, and no lease"));
        }
        reached(stage, pod, *address, *ifindex);
    }
    neighbours(stage, &up);
    translated(stage);
    for lease in view.leases.iter().filter(|lease| lease.phase != LeasePhase::Assigned) {
        judge.violated(format!(
            "{} is {:?} for {}, and no ADD is under way",
            lease.address, lease.phase, lease.pod
        ));
    }
    if let Some(complaint) = pool_complaint(stage, life) {
        judge.violated(complaint);
    }
    let known = stage.model.with(|model| model.pods.len() + model.lingering.len());
    if view.leases.len() > known {
        judge.violated(format!("{} leases for {known} pods", view.leases.len()));
    }
}

/// Connections that leave the VPC are translated, and the mark leads to the main table.
fn translated(stage: &Stage) {
    let (table, rules) = stage.world.with(|world| {
        let rules = world.linux.snapshot(world.host).unwrap_or_default().rules;
        (world.linux.nft_table(world.host, "ip", "enid"), rules)
    });
    if !table.as_ref().is_some_and(|lines| lines.iter().any(|line| line.contains("snat to"))) {
        stage.judge.violated(format!("connections that leave the VPC are not translated: {table:?}"));
    }
    let marked = |rule: &&Rule| rule.mark.is_some() && rule.table == TableId::MAIN;
    if rules.iter().filter(marked).count() != 1 {
        stage.judge.violated(format!("the mark leads nowhere, or twice: {rules:?}"));
    }
}

/// Pods of one node reach each other without leaving it.
fn neighbours(stage: &Stage, up: &[(String, Ipv4Addr, u32)]) {
    for (pod, from, in_by) in up {
        for (other, to, behind) in up.iter().filter(|(_, to, _)| to != from) {
            let question = RouteQuestion { to: *to, from: Some(*from), in_by: Some(*in_by), mark: None };
            let way = stage.world.with(|world| world.linux.route(world.host, question));
            if !way.as_ref().is_ok_and(|way| way.is_some_and(|way| way.out_by == *behind)) {
                stage.judge.violated(format!("{pod} at {from} does not reach {other} at {to}: {way:?}"));
            }
        }
    }
}

/// The way to the pod, and the way of its packets.
fn reached(stage: &Stage, pod: &str, address: Ipv4Addr, ifindex: u32) {
    let outside = Ipv4Addr::new(10, 0, 200, 9);
    let to = RouteQuestion { to: address, from: None, in_by: None, mark: None };
    let from = RouteQuestion { to: outside, from: Some(address), in_by: Some(ifindex), mark: None };
    let (to, from, table) = stage.world.with(|world| {
        let table = world
            .region
            .enis_of(&world.instance)
            .into_iter()
            .find(|eni| eni.secondaries.contains(&address))
            .and_then(|eni| Some((eni.attachment.as_ref()?.device_index, eni.mac.to_string())));
        (world.linux.route(world.host, to), world.linux.route(world.host, from), table)
    });
    let judge = &stage.judge;
    if !to.as_ref().is_ok_and(|answer| answer.is_some_and(|answer| answer.out_by == ifindex)) {
        judge.violated(format!("the node does not reach {pod} at {address}: {to:?}"));
    }
    let Some((_, mac)) = table else {
        return judge.violated(format!("{address} of {pod} is on no ENI"));
    };
    let link = stage.world.with(|world| {
        let links = world.linux.snapshot(world.host).unwrap_or_default().links;
        links.into_iter().find(|link| link.mac.is_some_and(|found| found.to_string() == mac))
    });
    let eni = link.map(|link| link.ifindex);
    if !from.as_ref().is_ok_and(|answer| answer.is_some_and(|answer| Some(answer.out_by) == eni)) {
        judge.violated(format!("packets of {pod} at {address} do not leave by their ENI {eni:?}: {from:?}"));
    }
}

/// Nothing is left of any pod, and every address can be had again.
pub(crate) fn without_pods(stage: &Stage, life: &Life) {
    let judge = &stage.judge;
    rooms(stage, life);
    if stage.porch.spooled() > 0 {
        judge.violated(format!("{} DELs lie in the spool", stage.porch.spooled()));
    }
    let Some(view) = life.views.leases.latest() else { return };
    let counts = view.counts;
    let lingering = stage.model.with(|model| model.lingering.len());
    if counts.cooling > 0 || counts.waiting > 0 {
        judge.violated(format!("no pod is there, and the pool says {counts:?}"));
    }
    // A lingering namespace keeps its address by a pin; or by its lease, where a failing disk forgot an answered DEL.
    let kept = counts.leased + counts.pinned;
    if kept as usize > lingering || counts.free + kept != counts.total {
        judge.violated(format!("{lingering} namespaces linger, and the pool says {counts:?}"));
    }
    stage.world.with(|world| {
        let attached: BTreeSet<Ipv4Addr> = world
            .region
            .enis_of(&world.instance)
            .iter()
            .flat_map(|eni| eni.secondaries.iter().copied())
            .collect();
        if attached.len() != counts.total as usize {
            judge.violated(format!("EC2 has {} addresses here, and the pool {counts:?}", attached.len()));
        }
        let links = world.linux.snapshot(world.host).unwrap_or_default().links;
        let used: BTreeSet<Ipv4Addr> = links.into_iter().filter_map(|link| link.behind).flatten().collect();
        for address in attached.iter().filter(|address| !used.contains(address)) {
            let left = standing_of(world, *address);
            if !left.is_empty() {
                judge.violated(format!("{address} is nobody's, and is left with {left:?}"));
            }
        }
    });
    if let Some(complaint) = pool_complaint(stage, life) {
        judge.violated(complaint);
    }
}

/// Every room runs, and the node says that it is ready.
fn rooms(stage: &Stage, life: &Life) {
    for child in life.vitals.latest().unwrap_or_default() {
        if !child.running() {
            stage.judge.violated(format!("{} is {} in fair weather", child.name, child.state));
        }
    }
    if !stage.porch.is_ready() {
        stage.judge.violated("the node is not ready in fair weather");
    }
}
