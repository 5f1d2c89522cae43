//! One writer per node: an exclusive lock in the state directory, and a look whether another agent answers, ours or the one we
//! replace. Held for as long as the process lives.

use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// The lock, in the state directory.
const LOCK_FILE: &str = "enid.lock";

/// Where the agent we replace answers, in the state directory.
const PEER_SOCKET: &str = "ipamd.sock";

/// The right to write this node's state.
#[derive(Debug)]
pub(crate) struct OneWriter {
    _lock: File,
}

/// Why this process may not serve the node.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriterError {
    /// The state directory cannot be used.
    #[error("cannot {step} {path}")]
    Directory {
        step: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Another process holds the lock.
    #[error("another agent serves this node: it holds {path}")]
    Locked { path: PathBuf },
    /// Another process answers.
    #[error("another agent serves this node: it answers on {path}")]
    Answers { path: PathBuf },
}

/// Takes the lock and looks around; nothing is changed before both are done.
pub(crate) fn claim(state_directory: &Path, socket: &Path) -> Result<OneWriter, WriterError> {
    std::fs::create_dir_all(state_directory).map_err(failed("make", state_directory))?;
    let path = state_directory.join(LOCK_FILE);
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(failed("open", &path))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => return Err(WriterError::Locked { path }),
        Err(errno) => return Err(failed("lock", &path)(errno.into())),
    }
    for socket in [state_directory.join(PEER_SOCKET), socket.to_path_buf()] {
        // Nobody there, or a socket that a dead process left: refused or missing.
        if UnixStream::connect(&socket).is_ok() {
            return Err(WriterError::Answers { path: socket });
        }
    }
    Ok(OneWriter { _lock: lock })
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> WriterError {
    let path = path.to_path_buf();
    move |source| WriterError::Directory { step, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    #[test]
    fn the_lock_is_given_once_and_again_when_its_holder_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("enid.sock");
        let first = claim(directory.path(), &socket).unwrap();
        assert!(matches!(claim(directory.path(), &socket), Err(WriterError::Locked { .. })));
        drop(first);
        claim(directory.path(), &socket).unwrap();
    }

    #[test]
    fn an_agent_that_answers_is_not_replaced_and_a_dead_ones_socket_is() {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("enid.sock");
        let peer = UnixListener::bind(directory.path().join(PEER_SOCKET)).unwrap();
        let refused = claim(directory.path(), &socket).unwrap_err().to_string();
        assert!(refused.contains("another agent serves this node") && refused.contains(PEER_SOCKET));
        drop(peer);
        claim(directory.path(), &socket).unwrap();
    }
}
