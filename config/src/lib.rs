//! Layered settings that keep their provenance: `defaults.toml` < a file < the environment.
//!
//! [`table`] says what can be set, [`peer`] which variables of the agent we replace are known without being a setting,
//! [`read`] turns one raw value into what it means, [`layers`] stacks the values, [`load`] does it all and lists every
//! mistake at once. Nothing here reads the environment or a file: both are arguments.

pub mod settings;
pub mod table;

pub mod peer;

mod layers;
mod load;
mod nearest;
mod read;
mod rules;
mod shown;

pub mod document;
pub mod problems;

pub use load::{Explained, Loaded};
pub use nearest::closest;
pub use problems::{ConfigErrors, Problem, Provenance, Warning};
pub use settings::{RandomizeSnat, Settings};
