//! One pod as kubelet runs it, and what must hold of it at each station of its life.

use anyhow::{Context, Result, ensure};
use lab::{Netns, probe, until};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::time::Instant;

use crate::cri::{
    ContainerConfig, ContainerMetadata, ContainerState, CreateContainerRequest, ImageSpec,
    LinuxPodSandboxConfig, PodSandboxConfig, PodSandboxMetadata, PodSandboxState,
};
use crate::image;
use crate::leftovers::pid_of;
use crate::plugin::{Call, cached_result};
use crate::stage::Stage;

/// Datagrams each way.
const PROBES: u32 = 20;

/// A program that was started binds its socket within milliseconds; a machine busy with a build takes longer.
const ECHO_SECONDS_MAX: u64 = 20;

/// A namespace's links go a moment after it; rules are removed before DEL answers.
const GONE_SECONDS_MAX: u64 = 5;

/// A pod.
#[derive(Debug)]
pub struct Pod {
    name: String,
    version: String,
    sandbox: String,
    config: PodSandboxConfig,
    address: Ipv4Addr,
    host_link: String,
}

impl Pod {
    /// RunPodSandbox, with a list of this version.
    ///
    /// # Errors
    /// As [`Self::sandboxed`].
    pub async fn run(stage: &mut Stage, name: &str, version: &str) -> Result<Self> {
        stage.configure(version).await?;
        let pod = Self::sandboxed(stage, name, version).await?;
        stage.mark_namespace_of(pod.pid()?)?;
        Ok(pod)
    }

    /// RunPodSandbox, with the list that the node has, which is of this version.
    ///
    /// # Errors
    /// When it is refused, or containerd said anything else to the plugin than one ADD.
    pub async fn sandboxed(stage: &Stage, name: &str, version: &str) -> Result<Self> {
        let pod = Self::started(stage, name, version).await?;
        pod.was_added(stage)?;
        Ok(pod)
    }

    /// RunPodSandbox alone, by whatever program the node's list names.
    ///
    /// # Errors
    /// When it is refused, or the sandbox has no network.
    pub async fn started(stage: &Stage, name: &str, version: &str) -> Result<Self> {
        let config = PodSandboxConfig {
            metadata: Some(PodSandboxMetadata {
                name: name.to_owned(),
                uid: format!("uid-of-{name}"),
                namespace: "default".to_owned(),
                attempt: 0,
            }),
            hostname: name.to_owned(),
            linux: Some(LinuxPodSandboxConfig {
                cgroup_parent: format!("{}/{name}", stage.containerd().cgroup()),
                ..LinuxPodSandboxConfig::default()
            }),
            ..PodSandboxConfig::default()
        };
        let begun = Instant::now();
        let sandbox = stage.cri().run_sandbox(config.clone()).await?;
        println!("{name} {version}: RunPodSandbox {} ms", begun.elapsed().as_millis());
        let status = stage.cri().sandbox_status(&sandbox).await?;
        ensure!(status.state() == PodSandboxState::SandboxReady, "{status:?}");
        let address = status.network.context("a sandbox without a network")?.ip;
        Ok(Self {
            name: name.to_owned(),
            version: version.to_owned(),
            config,
            address: address.parse().with_context(|| format!("address {address}"))?,
            host_link: host_link(stage, &sandbox)?,
            sandbox,
        })
    }

    /// Its sandbox's id.
    #[must_use]
    pub fn sandbox(&self) -> &str {
        &self.sandbox
    }

    /// Its address.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// A process in its namespace.
    ///
    /// # Errors
    /// When there is none.
    pub fn pid(&self) -> Result<u32> {
        pid_of(&self.sandbox)
    }

