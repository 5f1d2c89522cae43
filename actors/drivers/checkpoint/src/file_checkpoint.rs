//! The port itself: a handle on the writer's queue. It moves questions and answers, and owns nothing but the timeout.

use contract::causes::Cause;
use contract::ports::checkpoint::{Checkpoint, CheckpointImage, Loaded};
use futures::future::BoxFuture;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

use crate::error::CheckpointError;
use crate::files::KernelFiles;
use crate::writer::{Command, Writer};

/// Questions waiting for the writer. One owner asks, one thing at a time; more can wait only where askers went away.
const QUEUE_COMMANDS_MAX: usize = 64;

/// The name of our own file, beside `ipam.json`.
const OWN_FILE: &str = "enid-leases.json";

/// Where the two files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointPaths {
    /// `ipam.json`, `/var/run/aws-node/ipam.json` on a node.
    pub peer: PathBuf,
    /// Ours.
    pub own: PathBuf,
}

impl CheckpointPaths {
    /// Ours stands beside `peer`, as `enid-leases.json`.
    #[must_use]
    pub fn beside(peer: impl Into<PathBuf>) -> Self {
        let peer = peer.into();
        Self { own: peer.with_file_name(OWN_FILE), peer }
    }
}

/// The checkpoint in two files. Clones share the one writer, which ends when the last of them is gone.
#[derive(Debug, Clone)]
pub struct FileCheckpoint {
    queue: mpsc::Sender<Command>,
    timeout: Duration,
}

impl FileCheckpoint {
    /// Starts the writer. Nothing is read or written yet, and the directory need not exist yet.
    ///
    /// `boot_id` is `/proc/sys/kernel/random/boot_id`; `timeout` is how long each operation may keep its asker waiting.
    /// There must be one writer per pair of files: the daemon's lock sees to that.
    ///
    /// # Errors
    /// A path that names no file, the same path twice, or a thread that cannot be started.
    pub fn open(
        paths: CheckpointPaths,
        boot_id: impl Into<String>,
        timeout: Duration,
    ) -> Result<Self, CheckpointError> {
        for path in [&paths.peer, &paths.own] {
            if path.file_name().is_none() {
                return Err(CheckpointError::NotAFileName { path: path.clone() });
            }
        }
        if paths.peer == paths.own {
            return Err(CheckpointError::SameFile { path: paths.peer });
        }
        let (queue, commands) = mpsc::channel(QUEUE_COMMANDS_MAX);
        let writer = Writer::new(KernelFiles, paths, boot_id.into().trim().to_owned());
        // For its time alone: the thread itself blocks on the disk.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|source| CheckpointError::Thread { source })?;
        std::thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || writer.run(commands, &runtime))
            .map_err(|source| CheckpointError::Thread { source })?;
        Ok(Self { queue, timeout })
    }

    /// Asks, and waits for the answer as long as the timeout allows. `Err` says in words why none came.
    async fn ask<T>(
        queue: mpsc::Sender<Command>,
        timeout: Duration,
        question: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, String> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            queue.send(question(reply)).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(timeout, asked).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err("the writer's thread is gone".to_owned()),
            Err(_) => Err(format!("the disk did not answer within {} s", timeout.as_secs_f64())),
        }
    }
}

impl Checkpoint for FileCheckpoint {
    fn load(&self) -> BoxFuture<'static, Result<Loaded, Cause>> {
        let asked = Self::ask(self.queue.clone(), self.timeout, |reply| Command::Load { reply });
        Box::pin(async move { asked.await.map_err(|detail| Cause::CheckpointRead { detail })? })
    }

    fn write(&self, image: CheckpointImage) -> BoxFuture<'static, Result<(), Cause>> {
        let asked = Self::ask(self.queue.clone(), self.timeout, |reply| Command::Write { image, reply });
        Box::pin(async move { asked.await.map_err(|detail| Cause::CheckpointWrite { detail })? })
    }
}

#[cfg(test)]
#[path = "file_checkpoint_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "file_checkpoint_damage_tests.rs"]
mod damage_tests;
