//! The way to the daemon: its socket, whom to trust there, one connection. It knows nothing of what is said over it.

use hyper_util::rt::TokioIo;
use protocol::SOCKET_NAME;
use protocol::cni_client::CniClient;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tower::service_fn;

use crate::error::ShimError;

/// Who but the owner may write: group and others.
const FOREIGN_WRITE_MODE: u32 = 0o022;

/// A connection that did not come about.
#[derive(Debug)]
pub enum ConnectError {
    /// Nobody is there, now.
    Absent(io::Error),
    /// Somebody is there, and too busy to take another connection.
    Busy(io::Error),
    /// Somebody is there who must not be believed.
    Untrusted {
        /// Which socket.
        path: PathBuf,
        /// Why.
        problem: String,
    },
}

/// A call that ended without an answer.
#[derive(Debug)]
pub enum Unanswered {
    /// The daemon refuses the call itself, however often it is repeated.
    Refused(String),
    /// A daemon on its way out, perhaps: another try may do better.
    Broken(io::Error),
}

/// The daemon's socket in a state directory.
#[must_use]
pub fn socket_path(state_directory: &Path) -> PathBuf {
    state_directory.join(SOCKET_NAME)
}

/// Connects once. The directory must belong to the shim's own user, which is root on a node, and be writable by nobody
/// else; the process behind the socket must run as that user too.
///
/// # Errors
/// [`ConnectError`].
pub async fn connect(state_directory: &Path) -> Result<CniClient<Channel>, ConnectError> {
    let path = socket_path(state_directory);
    let user = rustix::process::geteuid().as_raw();
    trusted_directory(state_directory)?;
    let stream = UnixStream::connect(&path).await.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => ConnectError::Busy(error),
        _ => ConnectError::Absent(error),
    })?;
    let peer = stream.peer_cred().map_err(ConnectError::Absent)?;
    check_peer(peer.uid(), user).map_err(|error| error.at(&path))?;
    let channel = over(stream).await.map_err(|error| ConnectError::Absent(io::Error::other(error)))?;
    Ok(CniClient::new(channel))
}

/// Whether what lies in a state directory may be believed: it belongs to the shim's own user, and nobody else can write there.
///
/// # Errors
/// [`ConnectError`], as for a connection to the socket in it.
pub fn trusted_directory(state_directory: &Path) -> Result<(), ConnectError> {
    let user = rustix::process::geteuid().as_raw();
    check_directory(state_directory, user).map_err(|error| error.at(&socket_path(state_directory)))
}

impl From<&Status> for Unanswered {
    fn from(status: &Status) -> Self {
        let words = format!("{:?}: {}", status.code(), status.message());
        match status.code() {
            Code::Unimplemented
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::PermissionDenied
            | Code::Unauthenticated => Self::Refused(words),
            _ => Self::Broken(io::Error::other(words)),
        }
    }
}

impl ConnectError {
    /// The error of an ADD that ends with it.
    #[must_use]
    pub fn into_shim(self, path: PathBuf, waited_seconds: u64) -> ShimError {
        match self {
            Self::Absent(last) | Self::Busy(last) => ShimError::DaemonAbsent { path, waited_seconds, last },
            Self::Untrusted { path, problem } => ShimError::Untrusted { path, problem },
        }
    }
}

impl std::fmt::Display for ConnectError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Absent(error) | Self::Busy(error) => error.fmt(f),
            Self::Untrusted { problem, .. } => write!(f, "not to be trusted: {problem}"),
        }
    }
}

/// What a check found, before it is known which socket it was about.
enum Doubt {
    Absent(io::Error),
    Untrusted(String),
}

impl Doubt {
    fn at(self, path: &Path) -> ConnectError {
        match self {
            Self::Absent(error) => ConnectError::Absent(error),
            Self::Untrusted(problem) => ConnectError::Untrusted { path: path.to_path_buf(), problem },
        }
    }
}

fn check_directory(directory: &Path, user: u32) -> Result<(), Doubt> {
    let about = std::fs::symlink_metadata(directory).map_err(Doubt::Absent)?;
    let shown = directory.display();
    if !about.is_dir() {
        return Err(Doubt::Untrusted(format!("{shown} is not a directory")));
    }
    if about.uid() != user {
        let owner = about.uid();
        return Err(Doubt::Untrusted(format!("{shown} belongs to uid {owner}, not to {user}")));
    }
    if about.mode() & FOREIGN_WRITE_MODE != 0 {
        return Err(Doubt::Untrusted(format!("{shown} can be written by group or others")));
    }
    Ok(())
}

fn check_peer(peer: u32, user: u32) -> Result<(), Doubt> {
    if peer == user {
        return Ok(());
    }
    Err(Doubt::Untrusted(format!("its process runs as uid {peer}, not as {user}")))
}

/// One channel over one stream: when it breaks, trust is checked anew.
async fn over(stream: UnixStream) -> Result<Channel, tonic::transport::Error> {
    let mut once = Some(TokioIo::new(stream));
    Endpoint::from_static("http://enid.invalid")
        .connect_with_connector(service_fn(move |_| {
            let stream = once.take();
            async move { stream.ok_or_else(|| io::Error::other("the connection is over")) }
        }))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn problem(result: Result<(), Doubt>) -> String {
        match result {
            Ok(()) => "trusted".to_owned(),
            Err(Doubt::Absent(error)) => format!("absent: {:?}", error.kind()),
            Err(Doubt::Untrusted(problem)) => problem,
        }
    }

    #[test]
    fn only_a_directory_that_nobody_else_can_write_is_trusted() {
        let directory = tempfile::tempdir().unwrap();
        let user = rustix::process::geteuid().as_raw();
        let path = directory.path().join("state");
        assert_eq!(problem(check_directory(&path, user)), "absent: NotFound");
        std::fs::create_dir(&path).unwrap();
        for (mode, trusted) in [(0o755, true), (0o700, true), (0o775, false), (0o777, false), (0o1777, false)]
        {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(problem(check_directory(&path, user)) == "trusted", trusted, "{mode:o}");
        }
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        assert!(problem(check_directory(&path, user + 1)).contains("belongs to uid"));
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(problem(check_directory(&link, user)).contains("is not a directory"));
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(problem(check_directory(&file, user)).contains("is not a directory"));
    }

    #[test]
    fn only_a_process_of_our_own_user_is_trusted() {
        assert_eq!(problem(check_peer(0, 0)), "trusted");
        assert!(problem(check_peer(1000, 0)).contains("runs as uid 1000"));
    }
}
