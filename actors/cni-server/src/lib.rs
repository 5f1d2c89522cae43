//! The front door: one file per CNI verb. It moves frames between a shim and the rooms, and owns nothing but its socket and its
//! numbers: who has which address is WarmPool's, what stands on the host RouteProgrammer's.
//!
//! `add_pod`: add → lease → plan → wired → host side → assigned → result. `del_pod`: one question to WarmPool. DELs that came
//! while nobody listened lie in the spool, and are worked off before the socket opens. Once a pod could be served, the runtime is
//! told so by its list of plugins, and STATUS by a mark.

mod actor;
mod add;
mod announce;
mod ask_program;
mod check;
mod del;
mod front;
mod gc;
mod plan;
mod serve;
mod spool;
mod state;
mod translate;

pub use actor::{CniAction, CniOutcome, CniPerformer};
pub use add::{Incoming, Outgoing, serve as serve_add};
pub use announce::{AnnounceConfig, Announcer, Program, Programs};
pub use del::serve as serve_del;
pub use front::{Front, FrontConfig};
pub use plan::OurPlugin;
pub use state::CniServer;
