//! WarmPool's core, driven by hand: mail and outcomes in, actions and answers out, and time that a test moves.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod add;
mod del;
mod demand;
mod desk;
mod disk;
mod letting_go;
mod line;
mod random;
mod restart;
mod world;
