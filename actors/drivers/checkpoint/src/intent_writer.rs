//! The one owner of `eni-intents.json`: a thread that reads and replaces it, one thing after the other.

use contract::causes::Cause;
use contract::ports::intents::{IntentImage, LoadedIntents};
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};

use crate::disk::{self, Aside, Found};
use crate::error::CheckpointError;
use crate::files::Files;
use crate::intent_file;

/// What the writer is asked.
pub(crate) enum Question {
    Load(oneshot::Sender<Result<LoadedIntents, Cause>>),
    Write(IntentImage, oneshot::Sender<Result<(), Cause>>),
}

/// The writer. It blocks: [`crate::FileIntents`] gives it a thread.
#[derive(Debug)]
pub struct IntentWriter<F> {
    files: F,
    path: PathBuf,
}

impl<F: Files> IntentWriter<F> {
    /// On these files; nothing is read or written yet.
    pub fn new(files: F, path: PathBuf) -> Self {
        Self { files, path }
    }

    /// Works until every asker is gone.
    pub(crate) fn run(self, mut queue: mpsc::Receiver<Question>) {
        while let Some(question) = queue.blocking_recv() {
            // An asker that went away asks again.
            match question {
                Question::Load(reply) => drop(reply.send(self.load().map_err(|error| error.of_intents()))),
                Question::Write(image, reply) => {
                    drop(reply.send(self.write(&image).map_err(|error| error.of_intents())));
                }
            }
        }
    }

    /// Reads the file, and sets aside what cannot be used of it.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn load(&self) -> Result<LoadedIntents, CheckpointError> {
        let bytes = match disk::read(&self.files, &self.path)? {
            Found::Missing => return Ok(LoadedIntents::default()),
            Found::File { bytes, .. } => bytes,
            Found::Unusable(reason) => return self.set_aside(None, Aside::Moved, reason),
        };
        match intent_file::decode(&bytes) {
            Ok((image, flaws)) if flaws.is_empty() => {
                Ok(LoadedIntents { image: Some(image), set_aside: None })
            }
            Ok((image, flaws)) => self.set_aside(Some(image), Aside::Kept, flaws.join("; ")),
            Err(unusable) => self.set_aside(None, Aside::Moved, unusable.to_string()),
        }
    }

    /// Replaces the file, durably.
    ///
    /// # Errors
    /// When the disk does not take it; then either content is there, whole.
    pub fn write(&self, image: &IntentImage) -> Result<(), CheckpointError> {
        let bytes = intent_file::encode(image)
            .map_err(|source| CheckpointError::Encode { file: "eni-intents.json", source })?;
        disk::replace(&self.files, &self.path, &bytes).map(drop)
    }

    fn set_aside(
        &self,
        image: Option<IntentImage>,
        how: Aside,
        reason: String,
    ) -> Result<LoadedIntents, CheckpointError> {
        let name = disk::set_aside(&self.files, Path::new(&self.path), how)?;
        tracing::warn!(file = %self.path.display(), set_aside = %name.display(), %reason, "intents set aside");
        Ok(LoadedIntents { image, set_aside: Some((name, reason)) })
    }
}
