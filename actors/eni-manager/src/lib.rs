//! Owns the ENIs attached to this node and the addresses on them, and makes every change in EC2.
//!
//! Attachment is what EC2 says; the metadata service is a lagging hint that may add and never takes away. WarmPool says how
//! many addresses are wanted, as a total: hearing it twice buys nothing twice. `grow_pool` and `throttled` are told here.

mod actor;
mod backoff;
mod limits;
mod plan;
mod state;
mod view;

pub use actor::{EniAction, EniOutcome, EniPerformer};
pub use limits::limits_of;
pub use state::{EniConfig, EniManager};
