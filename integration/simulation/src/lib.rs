//! The real node in virtual time under a seed: the rooms, links, verdicts and fences of production on one paused runtime, over
//! the fakes, with a container runtime that adds and deletes pods, and everything around them going wrong by the dice.
//!
//! After each turn of a room its own audit and a reference model are asked whether the promises still hold; at the end of a
//! script the weather is fair, and everything must come right. A script that breaks a promise is made smaller and printed: it
//! replays exactly.

mod calm;
mod campaign;
mod doors;
mod generate;
mod judge;
mod life;
mod model;
mod panics;
mod plant;
mod play;
mod runtime;
mod script;
mod shim;
mod shrink;
mod squatter;
mod stage;
mod targets;
mod watched;

pub use campaign::{Campaign, Finding, Report};
pub use judge::Adds;
pub use plant::Plant;
pub use play::{Played, play};
pub use script::{How, NodePart, Script, ScriptError, Step};
pub use shrink::shrink;
