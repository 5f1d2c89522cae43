//! What the runtime is told of enid: the list of plugins, made of the one that is there and our own part. Pure.

mod conflist;

pub use conflist::OurPlugin;
pub(crate) use conflist::{Existing, ListError, PORTMAP, Spoken};
