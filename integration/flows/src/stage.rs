//! What a flow stands on: a world with one node, its containerd, and the plugin that it executes.

use anyhow::{Context, Result, ensure};
use lab::{Binaries, EC2_ADDRESS, LabNode, NETWORK, Settings, World, WorldSpec};
use region::{InstanceSpec, InterfaceSpec, Knobs};
use serde_json::Value;
use std::collections::BTreeMap;

use crate::containerd::Containerd;
use crate::cri::Cri;
use crate::leftovers::Marks;
use crate::plugin::Plugin;

const NODE: &str = "node";

/// What the agent says when a thread of it panicked, whether or not anybody felt it.
const PANICKED: &str = "panicked at";

/// The stage. What it started ends when it is dropped.
#[derive(Debug)]
pub struct Stage {
    // Dropped in this order: nobody runs in a world that is gone.
    containerd: Containerd,
    cri: Cri,
    plugin: Plugin,
    world: World,
    marks: Marks,
}

impl Stage {
    /// Opens a world with one m5.large: its primary ENI and so many more, none with an address for a pod. The first pod's has to
    /// come from EC2.
    ///
    /// # Errors
    /// When the kernel, the region or containerd refuse.
    pub async fn open(binaries: &Binaries, more_enis: u32) -> Result<Self> {
        let mut world = World::create(&WorldSpec {
            vpc: "10.0.0.0/16".parse()?,
            subnets: vec![("a".to_owned(), "10.0.0.0/24".parse()?)],
            knobs: Knobs::default(),
            faults: Vec::new(),
            imds_faults: Vec::new(),
        })
        .await?;
        let subnet = world.subnet("a")?.clone();
        let eni = |device_index| InterfaceSpec {
            device_index,
            subnet: Some(subnet.clone()),
            ..InterfaceSpec::default()
        };
        let instance = (1..=more_enis)
            .map(eni)
            .fold(InstanceSpec::new("m5.large", &subnet), InstanceSpec::with_interface);
        world.add_node(NODE, instance, binaries).await?;
        let node = &world.node(NODE)?.node;
        let plugin = Plugin::install(node, &world.run().directory().join("calls"))?;
        let begun = tokio::time::Instant::now();
        let containerd = Containerd::start(world.run(), node).await?;
        println!("containerd up, with its image: {} ms", begun.elapsed().as_millis());
        let marks = Marks::of(world.run())?;
        Ok(Self { cri: containerd.cri().await?, containerd, plugin, world, marks })
    }

    /// The environment that a daemon needs in this world.
    #[must_use]
    pub fn environment() -> BTreeMap<String, String> {
        let environment = [
            ("AWS_ENDPOINT_URL_EC2", format!("http://{EC2_ADDRESS}")),
            ("WARM_ENI_TARGET", "0".to_owned()),
            ("WARM_IP_TARGET", "1".to_owned()),
        ];
        environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Starts the daemon, in the lab's box.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start_daemon(&self) -> Result<()> {
        let mut environment = Self::environment();
        // The flow's own lists name a program that keeps what it is told: the daemon's goes elsewhere.
        environment.insert("HOST_CNI_CONFDIR_PATH".to_owned(), "/var/run/aws-node".to_owned());
        let settings = Settings { environment, ..Settings::default() };
        let took = self.node()?.node.start_daemon(&settings).await?;
        println!("daemon ready: {} ms", took.as_millis());
        Ok(())
    }

    /// Stops the daemon.
    ///
    /// # Errors
    /// When it does not end well.
    pub async fn stop_daemon(&self) -> Result<()> {
        let took = self.node()?.node.stop_daemon().await?;
        println!("daemon stopped: {} ms", took.as_millis());
        Ok(())
    }

    /// Gives the node a list in this version, and waits until containerd has it.
    ///
    /// # Errors
    /// When the list cannot be written or is not loaded.
    pub async fn configure(&self, version: &str) -> Result<()> {
        Plugin::configure(&self.node()?.node, version)?;
        self.cri().wait_for_network(NETWORK, Some(version)).await
    }

    /// The node.
    ///
    /// # Errors
    /// Never: there is one.
    pub fn node(&self) -> Result<&LabNode> {
        self.world.node(NODE)
    }

    /// What the node is in.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The node's containerd.
    #[must_use]
    pub fn containerd(&self) -> &Containerd {
        &self.containerd
    }

    /// A connection to it.
    #[must_use]
    pub fn cri(&self) -> Cri {
        self.cri.clone()
    }

    /// What containerd said to the plugin.
    #[must_use]
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// Adds a process's namespace to what must be gone at the end.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn mark_namespace_of(&mut self, pid: u32) -> Result<()> {
        self.marks.add_namespace_of(pid)
    }

    /// What the run can be told by after its end.
    #[must_use]
    pub fn marks(&self) -> Marks {
        self.marks.clone()
    }

    /// The allocations in the checkpoint.
    ///
    /// # Errors
    /// When there is no checkpoint, or it is no list of them.
    pub fn allocations(&self) -> Result<Vec<Value>> {
        let path = self.node()?.node.host_path("/var/run/aws-node/ipam.json")?;
        let text = std::fs::read_to_string(path).context("there is no checkpoint")?;
        let image: Value = serde_json::from_str(&text).context("the checkpoint is no JSON")?;
        let allocations = image.get("allocations").and_then(Value::as_array);
        allocations.cloned().context("the checkpoint has no list of allocations")
    }

    /// Nothing that was run is left, though the node still is.
    ///
    /// # Errors
    /// With what is left.
    pub async fn is_empty(&self) -> Result<()> {
        let (sandboxes, containers) = (self.cri().sandboxes().await?, self.containerd.containers().await?);
        ensure!(sandboxes.is_empty() && containers.is_empty(), "containerd has {sandboxes:?} {containers:?}");
        let allocations = self.allocations()?;
        ensure!(allocations.is_empty(), "the checkpoint has {allocations:?}");
        Ok(())
    }

    /// What must hold of the region and its VPC at the end.
    ///
    /// # Errors
    /// With what does not.
    pub async fn judge(&self) -> Result<()> {
        self.world.sound().await?;
        let wrong = self
            .world
            .region()
            .ask(|desk| {
                let mut wrong = desk.violations.clone();
                wrong.extend(desk.region.audit().iter().map(ToString::to_string));
                wrong
            })
            .await?;
        ensure!(wrong.is_empty(), "the region: {}", wrong.join("\n"));
        let asked = self.world.region().ask(|desk| {
            let journal = desk.region.journal();
            journal.count("AssignPrivateIpAddresses", "OK")
        });
        ensure!(asked.await? > 0, "no address was assigned by EC2");
        let log = self.node()?.node.log();
        ensure!(!log.contains(PANICKED), "the daemon panicked:\n{log}");
        let drops = self.world.fabric().drops().await?;
        ensure!(drops.values().sum::<u64>() == 0, "packets dropped for their source, by ENI: {drops:?}");
        Ok(())
    }

    /// The ends of the logs, for a failure's report.
    #[must_use]
    pub fn logs(&self) -> String {
        let daemon = self.node().map(|node| node.node.log_tail()).unwrap_or_default();
        format!(
            "--- containerd's log ends:\n{}\n--- the daemon's log ends:\n{daemon}\n---",
            self.containerd.log_tail()
        )
    }

    /// Ends everything, and looks whether it is gone.
    ///
    /// # Errors
    /// With what is not.
    pub async fn close(self) -> Result<()> {
        let marks = self.marks.clone();
        drop(self);
        marks.gone().await
    }
}
