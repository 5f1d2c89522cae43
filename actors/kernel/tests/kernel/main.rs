//! Supervision, seen from outside: one file per concept. Most of it runs in virtual time on one runtime; `threads` has what
//! only real threads do.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails by panicking, in its helpers too"
)]

mod asks;
mod deaths;
mod effects;
mod orders;
mod poison;
mod puppet;
mod snapshots;
mod stage;
mod starts;
mod tells;
mod threads;
mod time;
mod trace;
mod verdicts;
mod watchdog;
