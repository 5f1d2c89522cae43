//! The one owner of the two files: a thread that works off a bounded queue, in order. It blocks on the disk so that nobody
//! else must, and it ends a write whether or not the asker still listens.

use contract::causes::Cause;
use contract::ports::checkpoint::{CheckpointImage, Loaded};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::contents::{Contents, assemble, own_may_stay, split};
use crate::disk::{self, Aside, FILE_BYTES_MAX, Found};
use crate::error::CheckpointError;
use crate::file_checkpoint::CheckpointPaths;
use crate::files::{Files, Stamp};
use crate::order::{Step, steps};
use crate::peer_file::Decoded;
use crate::{own_file, peer_file};

/// The next write, if one comes so soon, tidies our file up with what it has to say itself.
const TIDY_AFTER: Duration = Duration::from_millis(50);

/// Flaws named in a reason; more are counted.
const FLAWS_NAMED_MAX: usize = 8;

/// What the writer is asked.
pub(crate) enum Command {
    Load {
        reply: oneshot::Sender<Result<Loaded, Cause>>,
    },
    Write {
        image: CheckpointImage,
        reply: oneshot::Sender<Result<(), Cause>>,
    },
    /// Stand still until the other end says something or goes away.
    #[cfg(test)]
    Hold {
        entered: oneshot::Sender<()>,
        release: std::sync::mpsc::Receiver<()>,
    },
}

/// The writer's state. It blocks: [`crate::FileCheckpoint`] gives it a thread.
#[derive(Debug)]
pub struct Writer<F> {
    files: F,
    paths: CheckpointPaths,
    boot_id: String,
    /// `None` until it is read, and after a failed write, when nobody knows which content the disk kept.
    disk: Option<OnDisk>,
    /// The last write failed, or was an earlier process's, of which that is unknown. A sync that failed may succeed the next
    /// time without having written anything, so both files are written again, whatever they seem to say.
    distrust: bool,
    /// Our file holds what `ipam.json` has come to say.
    untidy: bool,
}

/// When our file is tidied up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tidy {
    /// With the write.
    Now,
    /// When there is time: nobody waits for it.
    Later,
}

/// What is on disk.
#[derive(Debug, Default)]
struct OnDisk {
    contents: Contents,
    peer: Written,
    own: Written,
}

/// A file as it was last read or written; without a stamp it is written again, whatever it says.
#[derive(Debug, Default)]
struct Written {
    bytes: Vec<u8>,
    stamp: Option<Stamp>,
}

impl Written {
    /// Whether the file must be replaced to hold `bytes`. A file that somebody else touched must.
    fn differs(&self, files: &impl Files, path: &Path, bytes: &[u8]) -> bool {
        self.bytes != bytes || self.stamp.is_none() || self.stamp != files.stamp(path, true).ok()
    }
}

impl<F: Files> Writer<F> {
    /// On these files; nothing is read or written yet. `boot_id` tells this boot from others.
    pub fn new(files: F, paths: CheckpointPaths, boot_id: String) -> Self {
        Self { files, paths, boot_id, disk: None, distrust: true, untidy: false }
    }

