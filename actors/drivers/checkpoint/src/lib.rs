//! The checkpoint port: a file in the schema of the agent enid replaces, and one of our own beside it; and the intents port: one
//! more, where a reboot does not reach it. This crate owns what the files say and in which order they are replaced; it never
//! decides what a lease or an intent may do.

mod file_checkpoint;
mod file_intents;

mod contents;
mod intent_file;
mod order;
mod own_file;
mod peer_file;

mod disk;
mod error;
mod files;
mod intent_writer;
mod writer;

pub use error::CheckpointError;
pub use file_checkpoint::{CheckpointPaths, FileCheckpoint};
pub use file_intents::FileIntents;
pub use files::{Files, KernelFiles, Kind, Stamp};
pub use intent_writer::IntentWriter;
pub use writer::Writer;
