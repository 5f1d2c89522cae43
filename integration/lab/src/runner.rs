//! Runs a scenario: builds its world, takes its steps, and judges the end. Stops at the first step that does not do what was
//! expected: what comes after it would only repeat that.

mod daemon;
mod judge;
mod kernel;
mod pods;

pub use kernel::traces;

use anyhow::{Context, Result, bail};
use region::{InstanceSpec, InterfaceSpec};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, timeout};

use crate::binaries::Binaries;
use crate::node::Settings;
use crate::pod::Pod;
use crate::report::{Measured, Report, StepReport};
use crate::scenario::{NodePart, Scenario, Step};
use crate::step::Take;
use crate::surroundings::Surroundings;
use crate::world::{EC2_ADDRESS, World, WorldSpec};

/// Says one line to whoever watches.
pub type Say<'a> = &'a mut (dyn FnMut(&str) + Send);

/// A scenario under way.
pub(crate) struct Stage<'a> {
    scenario: &'a Scenario,
    pub(crate) world: World,
    /// Pods that run now, by name.
    pub(crate) pods: BTreeMap<String, Pod>,
    /// Pods that were deleted.
    gone: Vec<Pod>,
    /// Sandboxes ever made: each has its own number.
    sandboxes: u32,
    pub(crate) measured: Measured,
    /// What the nodes have around them.
    pub(crate) surroundings: Surroundings,
}

/// Runs a scenario from its beginning to its end and reports. The world is gone when this returns.
pub async fn run(name: &str, scenario: &Scenario, binaries: &Binaries, say: Say<'_>) -> Report {
    let mut report = Report { scenario: name.to_owned(), ..Report::default() };
    let limit = Duration::from_secs(u64::from(scenario.time_limit_seconds));
    let played = timeout(limit, play(scenario, binaries, &mut report, say)).await;
    match played {
        Ok(Ok(())) => {}
        Ok(Err(error)) => report.failures.push(format!("{error:#}")),
        Err(_) => report.failures.push(format!(
            "not over after {} s; the last step that ended: {}",
            limit.as_secs(),
            report.steps.last().map_or("none", |step| step.step.as_str())
        )),
    }
    report.holds = report.failures.is_empty();
    let verdict = if report.holds { "" } else { "DOES NOT HOLD; " };
    report.figure = format!("{name}: {verdict}{}", report.measured.figure());
    report
}

async fn play(scenario: &Scenario, binaries: &Binaries, report: &mut Report, say: Say<'_>) -> Result<()> {
    let begun = Instant::now();
    let mut stage = Stage::build(scenario, binaries).await?;
    say(&format!(
        "region   {}, EC2 at {EC2_ADDRESS}, a host in the VPC at {} ({} ms)",
        scenario.region.vpc,
        stage.world.outside().address,
        begun.elapsed().as_millis()
    ));
    for node in &scenario.node {
        let lab = stage.world.node(&node.name)?;
        say(&format!(
            "node     {}: {} {} at {}, rp_filter 1, metadata at 169.254.169.254",
            node.name, node.instance_type, lab.instance, lab.address
        ));
    }
    let played = stage.steps(report, say).await;
    report.measured = stage.measured.clone();
    report.journal = stage.journal().await?;
    let judged = match played {
        Ok(()) => stage.judge(say).await,
        Err(error) => Err(error.context(stage.logs())),
    };
    report.measured = stage.measured.clone();
    judged
}

impl<'a> Stage<'a> {
    async fn build(scenario: &'a Scenario, binaries: &Binaries) -> Result<Self> {
        let spec = WorldSpec {
            vpc: scenario.region.vpc,
            subnets: scenario.region.subnet.iter().map(|subnet| (subnet.name.clone(), subnet.cidr)).collect(),
            knobs: scenario.region.knobs.clone(),
            faults: scenario.region.fault.clone(),
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
            world,
            pods: BTreeMap::new(),
            gone: Vec::new(),
            sandboxes: 0,
            measured: Measured::default(),
            surroundings: Surroundings::default(),
        })
    }

    async fn steps(&mut self, report: &mut Report, say: Say<'_>) -> Result<()> {
        for (number, step) in self.scenario.step.iter().enumerate() {
            let begun = Instant::now();
            let title = title(step);
            let outcome = self.take(step).await.with_context(|| format!("step {} ({title})", number + 1))?;
            self.world.sound().await?;
            say(&format!("{title:<8} {outcome}"));
            report.steps.push(StepReport {
                step: title.to_owned(),
                outcome,
                milliseconds: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            });
        }
        Ok(())
    }

    async fn take(&mut self, step: &Step) -> Result<String> {
        match step {
            Step::Start(step) => self.start(step).await,
            Step::Stop(step) => self.stop(step).await,
            Step::Kill(step) => self.kill(step).await,
            Step::Restart(step) => self.restart(step).await,
            Step::DaemonRefuses(step) => self.daemon_refuses(step).await,
            Step::Add(step) => self.add(step).await,
            Step::Delete(step) => self.delete(step).await,
            Step::Probe(step) => self.probe(step).await,
            Step::Wait(step) => self.wait(step).await,
            Step::WriteFile(step) => self.write_file(step),
            Step::Plugin(step) => self.plugin(step).await,
            Step::Conflist(step) => step.take(self).await,
            Step::Runtime(step) => step.take(self).await,
            Step::Services(step) => step.take(self).await,
            Step::Visit(step) => step.take(self).await,
            Step::Neighbour(step) => step.take(self).await,
        }
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
    fn settings(&self, node: &str, more: &BTreeMap<String, String>, file: Option<&String>) -> Settings {
        let mut environment =
            BTreeMap::from([("AWS_ENDPOINT_URL_EC2".to_owned(), format!("http://{EC2_ADDRESS}"))]);
        let own = self.scenario.node.iter().find(|part| part.name == node);
        environment.extend(own.map(|part| part.settings.clone()).unwrap_or_default());
        environment.extend(more.clone());
        Settings { environment, file: file.cloned() }
    }

    /// Calls by action.
    async fn journal(&self) -> Result<BTreeMap<String, u64>> {
        self.world
            .region()
            .ask(|desk| {
                let mut calls = BTreeMap::new();
                for ((action, _), count) in desk.region.journal().counts() {
                    *calls.entry(action.clone()).or_default() += count;
                }
                calls
            })
            .await
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

fn title(step: &Step) -> &'static str {
    match step {
        Step::Start(_) => "daemon",
        Step::Stop(_) => "stop",
        Step::Kill(_) => "kill",
        Step::Restart(_) => "restart",
        Step::DaemonRefuses(_) => "refuse",
        Step::Add(_) => "ADD",
        Step::Delete(_) => "DEL",
        Step::Probe(_) => "probe",
        Step::Wait(_) => "wait",
        Step::WriteFile(_) => "file",
        Step::Plugin(_) => "plugin",
        Step::Conflist(_) => "list",
        Step::Runtime(_) => "runtime",
        Step::Services(_) => "services",
        Step::Visit(_) => "visit",
        Step::Neighbour(_) => "marks",
    }
}