    /// Works until every asker is gone, and tidies up when nobody has asked for a moment.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Command>, runtime: &Runtime) {
        let mut next = self.next(&mut queue, runtime);
        while let Some(command) = next.take() {
            match command {
                Command::Load { reply } => {
                    let loaded = self.load().map_err(|error| error.of_load());
                    // An asker that went away asks again; reading changed nothing it must know of.
                    drop(reply.send(loaded));
                }
                Command::Write { image, reply } => next = self.write_group(image, reply, &mut queue),
                #[cfg(test)]
                Command::Hold { entered, release } => {
                    if entered.send(()).is_ok() {
                        while release.recv().is_ok() {}
                    }
                }
            }
            if next.is_none() {
                next = self.next(&mut queue, runtime);
            }
        }
    }

    fn next(&mut self, queue: &mut mpsc::Receiver<Command>, runtime: &Runtime) -> Option<Command> {
        if self.untidy {
            let soon = runtime.block_on(async { timeout(TIDY_AFTER, queue.recv()).await });
            if let Ok(Some(command)) = soon {
                return Some(command);
            }
            // A file that could not be tidied up is stale still, and the next write says both whole.
            if let Err(error) = self.tidy() {
                tracing::warn!(%error, "our checkpoint file was not tidied up");
            }
        }
        queue.blocking_recv()
    }

    /// Group commit: images are whole and come in order from one owner, so of those that wait only the last is written, and
    /// its outcome answers all. Returns the command after the group, if one was found.
    fn write_group(
        &mut self,
        mut image: CheckpointImage,
        reply: oneshot::Sender<Result<(), Cause>>,
        queue: &mut mpsc::Receiver<Command>,
    ) -> Option<Command> {
        let mut replies = vec![reply];
        let mut next = None;
        while let Ok(command) = queue.try_recv() {
            match command {
                Command::Write { image: newer, reply } => {
                    image = newer;
                    replies.push(reply);
                }
                other => {
                    next = Some(other);
                    break;
                }
            }
        }
        let outcome = self.write(image).map_err(|error| error.of_write());
        for reply in replies {
            drop(reply.send(outcome.clone()));
        }
        next
    }

    /// Reads both files, and sets aside what cannot be used.
    ///
    /// # Errors
    /// When the disk cannot be read.
    pub fn load(&mut self) -> Result<Loaded, CheckpointError> {
        self.disk = None;
        let mut set_aside = Vec::new();
        let (own, own_written) = read_file(&self.files, &self.paths.own, own_file::decode, &mut set_aside)?;
        let (peer, peer_written) =
            read_file(&self.files, &self.paths.peer, peer_file::decode, &mut set_aside)?;
        let earlier_boot = own.as_ref().is_some_and(|own| own.boot_id != self.boot_id);
        let contents = Contents { peer: peer.unwrap_or_default(), own: own.unwrap_or_default() };
        let image = assemble(&contents, &self.boot_id);
        self.disk = Some(OnDisk { contents, peer: peer_written, own: own_written });
        Ok(Loaded { image, set_aside, earlier_boot })
    }

    /// Makes the image durable, whole. Our own file may keep what `ipam.json` has come to say, until [`Self::tidy`].
    ///
    /// # Errors
    /// When an image cannot be written, or the disk does not take it; then it is unknown which of both images is there.
    pub fn write(&mut self, image: CheckpointImage) -> Result<(), CheckpointError> {
        self.commit(image, Tidy::Later)
    }

    /// Leaves in our own file only what it alone says.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn tidy(&mut self) -> Result<(), CheckpointError> {
        match self.disk.as_ref().filter(|_| self.untidy) {
            Some(disk) => self.commit(assemble(&disk.contents, &self.boot_id), Tidy::Now),
            None => Ok(()),
        }
    }

    fn commit(&mut self, image: CheckpointImage, tidy: Tidy) -> Result<(), CheckpointError> {
        if self.disk.is_none() {
            self.load()?;
        }
        // Taken: if any step fails it is not known what the disk holds, and it is read again before the next write.
        let mut disk = self.disk.take().unwrap_or_default();
        let distrust = std::mem::replace(&mut self.distrust, true);
        if distrust {
            disk.peer.stamp = None;
            disk.own.stamp = None;
        }
        let split = split(image, &self.boot_id, &disk.contents.peer);
        let mut after = match split {
            Ok(after) => after,
            Err(problem) => {
                self.disk = Some(disk);
                self.distrust = distrust;
                return Err(CheckpointError::BadImage { problem });
            }
        };
        let stays = tidy == Tidy::Later
            && after.own != disk.contents.own
            && own_may_stay(&after, &disk.contents.own, &self.boot_id);
        if stays {
            after.own = disk.contents.own.clone();
        }
        self.untidy = stays;
        let peer_bytes = encoded("ipam.json", peer_file::encode(&after.peer))?;
        let own_bytes = encoded("enid-leases.json", own_file::encode(&after.own))?;
        let peer_changes = disk.peer.differs(&self.files, &self.paths.peer, &peer_bytes);
        let own_changes = disk.own.differs(&self.files, &self.paths.own, &own_bytes);
        for step in steps(&disk.contents, &after, peer_changes, own_changes) {
            match step {
                Step::Peer => disk.peer = write_file(&self.files, &self.paths.peer, peer_bytes.clone())?,
                Step::Own => disk.own = write_file(&self.files, &self.paths.own, own_bytes.clone())?,
                Step::OwnOverlap(overlap) => {
                    let bytes = encoded("enid-leases.json", own_file::encode(&overlap))?;
                    disk.own = write_file(&self.files, &self.paths.own, bytes)?;
                }
            }
        }
        disk.contents = after;
        self.disk = Some(disk);
        self.distrust = false;
        Ok(())
    }
}

