//! The EC2 query API over HTTP: a form in, XML out, in EC2's own time. Who asks is told by the address the call comes from, as
//! the node's role would tell EC2.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request};
use region::{Delivery, InstanceId, QueryReply, QueryRequest};
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::{Answer, Dropped, form, response, serve};
use crate::region_task::{Desk, RegionHandle};

/// The largest request of ours names a few hundred addresses; EC2 itself ends somewhere around this.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// Serves EC2.
#[must_use]
pub fn serve_ec2(listener: TcpListener, region: RegionHandle) -> JoinHandle<()> {
    serve(listener, move |peer, request| answer(region.clone(), peer, request))
}

async fn answer(region: RegionHandle, peer: SocketAddr, request: Request<Incoming>) -> Answer {
    let arrived = Instant::now();
    if request.method() != Method::POST || request.uri().path() != "/" {
        return Ok(response(404, "text/plain", "EC2 takes POST / only".to_owned()));
    }
    let Ok(body) = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await else {
        return Ok(response(413, "text/plain", "the request is too large".to_owned()));
    };
    let params = form::decode(&body.to_bytes());
    let Ok(reply) = region.ask(move |desk| handle(desk, params, peer.ip())).await else {
        return Err(Dropped);
    };
    sleep_until(arrived + reply.delay).await;
    deliver(reply).await
}

/// Puts the question to the region.
fn handle(desk: &mut Desk, params: Vec<(String, String)>, from: IpAddr) -> QueryReply {
    let caller = caller(desk, from);
    let request = QueryRequest { params, caller };
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

async fn deliver(reply: QueryReply) -> Answer {
    match reply.delivery {
        Delivery::Deliver => {
            let mut response = response(reply.http_status, "text/xml;charset=UTF-8", reply.body);
            if let Ok(value) = reply.request_id.parse() {
                response.headers_mut().insert("x-amzn-requestid", value);
            }
            Ok(response)
        }
        Delivery::DropAfterApply | Delivery::DropBefore => Err(Dropped),
        // The connection stays open until the caller has had enough.
        Delivery::Hang => std::future::pending().await,
    }
}
