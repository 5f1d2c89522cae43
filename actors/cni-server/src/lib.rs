//! The front door: one file per CNI verb. It moves frames between a shim and the rooms, and owns nothing but its socket and its
//! numbers: who has which address is WarmPool's, what stands on the host RouteProgrammer's.
//!
//! `add_pod`: add → lease → plan → wired → host side → assigned → result. `del_pod`: one question to WarmPool. DELs that came
//! while nobody listened lie in the spool, and are worked off before the socket opens.

mod actor;
mod add;
mod del;
mod front;
mod serve;
mod spool;
mod state;
mod translate;

pub use actor::{CniAction, CniOutcome, CniPerformer};
pub use add::{Incoming, Outgoing, serve as serve_add};
pub use del::serve as serve_del;
pub use front::{Front, FrontConfig};
pub use state::CniServer;
