//! The stage of a bench: a node with the product, a node with nothing but the floor, and a hand in each. Pods come and go here,
//! in groups; what they took is gathered for both sides.

use anyhow::{Context, Result, anyhow, bail, ensure};
use floor::{FloorPod, Job, Program, Took};
use futures::future::try_join_all;
use ipnet::Ipv4Net;
use region::{InstanceSpec, InterfaceSpec};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;
use tokio::process::Child;

use super::growth;
use super::hand::{Hand, echo};
use super::rows::{BenchReport, Row};
use super::samples::Samples;
use super::{Extent, Programs};
use crate::audience::Say;
use crate::cni::{self, Sandbox, Verb};
use crate::netns::Netns;
use crate::node::{Node, Settings};
use crate::pod::Pod;
use crate::until;
use crate::world::{EC2_ADDRESS, World, WorldSpec};

/// The node with the product: the largest there is, so that 250 pods and those that rest have room.
pub(super) const NODE: &str = "node";
/// The node without a daemon.
const FLOOR: &str = "floor";

const VPC: &str = "10.0.0.0/16";
const SUBNET: &str = "10.0.0.0/20";
const INSTANCE: &str = "m5.24xlarge";
/// Six ENIs with all the addresses they can have.
const ADDRESSES_PER_ENI: u32 = 49;
const SECONDARY_ENIS: u32 = 5;
/// Short, so that hundreds of pods can come and go.
const COOLDOWN_SECONDS: u32 = 5;

const STATE: &str = "/var/run/aws-node";
const ECHO: &str = "/var/run/aws-node/echo";
/// Addresses of the floor's pods: of a block for such purposes (RFC 2544), so that nobody else has them.
const FLOOR_PODS: u32 = u32::from_be_bytes([198, 18, 0, 0]);

/// A link of a namespace that was removed goes when the kernel comes to it.
const LINKS_GONE_MAX: Duration = Duration::from_secs(30);

/// What is measured on.
pub(super) struct Bench<'a> {
    product: Hand,
    floor: Hand,
    _echo: Child,
    pub(super) world: World,
    pub(super) programs: &'a Programs,
    pub(super) extent: Extent,
    say: Say<'a>,
    rows: Vec<Row>,
    pods_ever: u32,
    /// Pods that stay.
    pub(super) crowd: Vec<Wired>,
}

/// A pod of the product and what its ADD printed.
pub(super) struct Wired {
    pub(super) pod: Pod,
    pub(super) result: Value,
}

/// A pod of the floor.
struct Floored {
    netns: Netns,
    pod: FloorPod,
}

/// What both sides took.
#[derive(Default)]
pub(super) struct Pair {
    pub(super) product: Samples,
    pub(super) floor: Samples,
}

impl<'a> Bench<'a> {
    pub(super) async fn prepare(programs: &'a Programs, extent: Extent, say: Say<'a>) -> Result<Self> {
        let vpc: Ipv4Net = VPC.parse()?;
        let spec = WorldSpec {
            vpc,
            subnets: vec![("a".to_owned(), SUBNET.parse()?)],
            knobs: growth::knobs(),
            faults: Vec::new(),
            imds_faults: Vec::new(),
        };
        let mut world = World::create(&spec).await.context("building the region")?;
        let big = large(&world)?;
        world.add_node(NODE, big, &programs.binaries).await?;
        let small = InstanceSpec::new("m5.large", world.subnet("a")?);
        world.add_node(FLOOR, small, &programs.binaries).await?;
        world.node(NODE)?.node.start_daemon(&settings()).await?;
        let floor = &world.node(FLOOR)?.node;
        let echo = echo(floor, &programs.floor, Path::new(ECHO)).await?;
        Ok(Self {
            product: Hand::reach(&world.node(NODE)?.node, &programs.floor)?,
            floor: Hand::reach(floor, &programs.floor)?,
            _echo: echo,
            programs,
            extent,
            say,
            rows: Vec::new(),
            pods_ever: 0,
            crowd: Vec::new(),
            world,
        })
    }

    pub(super) fn node(&self) -> Result<&Node> {
        Ok(&self.world.node(NODE)?.node)
    }

    /// Takes a figure in, and says it.
    pub(super) fn tell(&mut self, row: Row) {
        (self.say)(&row.line());
        self.rows.push(row);
    }

    pub(super) fn report(self, took: Duration) -> BenchReport {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let file_system = self.node().and_then(file_system_of_state).unwrap_or_default();
        BenchReport::of(self.rows, cores, file_system, took)
    }

    /// What failed, with the end of the daemon's log.
    pub(super) fn explained(&self, error: &anyhow::Error) -> anyhow::Error {
        let log = self.node().map(Node::log_tail).unwrap_or_default();
        anyhow!("{error:#}\n--- the daemon's log ends:\n{log}\n---")
    }

