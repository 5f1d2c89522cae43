//! The wiring: the supervision tree as data and the enid command line.

fn main() {}
