//! What can go wrong with the checkpoint: one variant per failed step. Content that cannot be used is no error: it is set
//! aside and reported.

use contract::causes::Cause;
use std::error::Error;
use std::io;
use std::path::PathBuf;

/// A failed step.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The path names no file.
    #[error("`{}` names no file", path.display())]
    NotAFileName {
        /// The path as it was given.
        path: PathBuf,
    },
    /// Both files would be the same one.
    #[error("`{}` is to hold both the assigned leases and ours", path.display())]
    SameFile {
        /// The path as it was given.
        path: PathBuf,
    },
    /// The writer's thread could not be started.
    #[error("the writer's thread could not be started")]
    Thread {
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A file could not be read, for a reason that is not its content.
    #[error("reading {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A file whose content cannot be used could not be set aside, so nothing may be written over it.
    #[error("setting {} aside", path.display())]
    SetAside {
        /// Which file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// A file could not be replaced.
    #[error("{step} {}", path.display())]
    Write {
        /// What was being done.
        step: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The image cannot be written as a file that could be read back.
    #[error("this image cannot be written: {problem}")]
    BadImage {
        /// Why.
        problem: String,
    },
    /// The image could not be put into JSON.
    #[error("encoding {file}")]
    Encode {
        /// Which file.
        file: &'static str,
        /// What the encoder said.
        #[source]
        source: serde_json::Error,
    },
}

impl CheckpointError {
    /// The cause to answer a load with.
    pub(crate) fn of_load(&self) -> Cause {
        Cause::CheckpointRead { detail: self.in_words() }
    }

    /// The cause to answer a write with.
    pub(crate) fn of_write(&self) -> Cause {
        Cause::CheckpointWrite { detail: self.in_words() }
    }

    /// The cause to answer for intents with, read or written.
    pub(crate) fn of_intents(&self) -> Cause {
        Cause::IntentDisk { detail: self.in_words() }
    }

    /// The whole chain in one line.
    fn in_words(&self) -> String {
        let mut words = self.to_string();
        let mut next = self.source();
        while let Some(error) = next {
            words = format!("{words}: {error}");
            next = error.source();
        }
        words
    }
}
