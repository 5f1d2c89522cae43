//! Runs a scenario: builds its world, takes its steps, and judges the end. Stops at the first step that does not do what was
//! expected: what comes after it would only repeat that. The cells of a table are worlds of their own, and run side by side.

mod judge;

use anyhow::{Context, Result, bail};
use futures::StreamExt;
use futures::stream;
use region::{InstanceSpec, InterfaceSpec};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

use crate::audience::{Audience, Event, OfCell};
use crate::binaries::Binaries;
use crate::kernel_watch::KernelWatch;
use crate::metrics;
use crate::node::Settings;
use crate::pod::Pod;
use crate::report::{CellReport, Measured, Report, StepReport};
use crate::scenario::{Cell, NodePart, PlacedStep, Scenario, ScenarioFile, is_of};
use crate::status_watch::StatusWatch;
use crate::step::Step;
use crate::step::actor::FAULT_SOCKET;
use crate::surroundings::Surroundings;
use crate::traffic::{Meter, Traffic};
use crate::vantage::{Post, Vantage};
use crate::world::{EC2_ADDRESS, World, WorldSpec};

/// Worlds at once. A daemon that starts keeps a core busy for a tenth of a second, and cells are told to be generous with time.
const CELLS_AT_ONCE: usize = 3;

/// Where a daemon writes what is on its way and what rests, by default.
const OWN_FILE: &str = "/var/run/aws-node/enid-leases.json";

/// A scenario under way.
pub(crate) struct Stage<'a> {
    scenario: &'a Scenario,
    /// Ends before the namespaces that its sockets are in.
    pub(crate) traffic: BTreeMap<String, Traffic>,
    /// Watches that run, by node.
    pub(crate) watches: BTreeMap<String, Watched>,
    /// Nodes that are asked for their STATUS.
    pub(crate) statuses: BTreeMap<String, StatusWatch>,
    pub(crate) world: World,
    /// Pods that were added and not deleted, by name.
    pub(crate) pods: BTreeMap<String, Pod>,
    /// Pods that were deleted.
    pub(crate) gone: Vec<Pod>,
    pub(crate) measured: Measured,
    /// Counts its traffic while it goes on.
    pub(crate) meter: Arc<Meter>,
    /// What the nodes have around them.
    pub(crate) surroundings: Surroundings,
    /// Sandboxes ever made: each has its own number.
    sandboxes: u32,
    /// What was done on each node: daemons, pods, changes.
    acts: BTreeMap<String, u64>,
    lives: Lives,
}

/// A watch that runs.
pub(crate) struct Watched {
    pub(crate) watch: KernelWatch,
    /// What had been done on the node before.
    pub(crate) acts: u64,
}

/// What daemons told about themselves, the last thing before they ended.
#[derive(Debug, Clone, Default)]
struct Lives {
    /// Daemons that told.
    told: u32,
    restarts: BTreeMap<String, u64>,
    answers: BTreeMap<String, u64>,
}

/// Runs a scenario file, all cells of it, and reports. Its worlds are gone when this returns.
pub async fn run(name: &str, file: &ScenarioFile, binaries: &Binaries, audience: &dyn Audience) -> Report {
    let begun = Instant::now();
    let cells = stream::iter(&file.cells)
        .map(|cell| run_cell(cell, binaries, audience))
        .buffered(CELLS_AT_ONCE)
        .collect()
        .await;
    Report::of(name, file.summary(), cells, begun.elapsed())
}

async fn run_cell(cell: &Cell, binaries: &Binaries, audience: &dyn Audience) -> CellReport {
    let mut report =
        CellReport { cell: cell.name.clone(), parameters: cell.parameters.clone(), ..CellReport::default() };
    let audience = OfCell { cell: &cell.name, audience };
    let mut stage = None;
    let limit = Duration::from_secs(u64::from(cell.scenario.time_limit_seconds));
    let played = timeout(limit, play(&cell.scenario, binaries, &mut report, &audience, &mut stage)).await;
    match played {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.failures.push(format!("{error:#}")),
        Err(_) => report.failures.push(format!(
            "not over after {} s; the last step that ended: {}",
            limit.as_secs(),
            report.steps.last().map_or("none", |step| step.step.as_str())
        )),
    }
    // What was measured before the time was over counts, too.
    if let Some(stage) = &stage {
        report.measured = stage.measured.clone();
    }
    report.holds = report.failures.is_empty();
    report.figure = report.measured.figure();
    audience.hear(Event::Judged(&report)).await;
    drop(stage);
    report
}