    /// A group of pods, on both sides, each as many at once as `at_once`, comes and goes; samples of both are taken by turns.
    pub(super) async fn group(
        &mut self,
        size: usize,
        at_once: usize,
        (adds, dels): (&mut Pair, &mut Pair),
    ) -> Result<()> {
        let sandboxes = self.sandboxes(size).await?;
        let floors = self.floors(size).await?;
        let mut pods = Vec::new();
        let mut sandboxes = sandboxes.into_iter();
        for (turn, theirs) in floors.chunks(at_once).enumerate() {
            let ours: Vec<Pod> = sandboxes.by_ref().take(at_once).collect();
            if turn % 2 == 0 {
                pods.extend(self.add(ours, &mut adds.product).await?);
                self.floor_of(theirs, Job::FloorAdd, &mut adds.floor).await?;
            } else {
                self.floor_of(theirs, Job::FloorAdd, &mut adds.floor).await?;
                pods.extend(self.add(ours, &mut adds.product).await?);
            }
        }
        for (ours, theirs) in pods.chunks(at_once).zip(floors.chunks(at_once)) {
            self.del(ours, &mut dels.product).await?;
            self.floor_of(theirs, Job::FloorDel, &mut dels.floor).await?;
        }
        self.remove(pods, floors).await
    }

    /// Sandboxes of the product's node, without a network yet.
    pub(super) async fn sandboxes(&mut self, count: usize) -> Result<Vec<Pod>> {
        self.sandboxes_on(NODE, count).await
    }

    /// Sandboxes of any node.
    pub(super) async fn sandboxes_on(&mut self, node: &str, count: usize) -> Result<Vec<Pod>> {
        let numbers = self.numbers(count);
        let node = &self.world.node(node)?.node;
        let run = self.world.run();
        let made = numbers
            .map(|number| async move { Pod::create(run, node, &format!("bench-{number}"), number).await });
        try_join_all(made).await
    }

    async fn floors(&mut self, count: usize) -> Result<Vec<Floored>> {
        let numbers = self.numbers(count);
        let checkpoint_bytes = checkpoint_bytes(self.node()?);
        let lab = self.world.node(FLOOR)?;
        let empty = self.programs.empty.clone();
        let gateway = router(SUBNET.parse()?);
        let run = self.world.run();
        let made = numbers.map(|number| {
            let empty = empty.clone();
            async move {
                let netns = Netns::create(run.namespace(&format!("{FLOOR}-pod{number}"))).await?;
                let sandbox = Sandbox {
                    container_id: format!("{number:064x}"),
                    pod_namespace: "default".to_owned(),
                    pod_name: format!("bench-{number}"),
                    pod_uid: format!("00000000-0000-4000-8000-{number:012x}"),
                    netns: Some(netns.path()),
                };
                let given = program(&lab.node, Verb::Add, Some(&sandbox), None).await?;
                let pod = FloorPod {
                    empty: Program { path: empty, ..given },
                    echo_directory: ECHO.into(),
                    netns: netns.path(),
                    host_veth: format!("flr{number}"),
                    address: Ipv4Addr::from(FLOOR_PODS.saturating_add(number)),
                    gateway,
                    checkpoint: format!("{STATE}/floor-{number}.json").into(),
                    checkpoint_bytes,
                };
                Ok(Floored { netns, pod })
            }
        });
        try_join_all(made).await
    }

    fn numbers(&mut self, count: usize) -> impl Iterator<Item = u32> + use<> {
        let from = self.pods_ever;
        self.pods_ever = self.pods_ever.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        from..self.pods_ever
    }

    /// ADDs, all at once.
    pub(super) async fn add(&mut self, pods: Vec<Pod>, samples: &mut Samples) -> Result<Vec<Wired>> {
        let took = self.execute(Verb::Add, pods.iter().map(|pod| (&pod.sandbox, None))).await?;
        let mut wired = Vec::new();
        for (pod, took) in pods.into_iter().zip(took) {
            samples.add(took.nanoseconds, &took.parts);
            let result = serde_json::from_str(&took.stdout).context("an ADD printed no result")?;
            wired.push(Wired { pod, result });
        }
        Ok(wired)
    }

    async fn del(&mut self, pods: &[Wired], samples: &mut Samples) -> Result<()> {
        let of = pods.iter().map(|wired| (&wired.pod.sandbox, Some(&wired.result)));
        for took in self.execute(Verb::Del, of).await? {
            samples.add(took.nanoseconds, &took.parts);
        }
        Ok(())
    }

