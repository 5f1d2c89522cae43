//! What containerd executes.

fn main() {}