/// Plays a scenario in a world of its own, which is left on the stage.
async fn play<'a>(
    scenario: &'a Scenario,
    binaries: &Binaries,
    report: &mut CellReport,
    audience: &dyn Audience,
    stage: &mut Option<Stage<'a>>,
) -> Result<()> {
    let begun = Instant::now();
    let stage = stage.insert(Stage::build(scenario, binaries).await?);
    audience.line(&format!(
        "region   {}, EC2 at {EC2_ADDRESS}, a host in the VPC at {} ({} ms)",
        scenario.region.vpc,
        stage.world.outside().address,
        begun.elapsed().as_millis()
    ));
    for node in &scenario.node {
        let lab = stage.world.node(&node.name)?;
        audience.line(&format!(
            "node     {}: {} {} at {}, rp_filter 1, metadata at 169.254.169.254",
            node.name, node.instance_type, lab.instance, lab.address
        ));
    }
    audience.hear(Event::Stands(stage.vantage()?)).await;
    let played = stage.steps(report, audience).await;
    report.measured = stage.measured.clone();
    report.journal = stage.journal().await?;
    let judged = match played {
        Ok(()) => stage.judge(report, audience).await,
        Err(error) => Err(error.context(stage.logs())),
    };
    report.measured = stage.measured.clone();
    report.restarts = stage.lives.restarts.clone();
    judged
}

impl<'a> Stage<'a> {
    async fn build(scenario: &'a Scenario, binaries: &Binaries) -> Result<Self> {
        let spec = WorldSpec {
            vpc: scenario.region.vpc,
            subnets: scenario.region.subnet.iter().map(|subnet| (subnet.name.clone(), subnet.cidr)).collect(),
            knobs: scenario.region.knobs.clone(),
            faults: scenario.region.fault.clone(),
            imds_faults: scenario.region.imds_fault.clone(),
        };
        let mut world = World::create(&spec).await.context("building the region")?;
        for node in &scenario.node {
            let spec = instance(&world, node)?;
            world
                .add_node(&node.name, spec, binaries)
                .await
                .with_context(|| format!("building node {}", node.name))?;
        }
        Ok(Self {
            scenario,
            traffic: BTreeMap::new(),
            watches: BTreeMap::new(),
            statuses: BTreeMap::new(),
            world,
            pods: BTreeMap::new(),
            gone: Vec::new(),
            measured: Measured::default(),
            meter: Arc::default(),
            surroundings: Surroundings::default(),
            sandboxes: 0,
            acts: BTreeMap::new(),
            lives: Lives::default(),
        })
    }

    async fn steps(&mut self, report: &mut CellReport, audience: &dyn Audience) -> Result<()> {
        let mut now = String::new();
        for (PlacedStep { step, line, chapter }, number) in self.scenario.step.iter().zip(1_u32..) {
            let verb = step.verb();
            if let Some(chapter) = chapter {
                audience.line(&format!("chapter  {chapter}"));
                now.clone_from(chapter);
            }
            audience.hear(Event::Begins { step: verb, chapter: chapter.as_deref() }).await;
            let begun = Instant::now();
            let mut taken = step.take(self).await;
            if taken.is_ok()
                && let Err(trouble) = self.world.sound().await
            {
                taken = Err(trouble);
            }
            let ended = StepReport {
                number,
                chapter: now.clone(),
                line: *line,
                step: verb.to_owned(),
                holds: taken.is_ok(),
                outcome: taken.as_ref().map_or_else(|error| format!("{error:#}"), String::clone),
                milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            };
            audience.hear(Event::Ended(&ended)).await;
            report.steps.push(ended);
            let outcome = taken.with_context(|| format!("line {line}: step {number} ({verb})"))?;
            audience.line(&format!("{verb:<8} {outcome}"));
        }
        Ok(())
    }

    /// Where its world can be looked at from.
    fn vantage(&self) -> Result<Vantage> {
        let posts = self.scenario.node.iter().map(|part| {
            let lab = self.world.node(&part.name)?;
            Ok(Post {
                name: part.name.clone(),
                instance: lab.instance.clone(),
                address: lab.address,
                netns: lab.node.netns().clone(),
                own_file: lab.node.host_path(OWN_FILE)?,
                lives: lab.node.lives(),
            })
        });
        let nodes = posts.collect::<Result<_>>()?;
        Ok(Vantage { region: self.world.region().clone(), nodes, meter: Arc::clone(&self.meter) })
    }

