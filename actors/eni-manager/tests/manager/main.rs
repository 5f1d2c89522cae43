//! EniManager's core, driven by hand: mail and outcomes in, actions out, and time that a test moves.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking"
)]

mod attached;
mod births;
mod calls;
mod desk;
mod failures;
mod growth;
mod partings;
mod random;
mod releases;
mod weather;
