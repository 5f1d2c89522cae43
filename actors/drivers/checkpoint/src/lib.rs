//! The checkpoint port: a file in the schema of the agent enid replaces, and one of our own beside it. This crate owns what
//! the files say and in which order they are replaced; it never decides what a lease may do.

mod file_checkpoint;

mod contents;
mod order;
mod own_file;
mod peer_file;

mod disk;
mod error;
mod files;
mod writer;

pub use error::CheckpointError;
pub use file_checkpoint::{CheckpointPaths, FileCheckpoint};
pub use files::{Files, KernelFiles, Kind, Stamp};
pub use writer::Writer;
