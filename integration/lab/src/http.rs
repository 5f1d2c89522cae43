//! HTTP asked over a connection opened inside a namespace. What the lab itself serves is in `server`.

use anyhow::{Context, Result};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::time::Duration;

use crate::netns::Netns;

/// Connecting on one machine: at once, or nobody is there.
const CONNECT_SECONDS_MAX: u64 = 2;

/// A health answer is made from memory.
const ANSWER_SECONDS_MAX: u64 = 5;

/// GETs a path; returns status and body.
///
/// # Errors
/// When nobody listens, or no whole answer comes in time.
pub async fn get(netns: &Netns, address: SocketAddr, path: &str) -> Result<(u16, String)> {
    send(netns, address, Request::get(path).body(Full::default())?).await
}

/// Sends a request; returns status and body.
///
/// # Errors
/// When nobody listens, or no whole answer comes in time.
pub async fn send(
    netns: &Netns,
    address: SocketAddr,
    mut request: Request<Full<Bytes>>,
) -> Result<(u16, String)> {
    request.headers_mut().insert(HOST, address.to_string().parse()?);
    let socket = netns.connect(address, Duration::from_secs(CONNECT_SECONDS_MAX))?;
    let exchange = async {
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
        let driving = tokio::spawn(connection);
        let answer = sender.send_request(request).await?;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await?.to_bytes();
        driving.abort();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    };
    tokio::time::timeout(Duration::from_secs(ANSWER_SECONDS_MAX), exchange)
        .await
        .with_context(|| format!("{address} does not answer"))?
}
