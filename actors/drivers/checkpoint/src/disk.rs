//! Files durably: read within a bound, replaced, set aside. It never looks into what they say.

use rustix::io::Errno;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::CheckpointError;
use crate::files::{Files, Kind, Stamp};

/// A file larger than this is not ours: 30,000 leases, more than any node has addresses, take 7 MB.
pub(crate) const FILE_BYTES_MAX: u64 = 8 << 20;

/// Set-aside files kept beside each file. Beyond that the last is replaced: the first evidence says how it began, the
/// newest how it is, and a fault that comes back must not fill the disk.
const SET_ASIDE_MAX: u32 = 8;

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

/// Reads what is at `path`. An error means the disk, never the content.
pub(crate) fn read(files: &impl Files, path: &Path) -> Result<Found, CheckpointError> {
    let failed = |source| CheckpointError::Read { path: path.to_owned(), source };
    let file = match files.open(path) {
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
    let (kind, stamp) = files.look(&file).map_err(failed)?;
    match kind {
        Kind::File => {}
        Kind::Directory => return Ok(Found::Unusable("a directory, not a file".to_owned())),
        Kind::Other => return Ok(Found::Unusable("not a regular file".to_owned())),
    }
    let bytes = files.read(&file, FILE_BYTES_MAX + 1).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Ok(Found::Unusable(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    // Somebody may have died between rename and sync. Later writes leave out what has not changed, so it must be durable.
    let durable = files.sync(&file).and_then(|()| sync_directory(files, path)).is_ok();
    Ok(Found::File { bytes, stamp: durable.then_some(stamp) })
}

/// Replaces `path` with `bytes`, durably: a temporary file beside it (0600), synced, renamed, the directory synced. Whenever
/// this is cut off, `path` has either content, whole.
pub(crate) fn replace(files: &impl Files, path: &Path, bytes: &[u8]) -> Result<Stamp, CheckpointError> {
    let temporary = suffixed(path, ".enid-tmp");
    let written = write_synced(files, &temporary, bytes).and_then(|stamp| {
        at("renaming to", path, files.rename(&temporary, path))?;
        at("syncing the directory of", path, sync_directory(files, path))?;
        Ok(stamp)
    });
    if written.is_err() {
        // On a full disk a half-written file must not keep the space; and if it stays, the next write replaces it.
        drop(files.remove(&temporary));
    }
    written
}

/// Sets the file aside, under a name that is returned. Nothing that was set aside earlier is lost, up to a bound.
pub(crate) fn set_aside(files: &impl Files, path: &Path, how: Aside) -> Result<PathBuf, CheckpointError> {
    let failed = |source| CheckpointError::SetAside { path: path.to_owned(), source };
    let inode = |path: &Path| files.stamp(path, false).map(|found| (found.device, found.inode));
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
        files.remove(&name).map_err(failed)?;
    }
    match how {
        Aside::Moved => files.rename(path, &name),
        // A second name for the same content: no copy that could itself be cut off.
        Aside::Kept => files.link(path, &name),
    }
    .and_then(|()| sync_directory(files, path))
    .map_err(failed)?;
    Ok(name)
}

fn write_synced(files: &impl Files, path: &Path, bytes: &[u8]) -> Result<Stamp, CheckpointError> {
    match files.remove(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => at("removing", path, Err(error))?,
        _ => {}
    }
    let file = at("creating", path, files.create(path))?;
    at("writing", path, files.write(&file, bytes))?;
    at("syncing", path, files.sync(&file))?;
    let (_, stamp) = at("reading the stamp of", path, files.look(&file))?;
    Ok(stamp)
}

fn at<T>(step: &'static str, path: &Path, result: io::Result<T>) -> Result<T, CheckpointError> {
    result.map_err(|source| CheckpointError::Write { step, path: path.to_owned(), source })
}

fn sync_directory(files: &impl Files, path: &Path) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    files.sync_directory(directory)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
