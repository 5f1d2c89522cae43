//! The wire format shared by the shim and the daemon. Data only: who says what when is told in `proto/enid.proto`, and
//! neither side's behaviour lives here.

mod generated;

pub use generated::*;

/// The protocol spoken by this build. A daemon serves its own number and its neighbours.
pub const PROTOCOL: u32 = 1;

/// The daemon's socket, in the state directory.
pub const SOCKET_NAME: &str = "enid.sock";
