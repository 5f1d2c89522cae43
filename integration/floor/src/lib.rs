//! The floor under an ADD, for `cargo lab bench`: executing an empty static program, one RPC, the pod's netlink operations in
//! one process, one durable write. And the clock: the same process executes the real plugin, so that both are timed alike,
//! from inside the node, as a container runtime would.

mod checkpoint;
mod echo;
mod execute;
mod host_side;
mod order;
mod steps;
mod worker;

pub use echo::serve as echo;
pub use order::{FloorPod, Job, Program, Took};
pub use worker::{run as work, together};
