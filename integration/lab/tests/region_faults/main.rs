//! The rows of what real EC2 and its metadata service do to a node: each scripted in the region, sent by the lab's servers over
//! loopback, and seen by a client. A test is named by its row; it looks at what arrives and at what the region then is.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

mod account;
mod attachment;
mod client;
mod credentials;
mod metadata;
mod metadata_faults;
mod reading;
mod rig;
mod room;
mod transport;
mod trunk;
