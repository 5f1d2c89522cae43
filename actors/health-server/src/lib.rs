//! Owns the picture shown outside: `/livez`, `/readyz`, `/metrics`, and the ready flag that gRPC health follows. It hears
//! everybody's snapshots, decides what they mean for the node, and changes nothing for anyone.
//!
//! A degradation (EC2 away, a subnet full, a room restarting) is told and leaves the node ready; not ready is only a node that
//! cannot serve pods at all.

mod actor;
mod board;
mod http;
mod plan;
mod recover;
mod state;

#[cfg(test)]
mod sample;

pub use actor::HealthPerformer;
pub use board::HealthBoard;
pub use plan::{Picture, Reason, Sample, Value};
pub use state::{HealthAction, HealthConfig, HealthOutcome, HealthServer};
