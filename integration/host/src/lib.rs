//! A small Linux, pure: namespaces, links, addresses, routes and rules of IPv4 as the kernel keeps them, changed by the host
//! port's changes and by what makes and unmakes a pod. It never does I/O, reads no clock and has no randomness. A test holds
//! it equal to the real kernel.

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
