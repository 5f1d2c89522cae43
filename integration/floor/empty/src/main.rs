//! A program that does nothing. Built as the shim is, executing it costs what executing any static program costs here.

fn main() {}
