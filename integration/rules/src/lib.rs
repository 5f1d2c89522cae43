//! The house rules, as pure functions from a tree of texts to what is broken in it; `tests/house` holds them against
//! this repository. A rule never mends anything, and each is seen to catch a violation by its own unit test. Every
//! complaint is one line: where, what, and what to do about it.

pub mod tree;

pub mod rust_text;

pub mod test_code;

pub mod markdown;

pub mod edges;

pub mod manifests;

pub mod purity;

pub mod tidy;

pub mod documents;

pub mod words;

pub mod sleeps;

pub mod commands;

pub mod deploy;
