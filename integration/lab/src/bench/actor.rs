//! Actors that panic: when the next life of each runs, and that no ADD fails for it. Only a daemon as it is developed can be
//! harmed, so that is what is measured.

use anyhow::{Context, Result, ensure};
use floor::Job;
use futures::future::try_join;
use region::InstanceSpec;
use std::time::Duration;
use tokio::time::Instant;

use super::floored::{Bench, program, settings};
use super::hand::Hand;
use super::rows::{Goal, Row};
use super::samples::Samples;
use crate::cni::Verb;
use crate::metrics;
use crate::node::Node;
use crate::step::actor::{FAULT_SOCKET, converse};
use crate::until;

const NODE: &str = "dev";
const ADDRESSES: u32 = 9;

/// All that an ADD meets, and one that it does not.
const ACTORS: [&str; 5] = ["warm-pool", "route-programmer", "cni-server", "eni-manager", "subnet-scout"];

const MILLISECONDS_MAX: f64 = 100.0;

/// Something is wrong with supervision if the next life takes longer.
const LIFE_MAX: Duration = Duration::from_secs(10);

pub(super) async fn measure(bench: &mut Bench<'_>) -> Result<()> {
    let spec = InstanceSpec::new("m5.large", bench.world.subnet("a")?).with_secondary_addresses(ADDRESSES);
    bench.world.add_node(NODE, spec, &bench.programs.developed).await?;
    let mut with_faults = settings();
    with_faults.environment.insert("ENID_FAULT_SOCKET".to_owned(), FAULT_SOCKET.to_owned());
    with_faults.environment.insert("MINIMUM_IP_TARGET".to_owned(), ADDRESSES.to_string());
    bench.world.node(NODE)?.node.start_daemon(&with_faults).await?;
    let (mut lives, mut slowest) = (Samples::default(), (Duration::ZERO, ""));
    let pods = bench.sandboxes_on(NODE, ACTORS.len()).await?;
    let node = &bench.world.node(NODE)?.node;
    let mut hand = Hand::reach(node, &bench.programs.floor)?;
    for (actor, pod) in ACTORS.into_iter().zip(&pods) {
        let add = Job::Execute(program(node, Verb::Add, Some(&pod.sandbox), None).await?);
        let adds = [add];
        // The ADD begins as the actor dies, and has to succeed.
        let (took, _) = try_join(next_life(node, actor), hand.together(&adds)).await?;
        lives.took(took);
        slowest = slowest.max((took, actor));
    }
    node.kill_daemon().await?;
    let goal = Goal::AtMost(MILLISECONDS_MAX);
    let values = (lives.percentile(100), None);
    let row = Row::measured(
        "an actor's next life, the slowest".to_owned(),
        "ms",
        values,
        goal,
        (lives.count(), "dev"),
    );
    bench.tell(
        row.because(format!("{}; an ADD during each, none failed; with asking for /metrics", slowest.1)),
    );
    Ok(())
}

/// From the order to panic until the metrics tell of the next life.
async fn next_life(node: &Node, actor: &str) -> Result<Duration> {
    let before = restarts(node, actor).await?;
    let socket = node.host_path(FAULT_SOCKET)?;
    let begun = Instant::now();
    let answer = converse(&socket, &format!("panic {actor}")).await.context("the fault socket")?;
    ensure!(answer.trim_end() == "ok", "the daemon answers {answer:?}");
    let wait = until::quiet(LIFE_MAX, || async {
        let now = restarts(node, actor).await?;
        Ok((now == before).then(|| format!("{actor} has no next life")))
    });
    ensure!(wait.await?.is_none(), "{actor} has no next life");
    Ok(begun.elapsed())
}

async fn restarts(node: &Node, actor: &str) -> Result<u64> {
    let (_, page) = node.health("/metrics").await?;
    metrics::restarts(&page).get(actor).copied().with_context(|| format!("there is no actor {actor}"))
}
