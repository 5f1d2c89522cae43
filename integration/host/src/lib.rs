//! A small Linux, pure: namespaces, links, addresses, routes, rules, neighbours and settings of IPv4 as the kernel keeps them, nft
//! tables by what they mean, a pod as the shim wires it, and a disk that tears, reorders and loses. It never does I/O, reads no
//! clock and has no randomness. Tests hold it equal to the real kernel; the disk is held to nothing but POSIX.

mod machine;
mod namespace;

mod address;
mod link;
mod neighbour;
mod nft;
mod route;
mod rule;
mod setting;

mod pod;

mod event;
mod inbound;
mod lookup;
mod snapshot;

mod disk;

pub use disk::{Disk, Fault, FileId};
pub use event::{Event, Events};
pub use link::End;
pub use machine::{Errno, Linux, NamespaceId};
pub use neighbour::Neighbour;
pub use nft::NftError;
pub use pod::{PlanProblem, Site, WiringError};
pub use setting::{Setting, Whose};
