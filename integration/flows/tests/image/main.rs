//! `image`: what is deployed is what works. The image that `deploy/Dockerfile` describes is built, a real containerd runs it as
//! `deploy/enid.yaml` says, with that confinement and nothing else of the node, and it serves a pod. Needs root, containerd, runc,
//! buildah, and Debian's packages.

use anyhow::{Context, Result, ensure};
use flows::cri::{ContainerState, ContainerStatus, CreateContainerRequest, PodSandboxConfig};
use flows::kubelet::Template;
use flows::pod::Pod;
use flows::stage::Stage;
use flows::{buildah, containerd};
use lab::{Binaries, NETWORK, until, workspace_root};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// A program that ends by itself does so in milliseconds, and a daemon is ready in half a second; a machine busy with a build
/// takes longer.
const STEP_SECONDS_MAX: u64 = 30;

/// What Docker's reference syntax leaves out of a name without a registry.
const LIBRARY: &str = "docker.io/library/";

#[tokio::test]
async fn the_image_serves_a_pod_under_the_manifests_confinement() -> Result<()> {
    if let Some(why) = containerd::missing().or_else(buildah::missing) {
        println!("SKIPPED image: {why}");
        return Ok(());
    }
    let binaries = Binaries::locate()?;
    binaries.verify().await?;
    let manifest =
        std::fs::read_to_string(workspace_root()?.join("deploy/enid.yaml")).context("no manifest")?;
    let template = Template::read(&manifest)?;
    let name = format!("{LIBRARY}{}", template.image()?);
    let directory = tempfile::tempdir()?;
    let begun = tokio::time::Instant::now();
    let archive =
        buildah::build(&binaries, &name, directory.path(), Path::new(env!("CARGO_TARGET_TMPDIR"))).await?;
    println!("image built: {} ms", begun.elapsed().as_millis());
    let mut stage = Stage::open(&binaries, 0).await?;
    let lived = async {
        stage.containerd().import_archive(&archive, &name).await?;
        drop(directory);
        serve(&mut stage, &template).await
    }
    .await
    .map_err(|error| error.context(stage.logs()));
    let cleared = stage.close().await;
    lived.and(cleared)
}

async fn serve(stage: &mut Stage, template: &Template) -> Result<()> {
    // The node's plugins are to be those of the image.
    let plugins = stage.node()?.node.host_path("/opt/cni/bin")?;
    for entry in std::fs::read_dir(&plugins)? {
        std::fs::remove_file(entry?.path())?;
    }
    let agent = Agent::open(stage, template).await?;
    let environment = Stage::environment();
    let told = agent.until_end(stage, "install", &environment).await?;
    ensure!(told.exit_code == 0, "install: {told:?}\n{}", agent.log(stage, "install"));
    for name in ["loopback", "portmap"] {
        ensure!(plugins.join(name).is_file(), "install put no {name}:\n{}", agent.log(stage, "install"));
    }

    let mut bad = environment.clone();
    bad.insert("ENABLE_IPv6".to_owned(), "true".to_owned());
    let told = agent.until_end(stage, "enid", &bad).await?;
    let log = agent.log(stage, "enid");
    ensure!(told.exit_code == 2 && log.contains("ENABLE_IPv6"), "refused settings: {told:?}\n{log}");

    let daemon = agent.start(stage, "enid", &environment).await?;
    agent.is_ready(stage, &daemon).await?;
    // By the list that the daemon writes, and the programs that were installed.
    stage.cri().wait_for_network(NETWORK, None).await?;
    let pod = Pod::started(stage, "web", "").await?;
    stage.mark_namespace_of(pod.pid()?)?;
    pod.is_the_regions(stage).await?;
    pod.start_echo(stage).await?;
    pod.is_reached_both_ways(stage).await?;
    pod.is_in_kernel_and_checkpoint(stage).await?;
    stage.cri().stop_sandbox(pod.sandbox()).await?;
    pod.has_left_nothing(stage).await?;
    stage.cri().remove_sandbox(pod.sandbox()).await?;
    agent.is_ready(stage, &daemon).await?;
    stage.cri().stop_sandbox(&agent.sandbox).await?;
    stage.cri().remove_sandbox(&agent.sandbox).await
}

/// The DaemonSet's pod on this node.
struct Agent<'a> {
    template: &'a Template,
    config: PodSandboxConfig,
    sandbox: String,
}

impl<'a> Agent<'a> {
    async fn open(stage: &Stage, template: &'a Template) -> Result<Self> {
        let logs = stage.world().run().directory().join("agent-logs");
        std::fs::create_dir_all(&logs).context("cannot make the directory of logs")?;
        let cgroup = format!("{}/agent", stage.containerd().cgroup());
        let config = template.sandbox("agent", cgroup, logs.display().to_string())?;
        let sandbox = stage.cri().run_sandbox(config.clone()).await?;
        Ok(Self { template, config, sandbox })
    }

    /// Starts one of its containers.
    async fn start(&self, stage: &Stage, name: &str, more: &BTreeMap<String, String>) -> Result<String> {
        let node = &stage.node()?.node;
        let mut config = self.template.container(name, more, |path| node.host_path(path))?;
        // A restarted container is another attempt to kubelet.
        let attempt = u32::try_from(stage.containerd().containers().await?.len())?;
        if let Some(metadata) = config.metadata.as_mut() {
            metadata.attempt = attempt;
        }
        let request = CreateContainerRequest {
            pod_sandbox_id: self.sandbox.clone(),
            config: Some(config),
            sandbox_config: Some(self.config.clone()),
        };
        stage.cri().start_container(request).await
    }

    /// Starts a container that ends by itself, and waits for that.
    async fn until_end(
        &self,
        stage: &Stage,
        name: &str,
        more: &BTreeMap<String, String>,
    ) -> Result<ContainerStatus> {
        let container = self.start(stage, name, more).await?;
        let late = until::quiet(Duration::from_secs(STEP_SECONDS_MAX), || async {
            let status = stage.cri().container_status(&container).await?;
            Ok((status.state() != ContainerState::ContainerExited).then(|| format!("{status:?}")))
        })
        .await?;
        ensure!(late.is_none(), "{name} does not end: {late:?}\n{}", self.log(stage, name));
        stage.cri().container_status(&container).await
    }

    /// Waits until the readiness probe would succeed.
    async fn is_ready(&self, stage: &Stage, container: &str) -> Result<()> {
        let node = &stage.node()?.node;
        let complaint = until::quiet(Duration::from_secs(STEP_SECONDS_MAX), || async {
            let status = stage.cri().container_status(container).await?;
            ensure!(status.state() == ContainerState::ContainerRunning, "the daemon ended: {status:?}");
            Ok(match node.health("/readyz").await {
                Ok((200, _)) => None,
                Ok((status, body)) => Some(format!("{status} {body}")),
                Err(error) => Some(error.to_string()),
            })
        })
        .await;
        match complaint.context("the daemon of the image")? {
            None => Ok(()),
            Some(complaint) => {
                anyhow::bail!("the daemon is not ready: {complaint}\n{}", self.log(stage, "enid"))
            }
        }
    }

    fn log(&self, stage: &Stage, name: &str) -> String {
        let path = stage.world().run().directory().join(format!("agent-logs/{name}.log"));
        std::fs::read_to_string(path).unwrap_or_default()
    }
}
