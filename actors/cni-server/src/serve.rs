//! The socket: opened in the state directory, for its owner alone, and served for as long as the incarnation lives.

use contract::mail::cni_server::CniMail;
use kernel::Fence;
use protocol::cni_server::CniServer as CniService;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::watch;
use tokio_stream::wrappers::UnixListenerStream;
use tonic::transport::Server;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::front::{Front, Service};

/// Owner and group may connect, as with the agent we replace.
const SOCKET_MODE: u32 = 0o660;

/// The end of the server is told again this often until it is heard; the incarnation bounds it.
const TELL_END_EVERY: Duration = Duration::from_millis(100);

/// Opens the socket and serves it in the background. The error is in words.
pub(crate) async fn open(front: Arc<Front>, fence: Fence) -> Result<(), String> {
    let path = front.config.socket.clone();
    fence.check().map_err(|over| over.to_string())?;
    let listener = listen(&path).map_err(|error| format!("cannot open {}: {error}", path.display()))?;
    let (reporter, health) = tonic_health::server::health_reporter();
    // A new reporter says "serving": it is put right before anybody can ask.
    let mut ready = front.ready.clone();
    report(&reporter, &mut ready).await;
    let counts = front.counts.clone();
    let service = Service { front, fence: fence.clone() };
    // With a signal, connections end when the server does, once nothing is under way on them; without one they stay.
    let serving = Server::builder()
        .add_service(CniService::new(service))
        .add_service(health)
        .serve_with_incoming_shutdown(UnixListenerStream::new(listener), std::future::pending());
    let reporting = async move {
        while ready.changed().await.is_ok() {
            report(&reporter, &mut ready).await;
        }
        std::future::pending().await
    };
    let served_until_told = async move {
        let ended = tokio::select! {
            biased;
            ended = serving => ended,
            ended = reporting => ended,
        };
        let reason = ended.err().map_or_else(|| "the server ended".to_owned(), |error| error.to_string());
        // Until it is heard, nobody opens the socket again.
        let mut again = tokio::time::interval(TELL_END_EVERY);
        loop {
            again.tick().await;
            let reason = reason.clone();
            if counts.tell(CniMail::ServerEnded { reason }).is_ok() {
                return;
            }
        }
    };
    tokio::spawn(async move { fence.within(served_until_told).await });
    Ok(())
}

async fn report(reporter: &HealthReporter, ready: &mut watch::Receiver<bool>) {
    let status = if *ready.borrow_and_update() { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status("", status).await;
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
