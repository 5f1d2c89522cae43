//! The host port over the real kernel: links, addresses, routes and rules by netlink, one nft table by the nft command.
//!
//! It reads and does what it is told, and decides nothing: which routes there should be is RouteProgrammer's business. It
//! needs CAP_NET_ADMIN and nothing else: no `/proc/sys`, no way into a pod's namespace.

mod error;
mod host;
mod netlink;
mod nft;

pub use host::LinuxHost;
