//! What the flow stands on: a world with one node, its containerd, and the plugin that it executes.

use anyhow::{Result, ensure};
use flows::containerd::Containerd;
use flows::cri::Cri;
use flows::leftovers::Marks;
use flows::plugin::Plugin;
use lab::{Binaries, EC2_ADDRESS, LabNode, Settings, World, WorldSpec};
use region::{InstanceSpec, Knobs};

const NODE: &str = "node";

/// What the agent says when a thread of it panicked, whether or not anybody felt it.
const PANICKED: &str = "panicked at";

pub(crate) struct Stage {
    // Dropped in this order: nobody runs in a world that is gone.
    pub(crate) containerd: Containerd,
    pub(crate) cri: Cri,
    pub(crate) plugin: Plugin,
    pub(crate) world: World,
    marks: Marks,
}

impl Stage {
    pub(crate) async fn open(binaries: &Binaries) -> Result<Self> {
        let mut world = World::create(&WorldSpec {
            vpc: "10.0.0.0/16".parse()?,
            subnets: vec![("a".to_owned(), "10.0.0.0/24".parse()?)],
            knobs: Knobs::default(),
            faults: Vec::new(),
            imds_faults: Vec::new(),
        })
        .await?;
        // No address is free: the first pod's has to come from EC2.
        let instance = InstanceSpec::new("m5.large", world.subnet("a")?);
        world.add_node(NODE, instance, binaries).await?;
        let node = &world.node(NODE)?.node;
        let plugin = Plugin::install(node, &world.run().directory().join("calls"))?;
        let begun = tokio::time::Instant::now();
        let containerd = Containerd::start(world.run(), node).await?;
        println!("containerd up, with its image: {} ms", begun.elapsed().as_millis());
        let marks = Marks::of(world.run())?;
        Ok(Self { cri: containerd.cri().await?, containerd, plugin, world, marks })
    }

    pub(crate) async fn start_daemon(&mut self) -> Result<()> {
        let environment = [
            ("AWS_ENDPOINT_URL_EC2", format!("http://{EC2_ADDRESS}")),
            ("WARM_ENI_TARGET", "0".to_owned()),
            ("WARM_IP_TARGET", "1".to_owned()),
            // The flow's own lists name a program that keeps what it is told: the daemon's goes elsewhere.
            ("HOST_CNI_CONFDIR_PATH", "/host/etc/cni/of-the-daemon".to_owned()),
        ];
        let settings = Settings {
            environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            file: None,
        };
        let took = self.world.node_mut(NODE)?.node.start_daemon(&settings).await?;
        println!("daemon ready: {} ms", took.as_millis());
        Ok(())
    }

    pub(crate) async fn stop_daemon(&mut self) -> Result<()> {
        let took = self.world.node_mut(NODE)?.node.stop_daemon().await?;
        println!("daemon stopped: {} ms", took.as_millis());
        Ok(())
    }

    pub(crate) fn node(&self) -> Result<&LabNode> {
        self.world.node(NODE)
    }

    pub(crate) fn mark_namespace_of(&mut self, pid: u32) -> Result<()> {
        self.marks.add_namespace_of(pid)
    }

    pub(crate) fn marks(&self) -> Marks {
        self.marks.clone()
    }

    /// What must hold of the region and its VPC at the end.
    pub(crate) async fn judge(&self) -> Result<()> {
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
    pub(crate) fn logs(&self) -> String {
        let daemon = self.node().map(|node| node.node.log_tail()).unwrap_or_default();
        format!(
            "--- containerd's log ends:\n{}\n--- the daemon's log ends:\n{daemon}\n---",
            self.containerd.log_tail()
        )
    }

    /// Ends everything, and looks whether it is gone.
    pub(crate) async fn close(self) -> Result<()> {
        let marks = self.marks.clone();
        drop(self);
        marks.gone().await
    }
}
