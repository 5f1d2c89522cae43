//! The house rules held against this repository, one file per concern. Nothing here builds or changes anything.

#![expect(clippy::expect_used, reason = "a repository that cannot be read fails the test, and should")]

mod commands;
mod deploy;
mod documents;
mod edges;
mod manifests;
mod purity;
mod repository;
mod sleeps;
mod tidy;
mod words;
