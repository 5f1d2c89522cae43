//! The wire format shared by the shim and the daemon.
