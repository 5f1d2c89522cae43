//! What the children are made with.

use std::sync::Arc;
use std::time::Duration;

use config::Settings;
use contract::model::VethPrefix;
use contract::ports::checkpoint::Checkpoint;
use contract::ports::ec2::Ec2;
use contract::ports::host::{Host, HostError};
use contract::ports::imds::Imds;
use contract::ports::intents::Intents;
use kernel::{Clock, Publisher, Vitals};

use crate::doors::Doors;

/// The world, as the drivers give it.
#[derive(Clone)]
pub struct World {
    /// EC2.
    pub ec2: Arc<dyn Ec2>,
    /// The metadata service.
    pub imds: Arc<dyn Imds>,
    /// Both answer within this.
    pub aws_timeout: Duration,
    /// The disk.
    pub checkpoint: Arc<dyn Checkpoint>,
    /// The disk that a reboot does not empty.
    pub intents: Arc<dyn Intents>,
    /// A new connection to the kernel's network. Each room that reads the kernel has its own: a lost one costs its owner alone.
    pub connect_host: Arc<dyn Fn() -> Result<Arc<dyn Host>, HostError> + Send + Sync>,
    /// Wall time, nanoseconds since 1970, for the checkpoint.
    pub wall: fn() -> i64,
}

/// Everything the children are made with.
#[derive(Clone)]
pub struct Household {
    /// The settings in force.
    pub settings: Arc<Settings>,
    /// What the settings ask for and this version does not do, one sentence each.
    pub gaps: Vec<String>,
    /// What the name of a pod's host link begins with.
    pub veth_prefix: VethPrefix,
    /// What is behind the ports.
    pub world: World,
    /// How the outside comes in.
    pub doors: Arc<dyn Doors>,
    /// Where the kernel publishes how its children are.
    pub vitals: Publisher<Vec<Vitals>>,
    /// Whether the kernel's loop turns; must not block.
    pub alive: Arc<dyn Fn() -> bool + Send + Sync>,
    /// Time.
    pub clock: Clock,
    /// Spreads pauses: nodes of a fleet differ in it.
    pub seed: u64,
}
