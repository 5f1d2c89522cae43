//! The EC2 query API over HTTP: a form in, XML out, in EC2's own time. Who asks is told by the address the call comes from, as
//! the node's role would tell EC2; who signed is passed on, and the signature is not looked at.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request};
use region::{InstanceId, Presented, QueryReply, QueryRequest};
use std::net::IpAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::delivery::deliver;
use super::line::Line;
use super::{Answer, Dropped, form, plain, response, serve};
use crate::region_task::{Desk, RegionHandle};

/// The largest request of ours names a few hundred addresses; EC2 itself ends somewhere around this.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Serves EC2.
#[must_use]
pub fn serve_ec2(listener: TcpListener, region: RegionHandle) -> JoinHandle<()> {
    let doors = region.doors();
    serve(
        listener,
        doors,
        |doors| doors.ec2_refuses,
        move |line, request| answer(region.clone(), line, request),
    )
}

async fn answer(region: RegionHandle, line: Arc<Line>, request: Request<Incoming>) -> Answer {
    let arrived = Instant::now();
    if request.method() != Method::POST || request.uri().path() != "/" {
        return Ok(plain(404, "EC2 takes POST / only".to_owned()));
    }
    let credentials = presented(request.headers());
    let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else {
        return Ok(plain(413, "the request is too large".to_owned()));
    };
    let params = form::decode(&body.to_bytes());
    let from = line.peer.ip();
    let Ok(reply) = region.ask(move |desk| handle(desk, params, credentials, from)).await else {
        return Err(Dropped);
    };
    sleep_until(arrived + reply.delay).await;
    let mut answer = response(reply.http_status, reply.content_type, reply.body);
    let headers = answer.headers_mut();
    if let Ok(value) = reply.request_id.parse() {
        headers.insert("x-amzn-requestid", value);
    }
    if let Some(milliseconds) = reply.retry_after_milliseconds {
        headers.insert("x-amz-retry-after", milliseconds.into());
    }
    deliver(reply.delivery, &line, answer).await
}

/// Who signed a call, if anybody did.
fn presented(headers: &HeaderMap) -> Option<Presented> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (_, scope) = text("authorization")?.split_once("Credential=")?;
    Some(Presented {
        access_key_id: scope.split('/').next().unwrap_or_default().to_owned(),
        session_token: text("x-amz-security-token").map(str::to_owned),
        date: text("x-amz-date").map(str::to_owned),
    })
}

/// Puts the question to the region.
fn handle(
    desk: &mut Desk,
    params: Vec<(String, String)>,
    credentials: Option<Presented>,
    from: IpAddr,
) -> QueryReply {
    let caller = caller(desk, from);
    let request = QueryRequest { params, caller, credentials };
    let mut reply = desk.region.handle(request, desk.now);
    desk.effects.append(&mut reply.effects);
    desk.violations.append(&mut reply.violations);
    reply
}

/// The instance whose ENI carries this address.
fn caller(desk: &Desk, from: IpAddr) -> Option<InstanceId> {
    let IpAddr::V4(from) = from else { return None };
    desk.region
        .enis()
        .find(|eni| eni.blocks().iter().any(|block| block.contains(&from)))
        .and_then(|eni| eni.attachment.as_ref())
        .map(|attachment| attachment.instance.clone())
}
