//! IMDSv2 over HTTP for one instance: which one is decided by where the listener is, in that node's namespace. Tokens and texts
//! are the region's.

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request};
use region::{ImdsRequest, InstanceId};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::delivery::deliver;
use super::line::Line;
use super::{Answer, plain, response, serve};
use crate::region_task::RegionHandle;

/// Sent with the PUT.
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Sent with every GET.
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

/// Serves the metadata of this instance.
#[must_use]
pub fn serve_imds(listener: TcpListener, region: RegionHandle, instance: InstanceId) -> JoinHandle<()> {
    let (doors, own) = (region.doors(), instance.clone());
    let refuses = move |doors: &crate::region_task::Doors| doors.imds_refuses.contains(&own);
    serve(listener, doors, refuses, move |line, request| {
        answer(region.clone(), instance.clone(), line, request)
    })
}

async fn answer(
    region: RegionHandle,
    instance: InstanceId,
    line: Arc<Line>,
    request: Request<Incoming>,
) -> Answer {
    let arrived = Instant::now();
    let path = request.uri().path().to_owned();
    let ttl = request.headers().get(TTL_HEADER).cloned();
    let asked = match *request.method() {
        Method::PUT if path == "/latest/api/token" => {
            let ttl_seconds = text(request.headers(), TTL_HEADER).and_then(|text| text.parse().ok());
            ImdsRequest::Token { ttl_seconds }
        }
        Method::GET => ImdsRequest::Read { path, token: text(request.headers(), TOKEN_HEADER) },
        _ => return Ok(plain(405, String::new())),
    };
    let gives_token = matches!(asked, ImdsRequest::Token { .. });
    let asking = region.ask(move |desk| desk.region.handle_imds(&instance, &asked, desk.now));
    let told = match asking.await {
        Ok(told) => told,
        Err(gone) => return Ok(plain(503, gone.to_string())),
    };
    sleep_until(arrived + told.delay).await;
    let mut answer = response(told.reply.status, told.reply.content_type, told.reply.body);
    if let Some(ttl) = ttl.filter(|_| gives_token && told.reply.status == 200) {
        answer.headers_mut().insert(TTL_HEADER, ttl);
    }
    deliver(told.delivery, &line, answer).await
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
