//! `containerd_pod`: a real containerd runs pods through the real shim, and they have real addresses; and the containerd of a
//! flow, with a stand-in for the product, to show that it leaves nothing. Needs root, containerd, runc.

use anyhow::{Result, bail};
use flows::containerd::missing;
use flows::pod::Pod;
use flows::stage::Stage;
use lab::Binaries;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

/// Succeeds as a plugin that wires nothing.
const PLUGIN: &str = r#"#!/bin/sh
[ "$CNI_COMMAND" = ADD ] || exit 0
[ -e "$CNI_NETNS" ] || exit 1
echo "{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"enix\"},{\"name\":\"eth0\",\"sandbox\":\"$CNI_NETNS\"}],\"ips\":[{\"interface\":1,\"address\":\"10.0.0.7/32\"}]}"
"#;

fn skipped() -> bool {
    let missing = missing();
    if let Some(why) = &missing {
        println!("SKIPPED containerd_pod: {why}");
    }
    missing.is_some()
}

fn stand_in(directory: &Path) -> Result<Binaries> {
    let shim = directory.join("enid-cni");
    lab::program::write(&shim, PLUGIN)?;
    Ok(Binaries { daemon: PathBuf::from("/bin/true"), shim })
}

#[tokio::test]
async fn a_pod_of_containerd_has_an_address_in_the_vpc_and_leaves_nothing() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let binaries = Binaries::locate()?;
    binaries.verify().await?;
    let mut stage = Stage::open(&binaries, 0).await?;
    let lived = async {
        stage.start_daemon().await?;
        // One after the other: the second finds what the first left.
        for (name, version) in [("web", "1.0.0"), ("old", "0.4.0")] {
            live(&mut stage, name, version).await?;
        }
        stage.is_empty().await?;
        stage.judge().await?;
        stage.stop_daemon().await
    }
    .await;
    let lived = lived.map_err(|error| error.context(stage.logs()));
    let cleared = stage.close().await;
    lived.and(cleared)
}

/// One pod's life: added, reached, stopped, removed.
async fn live(stage: &mut Stage, name: &str, version: &str) -> Result<()> {
    let pod = Pod::run(stage, name, version).await?;
    pod.is_the_regions(stage).await?;
    pod.start_echo(stage).await?;
    pod.is_reached_both_ways(stage).await?;
    pod.is_in_kernel_and_checkpoint(stage).await?;
    pod.stop(stage).await?;
    pod.has_left_nothing(stage).await?;
    pod.remove(stage).await?;
    pod.has_left_nothing(stage).await
}

#[tokio::test]
async fn containerd_on_a_node_calls_a_plugin_once_to_add_and_twice_to_delete() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let mut stage = Stage::open(&stand_in(directory.path())?, 0).await?;
    let lived = async {
        let pod = Pod::run(&mut stage, "web", "1.0.0").await?;
        pod.start_echo(&stage).await?;
        pod.stop(&stage).await?;
        pod.remove(&stage).await
    }
    .await;
    let lived = lived.map_err(|error| error.context(stage.logs()));
    let cleared = stage.close().await;
    lived.and(cleared)
}

#[test]
fn nothing_is_left_of_a_flow_that_panics_while_its_pod_runs() -> Result<()> {
    if skipped() {
        return Ok(());
    }
    let directory = tempfile::tempdir()?;
    let binaries = stand_in(directory.path())?;
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (tell, told) = mpsc::channel();
    let flow = std::thread::spawn(move || -> Result<()> {
        runtime()?.block_on(async {
            let mut stage = Stage::open(&binaries, 0).await?;
            let pod = Pod::run(&mut stage, "web", "1.0.0").await?;
            pod.start_echo(&stage).await?;
            tell.send(stage.marks())?;
            panic!("on purpose");
        })
    });
    match flow.join() {
        Ok(ended) => bail!("the flow should have panicked: {ended:?}"),
        Err(_) => runtime()?.block_on(told.recv()?.gone()),
    }
}
