//! Owns which subnets have room: EC2's list, and the memory of where an allocation failed. A failure marks that subnet alone,
//! with backoff; there is no pause of the node. `subnet_exhausted` is told here.

mod actor;
mod state;

pub use actor::{ScoutAction, ScoutOutcome, ScoutPerformer};
pub use state::SubnetScout;
