//! The three pages, over the newest picture. Every answer ends its connection, and no connection lives longer than a few
//! seconds, so that a slow client cannot take the place of a probe.

mod listener;
mod text;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::plan::Picture;
use listener::Bounded;

/// Connections at once: kubelet's probes and a few scrapers are a handful.
const CONNECTIONS_MAX: usize = 32;

/// How long a connection may live. Kubelet and Prometheus give up after 1 and 10 s.
const CONNECTION_LIFE: Duration = Duration::from_secs(15);

/// Whether the kernel's own pulse is fresh.
pub(crate) type Probe = Arc<dyn Fn() -> bool + Send + Sync>;

#[derive(Clone)]
struct Shown {
    pictures: watch::Receiver<Arc<Picture>>,
    alive: Probe,
}

/// Serves until `ended` changes or its sender is gone.
pub(crate) async fn serve(
    listener: TcpListener,
    pictures: watch::Receiver<Arc<Picture>>,
    alive: Probe,
    ended: watch::Receiver<u64>,
) {
    serve_within(listener, pictures, alive, ended, CONNECTIONS_MAX, CONNECTION_LIFE).await;
}

async fn serve_within(
    listener: TcpListener,
    pictures: watch::Receiver<Arc<Picture>>,
    alive: Probe,
    mut ended: watch::Receiver<u64>,
    connections_max: usize,
    connection_life: Duration,
) {
    let pages = Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .layer(map_response(last_of_its_connection))
        .with_state(Shown { pictures, alive });
    let bounded = Bounded::new(listener, connections_max, connection_life);
    tokio::select! {
        served = async { axum::serve(bounded, pages).await } => {
            tracing::warn!(?served, "HTTP ended by itself");
        }
        _ = ended.changed() => {}
    }
}

async fn livez(State(shown): State<Shown>) -> Response {
    if (shown.alive)() {
        page(StatusCode::OK, "text/plain", "alive\n".to_owned())
    } else {
        let text = "the kernel's pulse is late\n".to_owned();
        page(StatusCode::SERVICE_UNAVAILABLE, "text/plain", text)
    }
}

async fn readyz(State(shown): State<Shown>) -> Response {
    let picture = Arc::clone(&shown.pictures.borrow());
    let status = if picture.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    page(status, "application/json", text::readyz(&picture))
}

async fn metrics(State(shown): State<Shown>) -> Response {
    let picture = Arc::clone(&shown.pictures.borrow());
    // The exporter's clock calibrates itself by spinning when first used.
    match tokio::task::spawn_blocking(move || text::metrics(&picture)).await {
        Ok(body) => page(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", body),
        Err(error) => page(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", format!("{error}\n")),
    }
}

fn page(status: StatusCode, kind: &'static str, body: String) -> Response {
    (status, [(header::CONTENT_TYPE, kind)], body).into_response()
}

async fn last_of_its_connection(mut response: Response) -> Response {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests;
