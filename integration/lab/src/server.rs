//! The region over HTTP: connections are taken here and spoken HTTP/1.1 on; what is said is in `server/ec2` and `server/imds`.

mod ec2;
mod form;
mod imds;

pub use ec2::serve_ec2;
pub use imds::serve_imds;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// Connections at once. A node keeps a few; more are a leak somewhere, and wait.
const CONNECTIONS_MAX: usize = 256;

/// No answer at all: the connection is closed instead.
#[derive(Debug, thiserror::Error)]
#[error("the region drops this connection")]
struct Dropped;

type Answer = Result<Response<Full<Bytes>>, Dropped>;

/// Serves connections of a listener with one answer per request, until the returned task is aborted.
fn serve<F, A>(listener: TcpListener, answer: F) -> JoinHandle<()>
where
    F: Fn(SocketAddr, Request<Incoming>) -> A + Clone + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS_MAX {
                connections.join_next().await;
            }
            let Ok((socket, peer)) = listener.accept().await else {
                continue;
            };
            let answer = answer.clone();
            connections.spawn(async move {
                let service = service_fn(move |request| answer(peer, request));
                // An error is a peer that went away, or a drop that was asked for.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service)
                    .await;
            });
        }
    })
}

fn response(status: u16, content_type: &str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() =
        hyper::StatusCode::from_u16(status).unwrap_or(hyper::StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = content_type.parse() {
        response.headers_mut().insert(hyper::header::CONTENT_TYPE, value);
    }
    response
}
