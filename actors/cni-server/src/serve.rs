//! The socket: opened in the state directory, for its owner alone, and served for as long as the incarnation lives.

use contract::mail::cni_server::CniMail;
use kernel::Fence;
use protocol::cni_server::CniServer as CniService;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;

use crate::front::{Front, Service};

/// Owner and group may connect, as with the agent we replace.
const SOCKET_MODE: u32 = 0o660;

/// Opens the socket and serves it in the background. The error is in words.
pub(crate) async fn open(front: Arc<Front>, fence: Fence) -> Result<(), String> {
    let path = front.config.socket.clone();
    fence.check().map_err(|over| over.to_string())?;
    let listener = listen(&path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    let (reporter, health) = tonic_health::server::health_reporter();
    let mut ready = front.ready.clone();
    let counts = front.counts.clone();
    let serving = Server::builder()
        .add_service(CniService::new(Service(front)))
        .add_service(health)
        .serve_with_incoming(UnixListenerStream::new(listener));
    let reporting = async move {
        loop {
            let status = if *ready.borrow_and_update() {
                ServingStatus::Serving
            } else {
                ServingStatus::NotServing
            };
            reporter.set_service_status("", status).await;
            if ready.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::spawn(async move {
        let ended = fence
            .within(async {
                tokio::select! {
                    biased;
                    ended = serving => ended,
                    () = reporting => Ok(()),
                }
            })
            .await;
        if let Some(ended) = ended {
            let reason = ended
                .err()
                .map_or_else(|| "the server ended".to_owned(), |error| error.to_string());
            if counts.tell(CniMail::ServerEnded { reason }).is_err() {
                tracing::error!("the socket is closed, and nobody could be told");
            }
        }
    });
    Ok(())
}

/// One writer at a time holds the state directory's lock, so a socket that lies there is nobody's. The new one takes its
/// place in one rename: a shim finds the old, dead one or the new, never none.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let fresh = path.with_extension("new");
    match std::fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&fresh)?;
    std::fs::set_permissions(&fresh, Permissions::from_mode(SOCKET_MODE))?;
    std::fs::rename(&fresh, path)?;
    Ok(listener)
}
