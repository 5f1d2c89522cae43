//! `containerd_pods`: twenty pods at once by a real containerd, on all ENIs of a node; each reaches each, and all go again.
//! Needs root, containerd, runc.

use anyhow::{Context, Result, ensure};
use flows::containerd::missing;
use flows::pod::Pod;
use flows::stage::Stage;
use futures::future::try_join_all;
use lab::{Binaries, Probed, probe};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// More than two ENIs of the node carry.
const PODS: usize = 20;

/// Beside the primary one: all that an m5.large may have.
const MORE_ENIS: u32 = 2;

const VERSION: &str = "1.0.0";

#[tokio::test]
async fn twenty_pods_of_containerd_reach_each_other_and_leave_nothing() -> Result<()> {
    if let Some(why) = missing() {
        println!("SKIPPED containerd_pods: {why}");
        return Ok(());
    }
    let binaries = Binaries::locate()?;
    binaries.verify().await?;
    let mut stage = Stage::open(&binaries, MORE_ENIS).await?;
    let lived = live(&mut stage).await.map_err(|error| error.context(stage.logs()));
    let cleared = stage.close().await;
    lived.and(cleared)
}

async fn live(stage: &mut Stage) -> Result<()> {
    stage.start_daemon().await?;
    stage.configure(VERSION).await?;
    let names: Vec<String> = (1..=PODS).map(|number| format!("web-{number}")).collect();
    let pods = try_join_all(names.iter().map(|name| Pod::sandboxed(stage, name, VERSION))).await?;
    for pod in &pods {
        stage.mark_namespace_of(pod.pid()?)?;
    }
    let stage = &*stage;
    are_apart(stage, &pods).await?;
    try_join_all(pods.iter().map(|pod| pod.start_echo(stage))).await?;
    try_join_all(pods.iter().map(|pod| pod.answers(stage))).await?;
    try_join_all(pods.iter().map(|pod| pod.is_in_kernel_and_checkpoint(stage))).await?;
    let reached = try_join_all(pods.iter().map(|pod| reach_all(stage, pod, &pods))).await?;
    println!("{} of {} pairs", reached.iter().sum::<usize>(), PODS * (PODS - 1));
    try_join_all(pods.iter().map(|pod| pod.stop(stage))).await?;
    try_join_all(pods.iter().map(|pod| pod.has_left_nothing(stage))).await?;
    try_join_all(pods.iter().map(|pod| pod.remove(stage))).await?;
    try_join_all(pods.iter().map(|pod| pod.has_left_nothing(stage))).await?;
    stage.is_empty().await?;
    stage.judge().await?;
    stage.stop_daemon().await
}

/// Each has an address of its own, and every ENI carries some.
async fn are_apart(stage: &Stage, pods: &[Pod]) -> Result<()> {
    let addresses: BTreeSet<Ipv4Addr> = pods.iter().map(Pod::address).collect();
    ensure!(addresses.len() == PODS, "an address is given twice: {addresses:?}");
    let carriers = try_join_all(pods.iter().map(|pod| pod.is_the_regions(stage))).await?;
    let carriers: BTreeSet<usize> = carriers.into_iter().collect();
    ensure!(carriers.len() > usize::try_from(MORE_ENIS)?, "the pods are on {carriers:?} of the ENIs only");
    Ok(())
}

/// One datagram from this pod to each other one, each answered. Returns how many.
async fn reach_all(stage: &Stage, pod: &Pod, pods: &[Pod]) -> Result<usize> {
    let netns = pod.named_namespace(stage).await?;
    let from = pod.address();
    let others = pods.iter().map(Pod::address).filter(|to| *to != from);
    let probed = try_join_all(others.map(|to| {
        let netns = &netns;
        async move { probe(netns, from, to, 1).await.map(|probed| (to, probed)) }
    }))
    .await;
    netns.remove().await?;
    let probed: Vec<(Ipv4Addr, Probed)> = probed.with_context(|| format!("from {from}"))?;
    let silent: Vec<&(Ipv4Addr, Probed)> = probed.iter().filter(|(_, probed)| !probed.all()).collect();
    ensure!(silent.is_empty(), "no answer to {from} from {silent:?}");
    Ok(probed.len())
}
