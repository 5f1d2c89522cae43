//! The real node in virtual time: it holds, what is planted is found, and what failed replays.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

mod finds;
mod holds;
mod replay;