/// Reads and decodes one file. What cannot be used is set aside; of what can be used in part, the part is used.
fn read_file<T>(
    files: &impl Files,
    path: &Path,
    decode: fn(&[u8]) -> Decoded<T>,
    set_aside: &mut Vec<(PathBuf, String)>,
) -> Result<(Option<T>, Written), CheckpointError> {
    let (bytes, stamp) = match disk::read(files, path)? {
        Found::Missing => return Ok((None, Written::default())),
        Found::File { bytes, stamp } => (bytes, stamp),
        Found::Unusable(reason) => {
            set_aside.push(aside(files, path, Aside::Moved, reason)?);
            return Ok((None, Written::default()));
        }
    };
    match decode(&bytes) {
        Ok((file, flaws)) if flaws.is_empty() => Ok((Some(file), Written { bytes, stamp })),
        Ok((file, flaws)) => {
            set_aside.push(aside(files, path, Aside::Kept, in_words(&flaws))?);
            // Without a stamp, so that the next write makes it a clean file.
            Ok((Some(file), Written::default()))
        }
        Err(unusable) => {
            set_aside.push(aside(files, path, Aside::Moved, unusable.to_string())?);
            Ok((None, Written::default()))
        }
    }
}

/// Logged as well as reported: the report of a read that only a write needed goes nowhere.
fn aside(
    files: &impl Files,
    path: &Path,
    how: Aside,
    reason: String,
) -> Result<(PathBuf, String), CheckpointError> {
    let name = disk::set_aside(files, path, how)?;
    tracing::warn!(file = %path.display(), set_aside = %name.display(), %reason, "checkpoint file set aside");
    Ok((name, reason))
}

fn write_file(files: &impl Files, path: &Path, bytes: Vec<u8>) -> Result<Written, CheckpointError> {
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        let problem = format!("{} would be larger than {FILE_BYTES_MAX} bytes", path.display());
        return Err(CheckpointError::BadImage { problem });
    }
    let stamp = disk::replace(files, path, &bytes)?;
    Ok(Written { bytes, stamp: Some(stamp) })
}

fn encoded(
    file: &'static str,
    result: Result<Vec<u8>, serde_json::Error>,
) -> Result<Vec<u8>, CheckpointError> {
    result.map_err(|source| CheckpointError::Encode { file, source })
}

fn in_words(flaws: &[String]) -> String {
    let named: Vec<_> = flaws.iter().take(FLAWS_NAMED_MAX).map(String::as_str).collect();
    match flaws.len().saturating_sub(FLAWS_NAMED_MAX) {
        0 => format!("used in part: {}", named.join("; ")),
        more => format!("used in part: {}; and {more} more", named.join("; ")),
    }
}