    /// The node a step is about: the one it names, or the only one.
    pub(crate) fn node_name(&self, named: Option<&str>) -> Result<String> {
        let mut names = self.world.node_names();
        match (named, names.next(), names.next()) {
            (Some(name), _, _) => Ok(name.to_owned()),
            (None, Some(only), None) => Ok(only.to_owned()),
            _ => bail!("name the node: there are several"),
        }
    }

    /// What the node's daemon is started with: what every node of the lab has, the scenario's, the step's.
    pub(crate) fn settings(
        &self,
        node: &str,
        more: &BTreeMap<String, String>,
        file: Option<&String>,
    ) -> Settings {
        let mut environment =
            BTreeMap::from([("AWS_ENDPOINT_URL_EC2".to_owned(), format!("http://{EC2_ADDRESS}"))]);
        if self.scenario.step.iter().any(|placed| matches!(placed.step, Step::Actor(_))) {
            environment.insert("ENID_FAULT_SOCKET".to_owned(), FAULT_SOCKET.to_owned());
        }
        let own = self.scenario.node.iter().find(|part| part.name == node);
        environment.extend(own.map(|part| part.settings.clone()).unwrap_or_default());
        environment.extend(more.clone());
        Settings { environment, file: file.cloned(), powerless: false }
    }

    /// Pods of the burst with this prefix, in order of their numbers.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = self.pods.keys().filter(|name| is_of(name, prefix)).cloned().collect();
        names.sort_by_key(|name| (name.len(), name.clone()));
        names
    }

    /// The number of the next sandbox.
    pub(crate) fn next_sandbox(&mut self) -> u32 {
        self.sandboxes += 1;
        self.sandboxes
    }

    /// Something was done on a node that could have changed it.
    pub(crate) fn acted(&mut self, node: &str) {
        *self.acts.entry(node.to_owned()).or_default() += 1;
    }

    /// How much was done on a node.
    pub(crate) fn acts(&self, node: &str) -> u64 {
        self.acts.get(node).copied().unwrap_or_default()
    }

    /// Notes what a daemon tells about its life, which is about to end. One that does not answer has ended already, or never began.
    pub(crate) async fn note_life(&mut self, node: &str) {
        let Ok(lab) = self.world.node(node) else { return };
        let Ok((200, page)) = lab.node.health("/metrics").await else { return };
        self.lives.told += 1;
        for (child, many) in metrics::restarts(&page) {
            *self.lives.restarts.entry(child).or_default() += many;
        }
        for (outcome, many) in metrics::answers(&page) {
            *self.lives.answers.entry(outcome).or_default() += many;
        }
    }

    /// Calls that changed something.
    pub(crate) async fn mutations(&self) -> Result<u64> {
        self.world.region().ask(|desk| desk.region.journal().mutations()).await
    }

    /// Calls by action.
    pub(crate) async fn journal(&self) -> Result<BTreeMap<String, u64>> {
        self.world.region().ask(|desk| desk.region.journal().by_action()).await
    }

    /// The ends of the daemons' logs.
    fn logs(&self) -> String {
        let mut text = String::new();
        for name in self.world.node_names() {
            if let Ok(lab) = self.world.node(name)
                && !lab.node.log_tail().is_empty()
            {
                text.push_str(&format!(
                    "\n--- log of the daemon on {name} ends:\n{}\n---\n",
                    lab.node.log_tail()
                ));
            }
        }
        text
    }
}

/// The instance that a node of the scenario is.
fn instance(world: &World, node: &NodePart) -> Result<InstanceSpec> {
    let mut spec = InstanceSpec::new(node.instance_type.clone(), world.subnet(&node.subnet)?)
        .with_secondary_addresses(node.secondary_addresses);
    for (eni, device_index) in node.eni.iter().zip(1_u32..) {
        spec = spec.with_interface(InterfaceSpec {
            device_index,
            subnet: Some(world.subnet(&eni.subnet)?.clone()),
            secondary_addresses: eni.secondary_addresses,
            ..InterfaceSpec::default()
        });
    }
    Ok(spec)
}
