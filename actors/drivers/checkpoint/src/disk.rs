//! Files as the kernel has them: read within a bound, replaced durably, set aside. It never looks into what they say.

use rustix::fs::OFlags;
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::error::CheckpointError;

/// A file larger than this is not ours: 30,000 leases, more than any node has addresses, take 7 MB.
pub(crate) const FILE_BYTES_MAX: u64 = 8 << 20;

/// Set-aside files kept beside each file. Beyond that the last is replaced: the first evidence says how it began, the
/// newest how it is, and a fault that comes back must not fill the disk.
const SET_ASIDE_MAX: u32 = 8;

/// What identifies a file's content without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

/// What stands at a path.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing.
    Missing,
    /// A file with this content. Durable, unless the stamp is missing.
    File { bytes: Vec<u8>, stamp: Option<Stamp> },
    /// Something that can be no file of ours, and why.
    Unusable(String),
}

/// How a file is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aside {
    /// It goes away from its name.
    Moved,
    /// It stays, since part of it is used, and what is written later replaces only the name.
    Kept,
}

impl Stamp {
    fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }

    /// The stamp of what stands at the path now, if anything can be seen there.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::of(&metadata))
    }
}

/// Reads what is at `path`. An error means the disk, never the content.
pub(crate) fn read(path: &Path) -> Result<Found, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    // NONBLOCK: opening a pipe that nobody writes to would otherwise wait for ever.
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            return Ok(Found::Unusable("a loop of symbolic links".to_owned()));
        }
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            return Ok(Found::Unusable("a socket or device, not a file".to_owned()));
        }
        Err(error) => return Err(failed(error)),
    };
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Ok(Found::Unusable("a directory, not a file".to_owned()));
    }
    if !metadata.is_file() {
        return Ok(Found::Unusable("not a regular file".to_owned()));
    }
    let mut bytes = Vec::new();
    (&file).take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Ok(Found::Unusable(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    // Somebody may have died between rename and sync. Later writes leave out what has not changed, so it must be durable.
    let durable = file.sync_all().and_then(|()| sync_directory(path)).is_ok();
    Ok(Found::File { bytes, stamp: durable.then(|| Stamp::of(&metadata)) })
}

/// Replaces `path` with `bytes`, durably: a temporary file beside it (0600), synced, renamed, the directory synced. Whenever
/// this is cut off, `path` has either content, whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<Stamp, CheckpointError> {
    let temporary = suffixed(path, ".enid-tmp");
    let written = write_synced(&temporary, bytes).and_then(|stamp| {
        at("renaming to", path, fs::rename(&temporary, path))?;
        at("syncing the directory of", path, sync_directory(path))?;
        Ok(stamp)
    });
    if written.is_err() {
        // On a full disk a half-written file must not keep the space; and if it stays, the next write replaces it.
        drop(fs::remove_file(&temporary));
    }
    written
}

/// Sets the file aside, under a name that is returned. Nothing that was set aside earlier is lost, up to a bound.
pub(crate) fn set_aside(path: &Path, how: Aside) -> Result<PathBuf, CheckpointError> {
    let failed = |source| CheckpointError::SetAside { path: path.to_owned(), source };
    let inode = |path: &Path| fs::symlink_metadata(path).map(|found| (found.dev(), found.ino()));
    let here = inode(path).map_err(failed)?;
    let mut name = path.to_owned();
    let mut free = false;
    for number in 0..SET_ASIDE_MAX {
        name = suffixed(path, &format!(".corrupt-{number}"));
        match inode(&name) {
            // Set aside already by an earlier load, and not written since.
            Ok(there) if there == here && how == Aside::Kept => return Ok(name),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                free = true;
                break;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    if !free {
        fs::remove_file(&name).map_err(failed)?;
    }
    match how {
        Aside::Moved => fs::rename(path, &name),
        // A second name for the same content: no copy that could itself be cut off.
        Aside::Kept => fs::hard_link(path, &name),
    }
    .and_then(|()| sync_directory(path))
    .map_err(failed)?;
    Ok(name)
}

fn write_synced(path: &Path, bytes: &[u8]) -> Result<Stamp, CheckpointError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => at("removing", path, Err(error))?,
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut file = at("creating", path, file)?;
    at("writing", path, file.write_all(bytes))?;
    at("syncing", path, file.sync_all())?;
    Ok(Stamp::of(&at("reading the stamp of", path, file.metadata())?))
}

fn at<T>(step: &'static str, path: &Path, result: io::Result<T>) -> Result<T, CheckpointError> {
    result.map_err(|source| CheckpointError::Write { step, path: path.to_owned(), source })
}

fn sync_directory(path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(directory)?.sync_all()
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
