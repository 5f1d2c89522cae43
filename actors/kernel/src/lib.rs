//! Who lives: rooms, links and supervision. The only crate that names actix; it knows no networking.
//!
//! actix gives mailboxes, contexts and arbiters. Its own supervisor does not survive a panic, keeps torn state and can spin, so
//! supervision is here: one generic actor, `Room`, around a pure [`Core`]; a [`Link`] that survives restarts; a
//! [`Fence`] that no effect of a dead incarnation passes; and one path for every death. `SEMANTICS.md` says what may be relied on.

#[cfg(panic = "abort")]
compile_error!("supervision rests on unwinding: build with panic = \"unwind\"");

mod board;
mod clock;
mod core;
mod fence;
mod level;
mod link;
mod nest;
mod order;
mod room;
mod spec;
mod supervisor;
mod tree;
mod undertaker;
pub mod verdict;
mod vitals;
mod watchdog;

pub use board::{Publisher, Subscription};
pub use clock::Clock;
pub use core::{Broken, Core, Event, Performer, Plan};
pub use fence::{Fence, Hold, Revoked};
pub use link::{AskError, Inbox, Link, TellError, link};
pub use order::{Order, OrderBook, OrderError, Orders, orders};
pub use spec::{Past, Policy, Seat, Spec, StartError};
pub use tree::{Ended, Strategy, Tree, TreeConfig};
pub use vitals::Vitals;
pub use watchdog::watch_over;
