//! The front door as shims find it: the real socket and the real frames. WarmPool and RouteProgrammer are played by the test.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod add;
mod announce;
mod check;
mod del;
mod ends;
mod gc;
mod house;
mod leases;
mod refusals;
mod requests;
mod rooms;
mod shim;
mod socket;
mod spool;
