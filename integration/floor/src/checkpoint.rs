//! One durable write: a new file beside the old one, synced, renamed over it, the directory synced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// Replaces a file by one of so many bytes.
pub(crate) fn replace(path: &Path, bytes: usize) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(&vec![b' '; bytes])?;
    file.sync_all()?;
    drop(file);
    fs::rename(&temporary, path)?;
    let directory = path.parent().ok_or_else(|| io::Error::other("a file without a directory"))?;
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_its_length_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state.json");
        for bytes in [9_000, 10] {
            replace(&path, bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap().len(), bytes);
        }
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }
}
