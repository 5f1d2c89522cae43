//! Builds the workspace once, as a whole, and starts what was built.

fn main() {}
