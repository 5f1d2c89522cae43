//! A file that is there whole or as it was before, whatever ends in between: a temporary file beside it, fsync, rename, fsync of
//! the directory. The temporary name begins with `.` and ends in a process id, so that no reader of a directory takes it for one
//! of its files.

use rustix::fs::{Mode, OFlags, open};
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A step that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {path}: {source}")]
pub struct WholeFileError {
    /// Which.
    pub step: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Puts a file in place, with this mode whatever the process's umask.
///
/// # Errors
/// The step that failed. What was there before is there still, or, if the last sync failed, may come back after a power cut.
pub fn put(path: &Path, bytes: &[u8], mode: u32) -> Result<(), WholeFileError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let directory = path.parent().unwrap_or(Path::new("/"));
    let temporary = directory.join(format!(".{name}.{}", std::process::id()));
    let written = write(&temporary, bytes, mode).and_then(|()| {
        std::fs::rename(&temporary, path).map_err(step("rename", &temporary))?;
        sync_directory(directory)
    });
    if written.is_err() {
        // Best effort: a temporary file is never read.
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Makes what was renamed, made or removed in a directory durable.
///
/// # Errors
/// What the system says.
pub fn sync_directory(directory: &Path) -> Result<(), WholeFileError> {
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(step("sync", directory))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), WholeFileError> {
    // A leftover of a process with our number is nobody's.
    let _ = std::fs::remove_file(path);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let file =
        open(path, flags, Mode::RUSR | Mode::WUSR).map_err(|errno| step("make", path)(errno.into()))?;
    let mut file = File::from(file);
    file.write_all(bytes).map_err(step("write", path))?;
    file.set_permissions(Permissions::from_mode(mode)).map_err(step("set the mode of", path))?;
    file.sync_all().map_err(step("sync", path))
}

fn step(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WholeFileError {
    let path = path.to_path_buf();
    move |source| WholeFileError { step, path, source }
}
