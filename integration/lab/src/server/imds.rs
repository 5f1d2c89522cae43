//! IMDSv2 over HTTP for one instance: which one is decided by where the listener is, in that node's namespace. Tokens and texts
//! are the region's.

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request};
use region::{ImdsReply, InstanceId};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::{Answer, response, serve};
use crate::region_task::RegionHandle;

/// Sent with the PUT.
const TTL_HEADER: &str = "x-aws-ec2-metadata-token-ttl-seconds";

/// Sent with every GET.
const TOKEN_HEADER: &str = "x-aws-ec2-metadata-token";

/// Serves the metadata of this instance.
#[must_use]
pub fn serve_imds(listener: TcpListener, region: RegionHandle, instance: InstanceId) -> JoinHandle<()> {
    serve(listener, move |_, request| answer(region.clone(), instance.clone(), request))
}

async fn answer(region: RegionHandle, instance: InstanceId, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let headers = request.headers();
    let reply = match (request.method(), path.as_str()) {
        (&Method::PUT, "/latest/api/token") => {
            let ttl_seconds = text(headers, TTL_HEADER).and_then(|text| text.parse().ok());
            let issued =
                region.ask(move |desk| desk.region.imds_token(&instance, ttl_seconds, desk.now)).await;
            match issued {
                Ok(Ok(token)) => {
                    let mut response = response(200, "text/plain", token);
                    if let Some(value) = headers.get(TTL_HEADER) {
                        response.headers_mut().insert(TTL_HEADER, value.clone());
                    }
                    return Ok(response);
                }
                Ok(Err(refusal)) => Ok(refusal),
                Err(gone) => Err(gone),
            }
        }
        (&Method::GET, _) => {
            let token = text(headers, TOKEN_HEADER);
            region.ask(move |desk| desk.region.imds_get(&instance, token.as_deref(), &path, desk.now)).await
        }
        _ => Ok(ImdsReply { status: 405, body: String::new(), content_type: "text/plain" }),
    };
    Ok(match reply {
        Ok(reply) => response(reply.status, reply.content_type, reply.body),
        Err(gone) => response(503, "text/plain", gone.to_string()),
    })
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}
