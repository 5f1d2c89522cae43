//! The pod's network namespace: opened once, and only if it is one, and not our own. Sockets are opened inside it by a
//! throw-away thread, so that no other thread of this process ever leaves the host.

use rustix::fs::{Mode, OFlags, fstat, fstatfs, open};
use rustix::io::Errno;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::error::ShimError;

/// `f_type` of the file system that namespaces are files of (linux/magic.h).
const NSFS_MAGIC: u64 = 0x6e73_6673;
/// The namespace this very thread is in.
const OWN: &str = "/proc/thread-self/ns/net";

/// A pod's network namespace, and the host's, held open.
#[derive(Debug)]
pub struct Namespaces {
    pod: OwnedFd,
    host: OwnedFd,
}

/// Why a path is not the pod's namespace.
#[derive(Debug, thiserror::Error)]
pub enum NamespaceError {
    /// There is nothing.
    #[error("does not exist")]
    Gone,
    /// It cannot be opened or looked at.
    #[error("cannot be opened: {0}")]
    Unusable(#[source] io::Error),
    /// It is another kind of file.
    #[error("is not a network namespace")]
    NotANamespace,
    /// It is the namespace the shim itself runs in.
    #[error("is the host's own network namespace")]
    Own,
}

// === impl Namespaces ===

impl Namespaces {
    /// Opens the pod's namespace.
    ///
    /// # Errors
    /// [`NamespaceError`] when the path is not one, or is ours.
    pub fn open(path: &str) -> Result<Self, NamespaceError> {
        // Neither a fifo nor a terminal may hold us up.
        let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let pod = open(path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOENT | Errno::NOTDIR => NamespaceError::Gone,
            other => NamespaceError::Unusable(other.into()),
        })?;
        if !is_nsfs(&pod)? {
            // A runtime that has unmounted a namespace and not yet removed its file leaves an empty plain one.
            return Err(NamespaceError::NotANamespace);
        }
        let host = open(OWN, flags, Mode::empty()).map_err(|errno| NamespaceError::Unusable(errno.into()))?;
        let (ours, theirs) = (identity(&host)?, identity(&pod)?);
        if ours == theirs {
            return Err(NamespaceError::Own);
        }
        Ok(Self { pod, host })
    }

    /// The pod's.
    #[must_use]
    pub fn pod(&self) -> BorrowedFd<'_> {
        self.pod.as_fd()
    }

    /// The host's.
    #[must_use]
    pub fn host(&self) -> BorrowedFd<'_> {
        self.host.as_fd()
    }

    /// Runs a function on a thread inside the pod's namespace. The thread ends with it.
    ///
    /// # Errors
    /// When the file is another kind of namespace, or the function fails.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
        let pod = self.pod.as_fd();
        std::thread::scope(|scope| {
            std::thread::Builder::new()
                .spawn_scoped(scope, move || {
                    move_into_link_name_space(pod, Some(LinkNameSpaceType::Network))?;
                    work()
                })?
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread inside the namespace died")))
        })
    }
}

impl NamespaceError {
    /// The error of an ADD that was given this path.
    #[must_use]
    pub fn into_shim(self, path: &str) -> ShimError {
        ShimError::Namespace { path: path.chars().take(256).collect(), problem: self.to_string() }
    }
}

fn is_nsfs(file: &OwnedFd) -> Result<bool, NamespaceError> {
    let system = fstatfs(file).map_err(|errno| NamespaceError::Unusable(errno.into()))?;
    Ok(u64::try_from(system.f_type).is_ok_and(|kind| kind == NSFS_MAGIC))
}

fn identity(file: &OwnedFd) -> Result<(u64, u64), NamespaceError> {
    let stat = fstat(file).map_err(|errno| NamespaceError::Unusable(errno.into()))?;
    Ok((stat.st_dev, stat.st_ino))
}
