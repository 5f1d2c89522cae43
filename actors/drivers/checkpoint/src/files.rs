//! The file system under the checkpoint, one call for each thing that can fail. The kernel's own is [`KernelFiles`]; a test
//! may put another beneath, that loses power.

use rustix::fs::OFlags;
use std::fmt::Debug;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

/// What kind of thing has a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// Anything else.
    Other,
}

/// What identifies a file's content without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// On which device.
    pub device: u64,
    /// Which of its files.
    pub inode: u64,
    /// How long, bytes.
    pub bytes: u64,
    /// Last change of the content, seconds and nanoseconds.
    pub modified: (i64, i64),
}

/// The calls. Errors carry the kernel's number.
pub trait Files: Debug {
    /// An open file.
    type File;

    /// Opens what stands at a path for reading, and never waits for anybody.
    ///
    /// # Errors
    /// What the kernel says.
    fn open(&self, path: &Path) -> io::Result<Self::File>;

    /// Makes a file of mode 0600 that was not there, for writing.
    ///
    /// # Errors
    /// What the kernel says; `AlreadyExists` when the name is taken.
    fn create(&self, path: &Path) -> io::Result<Self::File>;

    /// Reads from the beginning, at most so many bytes.
    ///
    /// # Errors
    /// What the kernel says.
    fn read(&self, file: &Self::File, bytes_max: u64) -> io::Result<Vec<u8>>;

    /// Writes all of it.
    ///
    /// # Errors
    /// What the kernel says; part of it may be written.
    fn write(&self, file: &Self::File, bytes: &[u8]) -> io::Result<()>;

    /// Makes a file's content durable: not its name.
    ///
    /// # Errors
    /// What the kernel says. After that, success means nothing for what was written before.
    fn sync(&self, file: &Self::File) -> io::Result<()>;

    /// What an open file is.
    ///
    /// # Errors
    /// What the kernel says.
    fn look(&self, file: &Self::File) -> io::Result<(Kind, Stamp)>;

    /// The stamp of what stands at a path; of a symbolic link itself unless it is followed.
    ///
    /// # Errors
    /// What the kernel says.
    fn stamp(&self, path: &Path, follow: bool) -> io::Result<Stamp>;

    /// Gives a file another name, in place of what has it.
    ///
    /// # Errors
    /// What the kernel says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Gives a file a second name.
    ///
    /// # Errors
    /// What the kernel says; `AlreadyExists` when the name is taken.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a name away.
    ///
    /// # Errors
    /// What the kernel says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    /// What the kernel says.
    fn sync_directory(&self, directory: &Path) -> io::Result<()>;
}

/// The kernel's.
#[derive(Debug, Clone, Copy, Default)]
pub struct KernelFiles;

impl Files for KernelFiles {
    type File = File;

    fn open(&self, path: &Path) -> io::Result<File> {
        // NONBLOCK: opening a pipe that nobody writes to would otherwise wait for ever.
        let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
        OpenOptions::new().read(true).custom_flags(flags).open(path)
    }

    fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
    }

    fn read(&self, file: &File, bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.take(bytes_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn look(&self, file: &File) -> io::Result<(Kind, Stamp)> {
        let metadata = file.metadata()?;
        let kind = match metadata.file_type() {
            kind if kind.is_file() => Kind::File,
            kind if kind.is_dir() => Kind::Directory,
            _ => Kind::Other,
        };
        Ok((kind, stamp(&metadata)))
    }

    fn stamp(&self, path: &Path, follow: bool) -> io::Result<Stamp> {
        let metadata = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
        metadata.map(|metadata| stamp(&metadata))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }
}

fn stamp(metadata: &Metadata) -> Stamp {
    Stamp {
        device: metadata.dev(),
        inode: metadata.ino(),
        bytes: metadata.len(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    }
}
