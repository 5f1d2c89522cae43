//! What a node has around it, shown without the product, on pods wired by hand: the internet, kube-proxy's rules, a neighbour
//! with marks of its own. And the judge: what must fail does, and passes once the right rules stand. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

mod internet;
mod neighbour;
mod node_port;
mod proxy;
mod wiring;
