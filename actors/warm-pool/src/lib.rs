//! Owns leases and the waiting line: which address is whose, from the first byte of an ADD to the end of its rest after DEL.
//! It speaks no EC2: it publishes how many addresses it wants, and hears which ENIs carry which.
//!
//! `add_pod`: Lease → Wired → Assign, each durable before it is answered. `del_pod`: Release → unwire → rest.
//! `scale_down`: what the targets do not want and nobody uses is let go; EniManager gives it back.
//! `add_waits_for_address`: no address is free, so the ADD stands in line and the demand says how many stand there.

mod actor;
mod audit;
mod disk;
mod leaving;
mod line;
mod plan;
mod recover;
mod state;
mod surplus;
mod targets;
mod usage;

pub use actor::{PoolAction, PoolOutcome, PoolPerformer, PoolPublishers, recover_from_world};
pub use leaving::Fate;
pub use recover::{Facts, recover};
pub use state::{Answer, Pool, PoolConfig};
pub use targets::WarmTargets;
