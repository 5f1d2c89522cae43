//! ADDs that wait for EC2: how much longer they take than EC2 itself. Each needs a node of its own, whose pool is empty.

use anyhow::{Context, Result, ensure};
use floor::{Job, Took};
use region::InstanceSpec;
use std::collections::BTreeMap;
use std::time::Duration;

use super::floored::{Bench, program};
use super::hand::{Hand, why};
use super::rows::{Goal, Row};
use super::samples::Samples;
use crate::cni::Verb;
use crate::node::Settings;
use crate::world::EC2_ADDRESS;

const TIMES: usize = 5;

/// Who wait together.
const WAITING: usize = 5;

/// As EC2 takes on a good day.
const ASSIGN_MILLISECONDS: u64 = 200;
const ATTACH_MILLISECONDS: u64 = 1000;

const AFTER_ASSIGN_MILLISECONDS_MAX: f64 = 100.0;
const AFTER_ATTACH_MILLISECONDS_MAX: f64 = 300.0;

const INSTANCE: &str = "m5.large";
/// All that its primary ENI can have.
const ADDRESSES_PER_ENI: u32 = 9;

/// The region's slowness.
pub(super) fn knobs() -> region::Knobs {
    region::Knobs {
        latency_milliseconds: [("AssignPrivateIpAddresses".to_owned(), ASSIGN_MILLISECONDS)].into(),
        attach_milliseconds: ATTACH_MILLISECONDS,
        ..region::Knobs::default()
    }
}

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let times = if bench.extent.short { 1 } else { TIMES };
    let mut beyond = Samples::default();
    for time in 0..times {
        beyond.took(with_room(bench, &format!("room{time}")).await?);
    }
    let of = (beyond.count(), bench.programs.build);
    let figure = format!("ADD, empty pool, room on an ENI: the slowest of {WAITING} beyond EC2");
    let goal = Goal::AtMost(AFTER_ASSIGN_MILLISECONDS_MAX);
    let row = Row::measured(figure, "ms", (beyond.percentile(50), None), goal, of);
    bench.tell(row.because(format!("EC2 takes {ASSIGN_MILLISECONDS} ms; one call for all who wait")));
    let (mut beyond, mut refused) = (Samples::default(), None);
    for time in 0..times {
        match with_a_new_eni(bench, &format!("full{time}")).await? {
            Ok(took) => beyond.took(took),
            Err(why) => refused = Some(why),
        }
        if refused.is_some() {
            break;
        }
    }
    let figure = "ADD, empty pool, new ENI: beyond the attach being visible";
    let row = match refused {
        Some(why) => {
            let goal = format!("at most {AFTER_ATTACH_MILLISECONDS_MAX} ms");
            Row::not_measurable(figure, &goal, &format!("it is refused: {why}"))
        }
        None => {
            let of = (beyond.count(), bench.programs.build);
            let goal = Goal::AtMost(AFTER_ATTACH_MILLISECONDS_MAX);
            Row::measured(figure.to_owned(), "ms", (beyond.percentile(50), None), goal, of)
                .because(format!("the link shows {ATTACH_MILLISECONDS} ms after the call to attach"))
        }
    };
    bench.tell(row);
    Ok(())
}

/// Pods on a node without any address: the slowest, without the one call.
async fn with_room(bench: &mut Bench<'_>, name: &str) -> Result<Duration> {
    let mut hand = raise(bench, name, 0).await?;
    let before = mutations(bench).await?;
    let took = add(bench, name, &mut hand, WAITING).await?;
    let calls = mutations(bench).await? - before;
    for one in &took {
        ensure!(one.exit_code == Some(0), "{}", why(one));
    }
    ensure!(calls == 1, "{calls} calls served {WAITING} who waited");
    let slowest = took.iter().map(|one| one.nanoseconds).max().unwrap_or(0);
    bench.world.node(name)?.node.kill_daemon().await?;
    Ok(Duration::from_nanos(slowest).saturating_sub(Duration::from_millis(ASSIGN_MILLISECONDS)))
}

/// One pod more than the ENI has addresses: how long after its link could be seen. Or why it is refused.
async fn with_a_new_eni(bench: &mut Bench<'_>, name: &str) -> Result<Result<Duration, String>> {
    let mut hand = raise(bench, name, ADDRESSES_PER_ENI).await?;
    let fill = usize::try_from(ADDRESSES_PER_ENI).unwrap_or(usize::MAX);
    for one in add(bench, name, &mut hand, fill).await? {
        ensure!(one.exit_code == Some(0), "{}", why(&one));
    }
    let took = add(bench, name, &mut hand, 1).await?;
    let one = took.first().context("no ADD")?;
    let instance = bench.world.node(name)?.instance.clone();
    let told = bench.world.region().ask(move |desk| {
        let mut entries = desk.region.journal().entries().rev();
        let attach = entries.find(|entry| {
            entry.action == "AttachNetworkInterface" && entry.caller.as_ref() == Some(&instance)
        });
        (desk.now, attach.map(|entry| entry.at))
    });
    let (now, attached_at) = told.await?;
    bench.world.node(name)?.node.kill_daemon().await?;
    match (one.exit_code, attached_at) {
        (Some(0), Some(attached_at)) => {
            let visible = attached_at + Duration::from_millis(ATTACH_MILLISECONDS);
            Ok(Ok(now.saturating_sub(visible)))
        }
        (Some(0), None) => Ok(Err("it found an address without an attach".to_owned())),
        _ => Ok(Err(why(one))),
    }
}

/// A node of this size with a daemon that keeps no reserve.
async fn raise(bench: &mut Bench<'_>, name: &str, addresses: u32) -> Result<Hand> {
    let spec = InstanceSpec::new(INSTANCE, bench.world.subnet("a")?).with_secondary_addresses(addresses);
    bench.world.add_node(name, spec, &bench.programs.binaries).await?;
    let node = &bench.world.node(name)?.node;
    let environment = [
        ("AWS_ENDPOINT_URL_EC2", format!("http://{EC2_ADDRESS}")),
        ("WARM_ENI_TARGET", "0".to_owned()),
        ("ENID_CNI_ADD_DEADLINE_SECONDS", "10".to_owned()),
    ];
    let environment: BTreeMap<String, String> =
        environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    node.start_daemon(&Settings { environment, ..Settings::default() }).await?;
    Hand::reach(node, &bench.programs.floor)
}

async fn add(bench: &mut Bench<'_>, name: &str, hand: &mut Hand, count: usize) -> Result<Vec<Took>> {
    let pods = bench.sandboxes_on(name, count).await?;
    let node = &bench.world.node(name)?.node;
    let mut jobs = Vec::new();
    for pod in &pods {
        jobs.push(Job::Execute(program(node, Verb::Add, Some(&pod.sandbox), None).await?));
    }
    hand.attempt(&jobs).await
}

async fn mutations(bench: &Bench<'_>) -> Result<u64> {
    bench.world.region().ask(|desk| desk.region.journal().mutations()).await
}