    /// Executes the plugin for these, all at once.
    async fn execute<'s>(
        &mut self,
        verb: Verb,
        of: impl Iterator<Item = (&'s Sandbox, Option<&'s Value>)>,
    ) -> Result<Vec<Took>> {
        let node = self.node()?;
        let mut jobs = Vec::new();
        for (sandbox, previous) in of {
            jobs.push(Job::Execute(program(node, verb, Some(sandbox), previous).await?));
        }
        self.product.together(&jobs).await
    }

    /// Executes programs in the product's node, one after the other.
    pub(super) async fn in_turn(&mut self, programs: &[&Program], samples: &mut [Samples]) -> Result<()> {
        for (program, samples) in programs.iter().zip(samples) {
            for took in self.product.together(&[Job::Execute((*program).clone())]).await? {
                samples.add(took.nanoseconds, &took.parts);
            }
        }
        Ok(())
    }

    async fn floor_of(
        &mut self,
        floors: &[Floored],
        job: fn(FloorPod) -> Job,
        samples: &mut Samples,
    ) -> Result<()> {
        let jobs: Vec<Job> = floors.iter().map(|floored| job(floored.pod.clone())).collect();
        for took in self.floor.together(&jobs).await? {
            samples.add(took.nanoseconds, &took.parts);
        }
        Ok(())
    }

    /// Their namespaces go, and with them their links: what the kernel does for that is over before anything else is timed.
    async fn remove(&self, pods: Vec<Wired>, floors: Vec<Floored>) -> Result<()> {
        let ours = pods.iter().map(|wired| host_link(&wired.result)).collect::<Result<Vec<_>>>()?;
        let theirs = floors.iter().map(|floored| floored.pod.host_veth.clone()).collect();
        try_join_all(pods.into_iter().map(|mut wired| async move { wired.pod.lose_sandbox().await })).await?;
        try_join_all(floors.iter().map(|floored| floored.netns.remove())).await?;
        for (name, gone) in [(NODE, ours), (FLOOR, theirs)] {
            let netns = self.world.node(name)?.node.netns();
            if let Some(left) = until::quiet(LINKS_GONE_MAX, || async { links(netns, &gone) }).await? {
                bail!("links of pods that are gone stay: {left}");
            }
        }
        Ok(())
    }
}

/// What a runtime executes on a node.
pub(super) async fn program(
    node: &Node,
    verb: Verb,
    sandbox: Option<&Sandbox>,
    previous: Option<&Value>,
) -> Result<Program> {
    let (path, environment, input) = cni::execution(node, verb, sandbox, previous).await?;
    Ok(Program { path, environment, input })
}

/// The node's end of a pod's link, by what its ADD printed.
fn host_link(result: &Value) -> Result<String> {
    let name = result.pointer("/interfaces/0/name").and_then(Value::as_str);
    Ok(name.context("an ADD named no link")?.to_owned())
}

/// Which of these links a namespace has, if any.
fn links(netns: &Netns, names: &[String]) -> Result<Option<String>> {
    let table = netns.within(|| std::fs::read_to_string("/proc/thread-self/net/dev"))?;
    let named = |line: &str| line.trim_start().split(':').next().unwrap_or_default().to_owned();
    let left: Vec<String> = table.lines().map(named).filter(|name| names.contains(name)).collect();
    Ok((!left.is_empty()).then(|| left.join(" ")))
}

/// The instance with the product.
fn large(world: &World) -> Result<InstanceSpec> {
    let subnet = world.subnet("a")?;
    let spec = InstanceSpec::new(INSTANCE, subnet).with_secondary_addresses(ADDRESSES_PER_ENI);
    Ok((1..=SECONDARY_ENIS).fold(spec, |spec, device_index| {
        spec.with_interface(InterfaceSpec {
            device_index,
            subnet: Some(subnet.clone()),
            secondary_addresses: ADDRESSES_PER_ENI,
            ..InterfaceSpec::default()
        })
    }))
}

/// Nothing is bought or given back: what the ENIs have is the node's whole pool.
pub(super) fn settings() -> Settings {
    let all = (SECONDARY_ENIS + 1) * ADDRESSES_PER_ENI;
    let environment = [
        ("AWS_ENDPOINT_URL_EC2", format!("http://{EC2_ADDRESS}")),
        ("MINIMUM_IP_TARGET", all.to_string()),
        ("IP_COOLDOWN_PERIOD", COOLDOWN_SECONDS.to_string()),
    ];
    let environment: BTreeMap<String, String> =
        environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    Settings { environment, ..Settings::default() }
}

/// How long the product's own file is now: what the floor writes is as long.
fn checkpoint_bytes(node: &Node) -> usize {
    let path = node.host_path(&format!("{STATE}/ipam.json"));
    let bytes = path.ok().and_then(|path| std::fs::metadata(path).ok()).map_or(0, |file| file.len());
    usize::try_from(bytes).unwrap_or(0)
}

/// The first address of a subnet.
fn router(subnet: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(subnet.network()).saturating_add(1))
}

/// By the longest mount point above the directory.
fn file_system_of_state(node: &Node) -> Result<String> {
    let directory = node.host_path(STATE)?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").context("cannot read the mounts")?;
    let above = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        directory.starts_with(point).then_some((point.len(), kind))
    });
    let (_, kind) = above.max_by_key(|(length, _)| *length).context("no mount is above it")?;
    ensure!(!kind.is_empty(), "a mount without a kind");
    Ok(kind.to_owned())
}
