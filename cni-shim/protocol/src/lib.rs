//! What the shim and the daemon share: the wire format (who says what when is told in `proto/enid.proto`), the spool in which a
//! shim leaves the DELs it could not bring, and the mark by which STATUS knows that this boot was served.

mod generated;
pub mod served;
pub mod spool;
pub mod whole_file;

pub use generated::*;

/// The protocol spoken by this build. A daemon serves its own number and its neighbours.
pub const PROTOCOL: u32 = 1;

/// The daemon's socket, in the state directory.
pub const SOCKET_NAME: &str = "enid.sock";
