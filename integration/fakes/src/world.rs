//! What there is: a region with one node in it, that node's kernel and disk, and the weather.

use contract::model::InstanceType;
use host::{Linux, NamespaceId};
use ipnet::Ipv4Net;
use region::{InstanceId, InstanceSpec, InterfaceSpec, Knobs, Region, RegionError, RegionSpec, SubnetId};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::dice::Dice;
use crate::disk::Disk;
use crate::fabric::{Fabric, new_host};
use crate::weather::{PartDice, Weather};

/// The strictest setting there is, as nodes of the lab have it.
const RP_FILTER: u32 = 1;

/// The node to launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeSpec {
    /// Its type, one of the limits table.
    pub instance_type: InstanceType,
    /// Block of its subnet, within 10.0.0.0/16.
    pub subnet: Ipv4Net,
    /// Secondary addresses of its primary ENI.
    pub secondary_addresses: u32,
    /// For each further ENI, its secondary addresses.
    pub more_enis: Vec<u32>,
}

/// Why a world cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The region refuses the node.
    #[error("the region refuses: {0}")]
    Region(#[from] RegionError),
    /// The node's links cannot be made.
    #[error("the fabric failed: {0}")]
    Fabric(String),
}

/// Everything there is.
pub struct World {
    /// AWS.
    pub region: Region,
    /// The node.
    pub instance: InstanceId,
    /// Its subnet.
    pub subnet: SubnetId,
    /// Its kernel.
    pub linux: Linux,
    /// The node's own namespace.
    pub host: NamespaceId,
    /// The weather in force.
    pub weather: Weather,
    /// What the model itself did wrong: such a run shows nothing.
    pub troubles: Vec<String>,
    pub(crate) disk: Disk,
    pub(crate) dice: PartDice,
    pub(crate) fabric: Fabric,
}

impl World {
    /// A world with one node, whose primary ENI is up as after a boot.
    ///
    /// # Errors
    /// When the region or the fabric refuses the node.
    pub fn new(spec: &NodeSpec, knobs: Knobs, seed: u64) -> Result<Self, WorldError> {
        let mut region = Region::new(RegionSpec { seed, ..RegionSpec::default() });
        region.set_knobs(knobs)?;
        let vpc = region.add_vpc(&[Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 16)])?;
        let subnet = region.add_subnet(&vpc, spec.subnet, "a")?;
        let mut instance = InstanceSpec::new(spec.instance_type.as_str(), &subnet)
            .with_secondary_addresses(spec.secondary_addresses);
        for (secondary_addresses, device_index) in spec.more_enis.iter().zip(1_u32..) {
            let eni = InterfaceSpec {
                device_index,
                secondary_addresses: *secondary_addresses,
                ..InterfaceSpec::default()
            };
            instance = instance.with_interface(eni);
        }
        let launched = region.launch_instance(instance, Duration::ZERO)?;
        let mut linux = Linux::new(RP_FILTER);
        let vpc = linux.add_namespace();
        let host = new_host(&mut linux);
        let mut world = Self {
            region,
            instance: launched.instance,
            subnet,
            linux,
            host,
            weather: Weather::default(),
            troubles: Vec::new(),
            disk: Disk::default(),
            dice: PartDice::new(&Dice::new(seed).for_purpose(1)),
            fabric: Fabric::new(vpc),
        };
        world.follow(launched.effects);
        world.boot_network();
        match world.troubles.first() {
            Some(trouble) => Err(WorldError::Fabric(trouble.clone())),
            None => Ok(world),
        }
    }

    /// The region's time passes, and what happens by itself is followed.
    pub(crate) fn advance(&mut self, now: Duration) {
        let effects = self.region.advance(now);
        self.follow(effects);
    }

    /// Notes what the model itself did wrong.
    pub(crate) fn trouble(&mut self, what: impl Into<String>) {
        self.troubles.push(what.into());
    }
}
