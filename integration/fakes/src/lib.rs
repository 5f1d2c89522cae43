//! The ports over a simulated region, a small Linux and a disk, in virtual time: what the drivers are to the world, these are to
//! its model. Each call travels, is done or not, and travels back; what goes wrong on the way is diced from a seed by the
//! weather in force, and the same seed gives the same weather.
//!
//! Everything runs on one paused runtime, so that time is virtual and nothing is ever really contended.

mod arrival;
mod checkpoint;
mod dice;
mod disk;
mod ears;
mod ec2;
mod fabric;
mod host;
mod imds;
mod intents;
mod shared;
mod slot;
mod weather;
mod world;

pub use checkpoint::FakeCheckpoint;
pub use dice::Dice;
pub use ec2::{AWS_TIMEOUT, FakeEc2};
pub use host::FakeHost;
pub use imds::FakeImds;
pub use intents::FakeIntents;
pub use shared::{Shared, SharedWorld};
pub use weather::{Fate, Odds, Weather};
pub use world::{NodeSpec, World, WorldError};
