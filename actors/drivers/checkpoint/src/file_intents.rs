//! The intents port: a handle on its writer's queue. It moves questions and answers, and owns nothing but the timeout.

use contract::causes::Cause;
use contract::ports::intents::{IntentImage, Intents, LoadedIntents};
use futures::future::BoxFuture;
use std::path::Path;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

use crate::error::CheckpointError;
use crate::files::KernelFiles;
use crate::intent_writer::{IntentWriter, Question};

/// Questions waiting for the writer. One owner asks, one thing at a time; more can wait only where askers went away.
const QUEUE_QUESTIONS_MAX: usize = 16;

/// The file's name.
const FILE: &str = "eni-intents.json";

/// What is under way, in a file. Clones share the one writer, which ends when the last of them is gone.
#[derive(Debug, Clone)]
pub struct FileIntents {
    queue: mpsc::Sender<Question>,
    timeout: Duration,
}

impl FileIntents {
    /// Starts the writer of `eni-intents.json` in a directory that survives a reboot, and makes that if it is not there.
    /// Nothing is read or written yet; a directory that cannot be made is told by the first write.
    ///
    /// # Errors
    /// A thread that cannot be started.
    pub fn open(directory: &Path, timeout: Duration) -> Result<Self, CheckpointError> {
        let (queue, questions) = mpsc::channel(QUEUE_QUESTIONS_MAX);
        let directory = directory.to_owned();
        std::thread::Builder::new()
            .name("intents".to_owned())
            .spawn(move || {
                if let Err(error) = std::fs::create_dir_all(&directory) {
                    tracing::warn!(directory = %directory.display(), %error, "cannot be made");
                }
                IntentWriter::new(KernelFiles, directory.join(FILE)).run(questions);
            })
            .map_err(|source| CheckpointError::Thread { source })?;
        Ok(Self { queue, timeout })
    }

    async fn ask<T>(
        queue: mpsc::Sender<Question>,
        timeout: Duration,
        question: impl FnOnce(oneshot::Sender<Result<T, Cause>>) -> Question,
    ) -> Result<T, Cause> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            queue.send(question(reply)).await.ok()?;
            answer.await.ok()
        };
        let detail = match tokio::time::timeout(timeout, asked).await {
            Ok(Some(answer)) => return answer,
            Ok(None) => "the writer's thread is gone".to_owned(),
            Err(_) => format!("the disk did not answer within {} s", timeout.as_secs_f64()),
        };
        Err(Cause::IntentDisk { detail })
    }
}

impl Intents for FileIntents {
    fn load(&self) -> BoxFuture<'static, Result<LoadedIntents, Cause>> {
        Box::pin(Self::ask(self.queue.clone(), self.timeout, Question::Load))
    }

    fn write(&self, image: IntentImage) -> BoxFuture<'static, Result<(), Cause>> {
        let question = |reply| Question::Write(image, reply);
        Box::pin(Self::ask(self.queue.clone(), self.timeout, question))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::model::{EniId, InstanceId};
    use contract::ports::intents::Intent;

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn image() -> IntentImage {
        let intents = vec![Intent::Going { eni: EniId::new("eni-1") }];
        IntentImage { instance: InstanceId::new("i-1"), intents }
    }

    #[tokio::test]
    async fn a_directory_that_was_not_there_is_made_and_what_is_written_is_read_by_the_next_process() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("lib/enid");
        let first = FileIntents::open(&directory, TIMEOUT).unwrap();
        assert_eq!(first.load().await, Ok(LoadedIntents::default()));
        assert_eq!(first.write(image()).await, Ok(()));
        drop(first);
        let second = FileIntents::open(&directory, TIMEOUT).unwrap();
        assert_eq!(second.load().await, Ok(LoadedIntents { image: Some(image()), set_aside: None }));
    }

    #[tokio::test]
    async fn a_file_that_is_none_is_set_aside_and_lost_to_nobody() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join(FILE), "{").unwrap();
        let intents = FileIntents::open(place.path(), TIMEOUT).unwrap();
        let loaded = intents.load().await.unwrap();
        assert_eq!(loaded.image, None);
        let (name, reason) = loaded.set_aside.unwrap();
        assert_eq!(std::fs::read_to_string(name).unwrap(), "{");
        assert!(reason.contains("not JSON"), "{reason}");
        assert_eq!(intents.write(image()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_disk_that_takes_nothing_is_told_as_such() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("file");
        std::fs::write(&file, "").unwrap();
        let intents = FileIntents::open(&file, TIMEOUT).unwrap();
        let cause = intents.write(image()).await.unwrap_err();
        assert_eq!(cause.label(), "IntentDisk");
        assert!(cause.to_string().contains("eni-intents.json"), "{cause}");
    }
}
