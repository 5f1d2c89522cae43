//! The floor's four steps, one after the other, each timed: what no ADD can do without, with nobody deciding anything.

use anyhow::{Context, Result, ensure};
use cni_shim::client;
use cni_shim::netns::Namespaces;
use cni_shim::plan::{CheckedPlan, Inside, Mac};
use cni_shim::wiring::{Site, strip};
use protocol::HelloRequest;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use tokio::runtime::Runtime;

use crate::checkpoint;
use crate::execute::execute;
use crate::host_side::HostSide;
use crate::order::FloorPod;
use crate::worker::Stopwatch;

/// The pods' side, as every pod of the product has it.
const IFNAME: &str = "eth0";
const POD_GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);
const MTU_BYTES: u32 = 9001;
const HOST_MAC: Mac = [0x0a, 0, 0, 0, 0, 1];
/// What the names of its host links begin with.
const PREFIX: &str = "flr";

/// What a floor has at hand before its time begins: a daemon has it all the time.
pub(crate) struct Tools {
    runtime: Runtime,
    host: HostSide,
}

impl Tools {
    pub(crate) fn new() -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { runtime, host: HostSide::open().context("a netlink socket")? })
    }

    pub(crate) fn add(&mut self, pod: &FloorPod) -> Result<BTreeMap<String, u64>> {
        let mut watch = Stopwatch::start();
        run_empty(pod)?;
        watch.lap("exec");
        self.echo(pod)?;
        watch.lap("rpc");
        self.wire(pod)?;
        watch.lap("netlink");
        checkpoint::replace(&pod.checkpoint, pod.checkpoint_bytes).context("the write")?;
        watch.lap("write");
        Ok(watch.laps)
    }

    pub(crate) fn del(&mut self, pod: &FloorPod) -> Result<BTreeMap<String, u64>> {
        let mut watch = Stopwatch::start();
        run_empty(pod)?;
        watch.lap("exec");
        self.echo(pod)?;
        watch.lap("rpc");
        let namespaces = open(pod)?;
        ensure!(strip(&namespaces, IFNAME, PREFIX).context("the pod's side")?, "the pod is not wired");
        self.host.remove(pod.address, None).context("the host's side")?;
        watch.lap("netlink");
        checkpoint::replace(&pod.checkpoint, pod.checkpoint_bytes).context("the write")?;
        watch.lap("write");
        Ok(watch.laps)
    }

    /// As the shim connects, and one call.
    fn echo(&self, pod: &FloorPod) -> Result<()> {
        self.runtime.block_on(async {
            let mut client = client::connect(&pod.echo_directory)
                .await
                .map_err(|error| anyhow::anyhow!("the echo: {error}"))?;
            client.hello(HelloRequest {}).await.context("the echo")?;
            Ok(())
        })
    }

    fn wire(&mut self, pod: &FloorPod) -> Result<()> {
        let mut site = Site::open(open(pod)?, IFNAME, &pod.host_veth).context("the pod's namespace")?;
        let host = site.carry_out(&plan(pod)).context("the pod's side")?;
        self.host.put(pod.address, host.index).context("the host's side")?;
        self.host.verify(pod.address, host.index, pod.gateway).context("the host's side, verified")
    }
}

fn run_empty(pod: &FloorPod) -> Result<()> {
    let output = execute(&pod.empty).context("the empty program")?;
    ensure!(output.status.success(), "the empty program ended with {}", output.status);
    Ok(())
}

fn open(pod: &FloorPod) -> Result<Namespaces> {
    let path = pod.netns.to_str().context("the namespace's path is no text")?;
    Namespaces::open(path).with_context(|| format!("namespace {path}"))
}

/// The plan that the daemon gives for every pod.
fn plan(pod: &FloorPod) -> CheckedPlan {
    CheckedPlan {
        host_mac: HOST_MAC,
        mtu_bytes: MTU_BYTES,
        quiet: true,
        address: pod.address,
        inside: vec![
            Inside::LinkRoute(POD_GATEWAY),
            Inside::DefaultRoute(POD_GATEWAY),
            Inside::Address(pod.address),
            Inside::Neighbour(POD_GATEWAY, HOST_MAC),
        ],
    }
}
