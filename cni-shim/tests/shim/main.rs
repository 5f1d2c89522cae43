//! The shim from outside: its parsers under arbitrary input, its spool, and the real binary in real namespaces against a
//! daemon of the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "test code"
)]

mod add;
mod daemon;
mod del;
mod input;
mod looks;
mod node;
mod plan;
mod spool;
mod wiring;
