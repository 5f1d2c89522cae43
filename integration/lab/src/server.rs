//! The region over HTTP: connections are taken here and spoken HTTP/1.1 on; what is said is in `server/ec2` and `server/imds`,
//! and how it goes wrong in `server/delivery`.

mod delivery;
mod ec2;
mod form;
mod imds;
mod line;

pub use ec2::serve_ec2;
pub use imds::serve_imds;

use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustix::net::Shutdown;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::region_task::Doors;
use delivery::Sent;
use line::Line;

/// Connections at once. A node keeps a few; more are a leak somewhere, and wait.
const CONNECTIONS_MAX: usize = 256;

/// Connections that wait to be taken: what Linux allows at most by default.
const BACKLOG: i32 = 4_096;

/// No answer at all: the connection is closed instead.
#[derive(Debug, thiserror::Error)]
#[error("the region drops this connection")]
struct Dropped;

impl From<io::Error> for Dropped {
    fn from(_: io::Error) -> Self {
        Self
    }
}

type Answer = Result<Response<Sent>, Dropped>;

/// Serves connections of a listener with one answer per request, until the returned task is aborted. While `refuses` says so,
/// nobody listens.
fn serve<F, A>(
    mut listener: TcpListener,
    mut doors: watch::Receiver<Doors>,
    refuses: impl Fn(&Doors) -> bool + Send + Sync + 'static,
    answer: F,
) -> JoinHandle<()>
where
    F: Fn(Arc<Line>, Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            if refuses(&doors.borrow_and_update()) {
                connections.shutdown().await;
                listener = match stay_shut(listener, &mut doors, &refuses).await {
                    Ok(listener) => listener,
                    Err(_) => return,
                };
            }
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS_MAX {
                connections.join_next().await;
            }
            tokio::select! {
                Ok((socket, peer)) = listener.accept() => {
                    connections.spawn(converse(socket, peer, answer.clone()));
                }
                changed = doors.changed() => if changed.is_err() { return },
            }
        }
    })
}

/// Stops listening, on the same socket, until the door opens: whoever connects meanwhile is refused by the kernel. It keeps its
/// port if that was asked for by number.
async fn stay_shut(
    listener: TcpListener,
    doors: &mut watch::Receiver<Doors>,
    refuses: impl Fn(&Doors) -> bool,
) -> io::Result<TcpListener> {
    // Tokio would never forget that the socket it waits on was shut.
    let socket = listener.into_std()?;
    rustix::net::shutdown(&socket, Shutdown::Both)?;
    doors.wait_for(|doors| !refuses(doors)).await.map_err(io::Error::other)?;
    rustix::net::listen(&socket, BACKLOG)?;
    TcpListener::from_std(socket)
}

async fn converse<F, A>(socket: TcpStream, peer: SocketAddr, answer: F)
where
    F: Fn(Arc<Line>, Request<Incoming>) -> A,
    A: Future<Output = Answer>,
{
    let Ok((line, closing)) = Line::of(&socket, peer) else { return };
    let line = Arc::new(line);
    let service = service_fn(move |request| answer(line.clone(), request));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
    // An error is a peer that went away, or a drop that was asked for.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = closing.come() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

fn response(status: u16, content_type: &str, body: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, value);
    }
    response
}

/// An answer of the server's own, which nothing befalls.
fn plain(status: u16, body: String) -> Response<Sent> {
    response(status, "text/plain", body).map(Sent::whole)
}
