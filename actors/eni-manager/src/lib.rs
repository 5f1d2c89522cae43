//! Owns the ENIs attached to this node and the addresses on them, and makes every change in EC2.
//!
//! Attachment is what EC2 says; the metadata service is a lagging hint that may add and never takes away. WarmPool says how
//! many addresses are wanted, as a total: hearing it twice buys nothing twice. Whatever is done to a whole ENI is written down
//! first, so that none is made twice or forgotten. `grow_pool` and `throttled` are told here.

mod actor;
mod state;

mod growing;
mod reading;

mod birth;
mod births;
mod device;
mod order;

mod parting;
mod partings;
mod release;
mod releases;

mod outlook;
mod plan;
mod view;

mod backoff;
mod call;
mod limits;
mod looking;
mod notes;

pub use actor::{EniAction, EniOutcome, EniPerformer};
pub use limits::limits_of;
pub use order::Born;
pub use state::{EniConfig, EniManager};
