//! A whole lab: the region behind HTTP, its VPC, a host somewhere else in the VPC, and nodes. What a scenario or a flow stands
//! on; when it is dropped, nothing is left.

use anyhow::{Context, Result};
use ipnet::Ipv4Net;
use region::{AttachmentState, Effect, InstanceId, InstanceSpec, Region, RegionSpec, SubnetId};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::task::JoinHandle;

use crate::binaries::Binaries;
use crate::fabric::Fabric;
use crate::fabric_task::FabricHandle;
use crate::internet::Internet;
use crate::netns::Netns;
use crate::node::{IMDS_ADDRESS, Node};
use crate::probe::Echo;
use crate::region_task::{Desk, RegionHandle};
use crate::run::Run;
use crate::server::{serve_ec2, serve_imds};

/// Where EC2 answers: an address that no VPC has, reached through the router as the public endpoint is (RFC 5737).
pub const EC2_ADDRESS: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);

/// Its subnet is the last /24 of the VPC, away from what a scenario declares.
const OUTSIDE_SUBNET_BITS: u8 = 24;

/// A region to build.
#[derive(Debug, Clone)]
pub struct WorldSpec {
    /// The VPC's block; its last /24 is the lab's own.
    pub vpc: Ipv4Net,
    /// Subnets: name and block.
    pub subnets: Vec<(String, Ipv4Net)>,
    /// Slowness, throttles, prohibitions.
    pub knobs: region::Knobs,
    /// Scripted faults.
    pub faults: Vec<region::FaultRule>,
    /// Scripted faults of the metadata service.
    pub imds_faults: Vec<region::ImdsFaultRule>,
}

/// The lab.
#[derive(Debug)]
pub struct World {
    // Dropped in this order: who listens, who runs, and last what they were in.
    _servers: Vec<Task>,
    region: RegionHandle,
    fabric: FabricHandle,
    nodes: BTreeMap<String, LabNode>,
    outside: Outside,
    internet: Internet,
    subnets: BTreeMap<String, SubnetId>,
    run: Run,
}

/// A node and the instance it is.
#[derive(Debug)]
pub struct LabNode {
    /// The node.
    pub node: Node,
    /// Its instance.
    pub instance: InstanceId,
    /// The address of its primary ENI.
    pub address: Ipv4Addr,
    /// Its metadata service.
    _imds: Task,
}

/// A host in the VPC that is no node: an instance with an echo.
#[derive(Debug)]
pub struct Outside {
    /// Its namespace.
    pub netns: Netns,
    /// Its address.
    pub address: Ipv4Addr,
    _echo: Option<Echo>,
}

/// A task that ends with its owner.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An instance as the lab needs to know it.
#[derive(Debug)]
struct Launched {
    instance: InstanceId,
    address: Ipv4Addr,
    subnet: Ipv4Net,
    router: Ipv4Addr,
}

impl World {
    /// Builds the region, its VPC, and the host outside.
    ///
    /// # Errors
    /// When the region refuses the spec, or the kernel refuses the fabric.
    pub async fn create(spec: &WorldSpec) -> Result<Self> {
        let run = Run::begin()?;
        let mut region = Region::new(RegionSpec::default());
        region.set_knobs(timed(spec.knobs.clone()))?;
        let vpc = region.add_vpc(&[spec.vpc])?;
        let mut subnets = BTreeMap::new();
        let mut routers = Vec::new();
        let own = ("outside".to_owned(), last_subnet(spec.vpc)?);
        for (name, cidr) in spec.subnets.iter().chain([&own]) {
            let subnet = region.add_subnet(&vpc, *cidr, "a").with_context(|| format!("subnet {name}"))?;
            subnets.insert(name.clone(), subnet);
            routers.push(router(*cidr));
        }
        for fault in &spec.faults {
            region.add_fault(fault.clone())?;
        }
        for fault in &spec.imds_faults {
            region.add_imds_fault(fault.clone())?;
        }
        let internet = Netns::create(run.namespace("internet")).await?;
        let fabric = Fabric::create(run.namespace("vpc"), &routers, &[EC2_ADDRESS], &internet).await?;
        let internet = Internet::start(internet).await?;
        let vpc_netns = fabric.netns().clone();
        let (fabric, fabric_task) = FabricHandle::start(fabric);
        let (region, region_task) = RegionHandle::start(region, fabric.clone());
        let listener = vpc_netns.listen(SocketAddr::from((EC2_ADDRESS, 80)))?;
        let ec2 = serve_ec2(listener, region.clone());
        let netns = Netns::create(run.namespace("outside")).await?;
        let mut world = Self {
            _servers: vec![Task(ec2), Task(region_task), Task(fabric_task)],
            region,
            fabric,
            nodes: BTreeMap::new(),
            outside: Outside { netns: netns.clone(), address: Ipv4Addr::UNSPECIFIED, _echo: None },
            internet,
            subnets,
            run,
        };
        world.launch_outside(netns).await?;
        Ok(world)
    }

