//! The mark that an agent has been able to serve in this boot: a file `served` beside the daemon's socket that holds the kernel's
//! boot id. The daemon makes it when it can serve for the first time, and nobody removes it: STATUS must not empty a healthy node
//! because of a moment without a daemon. A state directory that outlives a reboot holds the id of another boot, which marks nothing.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::whole_file::{self, WholeFileError};

/// The mark's name, in the state directory.
pub const MARK_NAME: &str = "served";
/// A boot id is 36 characters.
const MARK_BYTES_MAX: u64 = 128;
const MARK_MODE: u32 = 0o644;

/// The mark in a state directory.
#[must_use]
pub fn mark_path(state_directory: &Path) -> PathBuf {
    state_directory.join(MARK_NAME)
}

/// Marks this boot as served; one that is marked already is left alone.
///
/// # Errors
/// What the system says.
pub fn mark(state_directory: &Path, boot_id: &str) -> Result<(), WholeFileError> {
    if is_marked(state_directory, boot_id).unwrap_or(false) {
        return Ok(());
    }
    whole_file::put(&mark_path(state_directory), format!("{boot_id}\n").as_bytes(), MARK_MODE)
}

/// Whether this boot is marked. Without a boot id nothing is.
///
/// # Errors
/// When there is a mark that cannot be read.
pub fn is_marked(state_directory: &Path, boot_id: &str) -> io::Result<bool> {
    let file = match std::fs::File::open(mark_path(state_directory)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    let mut text = String::new();
    file.take(MARK_BYTES_MAX).read_to_string(&mut text)?;
    Ok(!boot_id.is_empty() && text.trim() == boot_id)
}
