//! Owns host wiring: the routes, rules and links of pods and of secondary ENIs on the host. Nobody else changes them.
//!
//! `add_pod`: Plan → the shim makes the inside → Wire (programmed and verified). `del_pod`: Unwire. `drift_repaired`: the views
//! say what should stand, the kernel what does, and what is missing is added. The truth is the kernel: a restart reads it and
//! plans nothing. It opens no socket, knows no EC2, and enters no pod's namespace.

mod actor;
mod plan;
mod recover;
mod state;

#[cfg(test)]
mod bench;

pub use actor::RoutePerformer;
pub use plan::{Unit, wiring_plan};
pub use state::{Answer, RouteAction, RouteConfig, RouteOutcome, RouteProgrammer, SourcePorts, Target};