    async fn launch_outside(&mut self, netns: Netns) -> Result<()> {
        let spec = InstanceSpec::new("m5.large", self.subnet("outside")?);
        let launched = self.launch(spec, &netns).await?;
        let (address, prefix, router) = (launched.address, launched.subnet.prefix_len(), launched.router);
        netns
            .ip_batch(&format!(
                "link set eth0 up\naddr add {address}/{prefix} brd + dev eth0\nroute add default via {router} dev eth0\n"
            ))
            .await?;
        self.outside = Outside { _echo: Some(Echo::start(&netns, address)?), netns, address };
        Ok(())
    }

    /// Launches an instance whose devices appear in this namespace.
    async fn launch(&self, spec: InstanceSpec, netns: &Netns) -> Result<Launched> {
        let (launched, effects) = self
            .region
            .ask(move |desk| -> Result<_> {
                let launch = desk.region.launch_instance(spec, desk.now)?;
                let launched = describe(desk, &launch.instance)?;
                Ok((launched, launch.effects))
            })
            .await??;
        self.fabric.host(launched.instance.clone(), netns.clone()).await;
        self.fabric.follow(effects).await;
        self.sound().await?;
        Ok(launched)
    }

    /// Launches a node: its instance with these ENIs, its network as after boot, its metadata service.
    ///
    /// # Errors
    /// When the region refuses the instance, or the kernel refuses the node.
    pub async fn add_node(&mut self, name: &str, spec: InstanceSpec, binaries: &Binaries) -> Result<()> {
        let node = Node::create(&self.run, name, binaries).await?;
        let launched = self.launch(spec, node.netns()).await?;
        let imds = boot(&node, &launched, &self.region).await?;
        self.nodes.insert(
            name.to_owned(),
            LabNode { node, instance: launched.instance, address: launched.address, _imds: imds },
        );
        Ok(())
    }

    /// Lets a node go down and come up again: its ENIs are plugged again, the primary one up, and nothing else is as it was but
    /// its disk. Returns the new boot's id.
    ///
    /// # Errors
    /// When there is none of that name, or the kernel refuses.
    pub async fn reboot(&mut self, name: &str) -> Result<String> {
        let lab = self.nodes.get_mut(name).with_context(|| format!("there is no node {name}"))?;
        let instance = lab.instance.clone();
        let plugged = self
            .region
            .ask(move |desk| {
                let launched = describe(desk, &instance)?;
                let plugged = plugged(desk, &instance);
                desk.effects.extend(plugged.iter().map(|(away, _)| away.clone()));
                anyhow::Ok((launched, plugged))
            })
            .await?;
        let (launched, plugged) = plugged?;
        let boot_id = lab.node.reboot().await?;
        self.fabric.follow(plugged.into_iter().map(|(_, back)| back).collect()).await;
        lab._imds = boot(&lab.node, &launched, &self.region).await?;
        self.sound().await?;
        Ok(boot_id)
    }

    /// The region.
    #[must_use]
    pub fn region(&self) -> &RegionHandle {
        &self.region
    }

    /// The fabric.
    #[must_use]
    pub fn fabric(&self) -> &FabricHandle {
        &self.fabric
    }

    /// The host outside.
    #[must_use]
    pub fn outside(&self) -> &Outside {
        &self.outside
    }

    /// The internet behind the VPC.
    #[must_use]
    pub fn internet(&self) -> &Internet {
        &self.internet
    }

