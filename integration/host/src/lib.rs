//! A small Linux, pure: namespaces, links, addresses, routes and rules of IPv4 as the kernel keeps them, changed by the host
//! port's changes and by what makes and unmakes a pod. It never does I/O, reads no clock and has no randomness. A test holds
//! it equal to the real kernel.

mod address;
mod link;
mod lookup;
mod namespace;
mod nft;
mod route;
mod rule;
mod snapshot;

pub use link::End;
pub use namespace::{Errno, Linux, NamespaceId};