    /// Its namespace under a name. A namespace lives for as long as it has one: take it off before the sandbox is stopped.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn named_namespace(&self, stage: &Stage) -> Result<Netns> {
        let name = stage.world().run().namespace(&format!("sandbox-{}", self.name));
        Netns::attach(name, self.pid()?).await
    }

    /// What containerd said at ADD.
    fn was_added(&self, stage: &Stage) -> Result<()> {
        let calls = stage.plugin().calls(&self.sandbox)?;
        let [add] = calls.as_slice() else {
            anyhow::bail!("one ADD, not {calls:?}");
        };
        ensure!(add.variable("CNI_COMMAND") == Some("ADD") && add.code == 0, "{add:?}");
        ensure!(add.stdin.get("cniVersion").and_then(Value::as_str) == Some(&self.version), "{add:?}");
        ensure!(add.stdin.get("prevResult").is_none(), "{add:?}");
        Ok(())
    }

    /// The address is a secondary one of an ENI of this very node: which of its ENIs it is, counted from 0.
    ///
    /// # Errors
    /// When it is not.
    pub async fn is_the_regions(&self, stage: &Stage) -> Result<usize> {
        let (instance, address) = (stage.node()?.instance.clone(), self.address);
        let carrier = stage.world().region().ask(move |desk| {
            let enis = desk.region.enis_of(&instance);
            enis.iter().position(|eni| eni.secondaries.contains(&address))
        });
        carrier.await?.with_context(|| format!("the region has {address} on no ENI of the node"))
    }

    /// A container that answers datagrams.
    ///
    /// # Errors
    /// When it does not run.
    pub async fn start_echo(&self, stage: &Stage) -> Result<()> {
        let request = CreateContainerRequest {
            pod_sandbox_id: self.sandbox.clone(),
            config: Some(ContainerConfig {
                metadata: Some(ContainerMetadata { name: "echo".to_owned(), attempt: 0 }),
                image: Some(ImageSpec { image: image::NAME.to_owned() }),
                command: vec![image::PROGRAM.to_owned()],
                args: vec!["echo".to_owned()],
                ..ContainerConfig::default()
            }),
            sandbox_config: Some(self.config.clone()),
        };
        let begun = Instant::now();
        let container = stage.cri().start_container(request).await?;
        println!("{}: container {} ms", self.name, begun.elapsed().as_millis());
        let status = stage.cri().container_status(&container).await?;
        ensure!(status.state() == ContainerState::ContainerRunning, "{status:?}");
        Ok(())
    }

    /// Waits until the container answers the VPC.
    ///
    /// # Errors
    /// When it does not in time.
    pub async fn answers(&self, stage: &Stage) -> Result<()> {
        let outside = stage.world().outside();
        let answers = until::quiet(Duration::from_secs(ECHO_SECONDS_MAX), || async {
            let first = probe(&outside.netns, outside.address, self.address, 1).await?;
            Ok((!first.all()).then(|| format!("{first}")))
        })
        .await?;
        ensure!(
            answers.is_none(),
            "nobody answers at {} from the VPC; dropped for their source, by ENI: {:?}",
            self.address,
            stage.world().fabric().drops().await?
        );
        Ok(())
    }

    /// The container answers the VPC and its own node (as it must for kubelet's probes), and the pod reaches the VPC.
    ///
    /// # Errors
    /// When a datagram has no answer.
    pub async fn is_reached_both_ways(&self, stage: &Stage) -> Result<()> {
        self.answers(stage).await?;
        let (outside, node) = (stage.world().outside(), stage.node()?);
        let inward = probe(&outside.netns, outside.address, self.address, PROBES).await?;
        let local = probe(node.node.netns(), node.address, self.address, PROBES).await?;
        let netns = self.named_namespace(stage).await?;
        let outward = probe(&netns, self.address, outside.address, PROBES).await;
        netns.remove().await?;
        let outward = outward?;
        println!(
            "{}: {} VPC to pod {inward}, node to pod {local}, pod to VPC {outward}",
            self.name, self.address
        );
        ensure!(inward.all() && local.all() && outward.all());
        Ok(())
    }

    /// Without this, `has_left_nothing` could mean that there never was anything.
    ///
    /// # Errors
    /// With what is missing.
    pub async fn is_in_kernel_and_checkpoint(&self, stage: &Stage) -> Result<()> {
        let traces = self.traces(stage).await?;
        for kind in ["link", "rule", "route", "allocation"] {
            ensure!(traces.iter().any(|trace| trace.starts_with(kind)), "no {kind} of the pod in {traces:?}");
        }
        Ok(())
    }

    /// StopPodSandbox: one DEL, with namespace and result.
    ///
    /// # Errors
    /// When it is refused, or containerd said anything else to the plugin.
    pub async fn stop(&self, stage: &Stage) -> Result<()> {
        let begun = Instant::now();
        stage.cri().stop_sandbox(&self.sandbox).await?;
        println!("{}: StopPodSandbox {} ms", self.name, begun.elapsed().as_millis());
        let calls = stage.plugin().calls(&self.sandbox)?;
        let [add, del] = calls.as_slice() else {
            anyhow::bail!("one ADD and one DEL, not {calls:?}");
        };
        self.is_good_del(del)?;
        ensure!(
            del.variable("CNI_NETNS") == add.variable("CNI_NETNS")
                && del.variable("CNI_NETNS").is_some_and(|path| !path.is_empty()),
            "{del:?}"
        );
        let previous = del.stdin.pointer("/prevResult/ips/0/address").and_then(Value::as_str);
        ensure!(previous == Some(&format!("{}/32", self.address)), "{del:?}");
        let cached = cached_result(&stage.node()?.node, &self.sandbox)?;
        ensure!(!cached.exists(), "libcni still keeps {}", cached.display());
        Ok(())
    }

    /// RemovePodSandbox: one more DEL, with neither.
    ///
    /// # Errors
    /// When it is refused, or containerd said anything else to the plugin, or still has it.
    pub async fn remove(&self, stage: &Stage) -> Result<()> {
        let begun = Instant::now();
        stage.cri().remove_sandbox(&self.sandbox).await?;
        println!("{}: RemovePodSandbox {} ms", self.name, begun.elapsed().as_millis());
        let calls = stage.plugin().calls(&self.sandbox)?;
        let [_, _, again] = calls.as_slice() else {
            anyhow::bail!("one ADD and two DELs, not {calls:?}");
        };
        self.is_good_del(again)?;
        ensure!(again.variable("CNI_NETNS") == Some(""), "{again:?}");
        ensure!(again.stdin.get("prevResult").is_none(), "{again:?}");
        let sandboxes = stage.cri().sandboxes().await?;
        ensure!(!sandboxes.contains(&self.sandbox), "containerd still has {}", self.sandbox);
        Ok(())
    }

    fn is_good_del(&self, del: &Call) -> Result<()> {
        let version = del.stdin.get("cniVersion").and_then(Value::as_str);
        ensure!(
            del.variable("CNI_COMMAND") == Some("DEL")
                && del.code == 0
                && del.stdout.is_null()
                && version == Some(&self.version),
            "{del:?}"
        );
        Ok(())
    }

    /// Nothing of the pod in kernel and checkpoint.
    ///
    /// # Errors
    /// With what is left.
    pub async fn has_left_nothing(&self, stage: &Stage) -> Result<()> {
        let left = until::quiet(Duration::from_secs(GONE_SECONDS_MAX), || async {
            let traces = self.traces(stage).await?;
            Ok((!traces.is_empty()).then(|| traces.join("\n")))
        })
        .await?;
        ensure!(left.is_none(), "left of {}:\n{}", self.name, left.unwrap_or_default());
        Ok(())
    }

    /// Traces of the pod on its node.
    async fn traces(&self, stage: &Stage) -> Result<Vec<String>> {
        let mut traces = lab::traces(stage.node()?.node.netns(), self.address, &self.host_link).await?;
        let allocations = stage.allocations()?.into_iter().map(|allocation| allocation.to_string());
        traces.extend(
            allocations.filter(|text| text.contains(&self.sandbox)).map(|text| format!("allocation {text}")),
        );
        Ok(traces)
    }
}

/// The node's end of a pod's link, in the result that libcni keeps.
fn host_link(stage: &Stage, sandbox: &str) -> Result<String> {
    let path = cached_result(&stage.node()?.node, sandbox)?;
    let text =
        std::fs::read_to_string(&path).with_context(|| format!("libcni keeps no {}", path.display()))?;
    let cached: Value = serde_json::from_str(&text).context("what libcni keeps is no JSON")?;
    let link = cached.pointer("/result/interfaces/0/name").and_then(Value::as_str);
    link.map(str::to_owned).with_context(|| format!("no host link in {text}"))
}
