//! The real node in virtual time: it holds, what is planted is found, and what failed replays.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail by panicking")]

mod finds;
mod holds;
mod replay;
