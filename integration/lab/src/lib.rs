//! The lab: a simulated region behind the real EC2 query protocol and IMDSv2, a VPC made of network namespaces that drops what
//! EC2 would drop, nodes that run the real daemon and the real shim, and scenarios that say what must hold.
//!
//! It runs on one machine, in namespaces of its own, as root or as an ordinary user, and leaves nothing behind.

mod audience;
pub mod bench;
mod binaries;
pub mod cgroups;
pub mod cni;
pub mod command;
pub mod fabric;
mod fabric_task;
pub mod http;
pub mod internet;
mod kernel;
mod kernel_watch;
mod metrics;
pub mod neighbour;
mod netns;
pub mod node;
mod pod;
pub mod probe;
pub mod program;
pub mod proxy;
mod region_task;
pub mod report;
pub mod rootless;
pub mod run;
mod runner;
pub mod sabotage;
pub mod scenario;
pub mod server;
pub mod shell;
mod status_watch;
mod step;
mod surroundings;
pub mod teller;
pub mod tour;
mod traffic;
pub mod until;
mod vantage;
mod world;

pub use audience::{Audience, Event, Say};
pub use binaries::{Binaries, workspace_root};
pub use cni::{Execution, NETWORK, Sandbox, Verb, conflist, execute, plugin_with};
pub use fabric_task::FabricHandle;
pub use kernel::traces;
pub use netns::Netns;
pub use node::{Ended, Node, Settings};
pub use pod::Pod;
pub use probe::{ECHO_PORT, Echo, Probed, probe};
pub use region_task::{Desk, RegionHandle};
pub use report::{CellReport, Measured, Report, Seen, StepReport};
pub use run::{Run, clear_leftovers, is_root};
pub use runner::run;
pub use scenario::{Cell, Scenario, ScenarioFile, find, names};
pub use vantage::{Daemon, DaemonSight, EniSight, NodeSight, Sight, Slot, Vantage};
pub use world::{EC2_ADDRESS, LabNode, Outside, World, WorldSpec};