    /// This run's names and directory.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The id of a subnet.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn subnet(&self, name: &str) -> Result<&SubnetId> {
        self.subnets.get(name).with_context(|| format!("there is no subnet {name}"))
    }

    /// A node.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn node(&self, name: &str) -> Result<&LabNode> {
        self.nodes.get(name).with_context(|| format!("there is no node {name}"))
    }

    /// A node, to start and stop its daemon.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn node_mut(&mut self, name: &str) -> Result<&mut LabNode> {
        self.nodes.get_mut(name).with_context(|| format!("there is no node {name}"))
    }

    /// Every node with its name, to do the same to several at once.
    pub fn nodes_mut(&mut self) -> impl Iterator<Item = (&str, &mut LabNode)> {
        self.nodes.iter_mut().map(|(name, lab)| (name.as_str(), lab))
    }

    /// Every node's name.
    pub fn node_names(&self) -> impl Iterator<Item = &str> {
        self.nodes.keys().map(String::as_str)
    }

    /// Nothing is wrong with the lab itself: the fabric followed every effect.
    ///
    /// # Errors
    /// With what it could not follow.
    pub async fn sound(&self) -> Result<()> {
        let troubles = self.fabric.troubles().await;
        anyhow::ensure!(troubles.is_empty(), "the fabric failed: {}", troubles.join("; "));
        Ok(())
    }
}

/// The region's clock begins at the machine's own time, unless a scenario says otherwise: to a real SDK, credentials of
/// another year have expired.
fn timed(mut knobs: region::Knobs) -> region::Knobs {
    if knobs.epoch_unix_seconds == region::Knobs::default().epoch_unix_seconds {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        knobs.epoch_unix_seconds = u64::try_from(now.tv_sec).unwrap_or(knobs.epoch_unix_seconds);
    }
    knobs
}

/// The network of a node after boot, and its metadata service.
async fn boot(node: &Node, launched: &Launched, region: &RegionHandle) -> Result<Task> {
    node.boot_network(launched.address, launched.subnet, launched.router).await?;
    let listener = node.netns().listen(SocketAddr::from((IMDS_ADDRESS, 80)))?;
    Ok(Task(serve_imds(listener, region.clone(), launched.instance.clone())))
}

/// For each device of an instance, the effects that take it away and bring it back.
fn plugged(desk: &Desk, instance: &InstanceId) -> Vec<(Effect, Effect)> {
    let enis = desk.region.enis_of(instance).into_iter();
    enis.filter_map(|eni| {
        let attachment = eni.attachment.as_ref()?;
        (attachment.state != AttachmentState::Attaching).then(|| {
            let away = Effect::EniDetached { instance: instance.clone(), eni: eni.id.clone(), mac: eni.mac };
            let back = Effect::EniAttached {
                instance: instance.clone(),
                eni: eni.id.clone(),
                mac: eni.mac,
                device_index: attachment.device_index,
                card: attachment.card,
                subnet: eni.subnet.clone(),
                addresses: eni.blocks(),
                ipv6_addresses: eni.ipv6_blocks(),
            };
            (away, back)
        })
    })
    .collect()
}

/// What the lab needs to know of an instance.
fn describe(desk: &Desk, instance: &InstanceId) -> Result<Launched> {
    let eni = desk
        .region
        .enis_of(instance)
        .into_iter()
        .find(|eni| {
            let device = eni.attachment.as_ref().map(|attachment| attachment.device_index);
            device == Some(0)
        })
        .context("an instance without a primary ENI")?;
    let subnet = desk.region.subnet(&eni.subnet).context("an ENI without a subnet")?;
    Ok(Launched {
        instance: instance.clone(),
        address: eni.primary,
        subnet: subnet.cidr,
        router: router(subnet.cidr),
    })
}

/// The VPC router's address in a subnet: the first one.
fn router(subnet: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(subnet.network()).saturating_add(1))
}

/// The last /24 of a VPC.
fn last_subnet(vpc: Ipv4Net) -> Result<Ipv4Net> {
    let last = Ipv4Net::new(vpc.broadcast(), OUTSIDE_SUBNET_BITS)?.trunc();
    anyhow::ensure!(
        vpc.contains(&last) && vpc.prefix_len() < OUTSIDE_SUBNET_BITS,
        "a lab's VPC must be larger than a /{OUTSIDE_SUBNET_BITS}"
    );
    Ok(last)
}
