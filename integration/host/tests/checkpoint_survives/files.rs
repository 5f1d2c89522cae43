//! The modelled disk under the driver, and ways to misuse a disk that a driver must not have.

use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::rc::Rc;

use checkpoint::{Files, Kind, Stamp};
use host::{Disk, Errno, FileId};

/// The disk, seen by the driver. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct ModelFiles {
    pub(crate) disk: Rc<RefCell<Disk>>,
    pub(crate) sabotage: Option<Sabotage>,
}

/// A sync that the driver would leave out, or do too late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    NoFile,
    NoDirectory,
    /// The file is synced only after it has its name.
    FileAfterRename,
}

fn told<T>(result: Result<T, Errno>) -> io::Result<T> {
    result.map_err(|errno| io::Error::from_raw_os_error(errno.0))
}

fn name(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl ModelFiles {
    fn stamp_of(&self, file: FileId) -> io::Result<Stamp> {
        let (bytes, changes) = told(self.disk.borrow().look(file))?;
        Ok(Stamp { device: 1, inode: file.0, bytes: u64::try_from(bytes).unwrap(), modified: (0, changes) })
    }
}

impl Files for ModelFiles {
    type File = FileId;

    fn open(&self, path: &Path) -> io::Result<FileId> {
        told(self.disk.borrow().open(name(path)))
    }

    fn create(&self, path: &Path) -> io::Result<FileId> {
        told(self.disk.borrow_mut().create(name(path)))
    }

    fn read(&self, file: &FileId, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = told(self.disk.borrow_mut().read(*file))?;
        bytes.truncate(usize::try_from(bytes_max).unwrap());
        Ok(bytes)
    }

    fn write(&self, file: &FileId, bytes: &[u8]) -> io::Result<()> {
        told(self.disk.borrow_mut().write(*file, bytes))
    }

    fn sync(&self, file: &FileId) -> io::Result<()> {
        match self.sabotage {
            Some(Sabotage::NoFile | Sabotage::FileAfterRename) => Ok(()),
            _ => told(self.disk.borrow_mut().sync(*file)),
        }
    }

    fn look(&self, file: &FileId) -> io::Result<(Kind, Stamp)> {
        Ok((Kind::File, self.stamp_of(*file)?))
    }

    fn stamp(&self, path: &Path, _: bool) -> io::Result<Stamp> {
        self.stamp_of(self.open(path)?)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk.borrow_mut();
        told(disk.rename(name(from), name(to)))?;
        if self.sabotage == Some(Sabotage::FileAfterRename) {
            let file = told(disk.open(name(to)))?;
            told(disk.sync(file))?;
        }
        Ok(())
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        told(self.disk.borrow_mut().link(name(from), name(to)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        told(self.disk.borrow_mut().unlink(name(path)))
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        match self.sabotage {
            Some(Sabotage::NoDirectory) => Ok(()),
            _ => told(self.disk.borrow_mut().sync_directory()),
        }
    }
}
