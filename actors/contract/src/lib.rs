//! What may be said in enid: the nouns (`model`), what the rooms send one another (`mail`), what they ask of the world
//! (`ports`), and the one vocabulary of reasons (`causes`).
//!
//! This crate decides nothing and does nothing: it names no actor, no SDK, no driver. A question is a variant that carries
//! its [`Reply`]; a fact that others follow is a snapshot, published whole, of which the latest wins.

pub mod causes;
pub mod mail;
pub mod model;
pub mod ports;

/// Where the answer to a question goes. Dropping it unanswered tells the asker that the answer will never come.
pub type Reply<T> = tokio::sync::oneshot::Sender<T>;

/// Time since boot, suspend included (CLOCK_BOOTTIME). It survives a restart of the daemon and not one of the node.
pub type Boottime = core::time::Duration;
