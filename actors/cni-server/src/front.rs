//! What every verb needs: the links, the settings, and the gRPC service itself, which hands each verb to its own file.

use contract::causes::Cause;
use contract::mail::cni_server::CniMail;
use contract::mail::route_programmer::RouteMail;
use contract::mail::warm_pool::{PoolMail, StreamId};
use contract::model::{LeaseView, VethPrefix};
use kernel::{AskError, Clock, Fence, Link, Subscription};
use protocol::cni_server::Cni;
use protocol::{
    CheckReply, CheckRequest, Damage, DelReply, DelRequest, Failure, FromDaemon, FromShim, GcReply,
    GcRequest, HelloReply, HelloRequest, PROTOCOL, from_daemon,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::UdsConnectInfo;
use tonic::{Request, Response, Status, Streaming};

use crate::{add, check, del, gc};

/// Frames to one shim that may wait: an ADD has four.
const FRAMES_MAX: usize = 8;

/// What the settings and the build say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontConfig {
    /// Where the socket is opened.
    pub socket: PathBuf,
    /// Where shims leave DELs that they could not bring.
    pub spool: PathBuf,
    /// An ADD is answered within this.
    pub add_deadline: Duration,
    /// What the name of a pod's host link begins with.
    pub veth_prefix: VethPrefix,
    /// MTU of a pod's link where the network configuration says nothing, bytes.
    pub pod_mtu_bytes: u32,
    /// Version of this build.
    pub version: String,
    /// Digest of the sources of this build.
    pub source_digest: String,
}

/// The front door's links and settings.
#[derive(Clone)]
pub struct Front {
    /// Settings.
    pub config: FrontConfig,
    /// Who has which address.
    pub pool: Link<PoolMail>,
    /// What stands on the host.
    pub routes: Link<RouteMail>,
    /// CniServer itself, for its numbers.
    pub counts: Link<CniMail>,
    /// Why those who wait are waiting.
    pub leases: Subscription<LeaseView>,
    /// Whether the node serves, for gRPC health.
    pub ready: watch::Receiver<bool>,
    /// Time since boot.
    pub clock: Clock,
    /// Wall time, nanoseconds since 1970, for the checkpoint.
    pub wall: fn() -> i64,
    /// Numbers the streams.
    pub streams: Arc<AtomicU64>,
}

impl Front {
    pub(crate) fn next_stream(&self) -> StreamId {
        StreamId(self.streams.fetch_add(1, Ordering::Relaxed))
    }

    /// A number more; a lost one is only a number less.
    pub(crate) fn count(&self, mail: CniMail) {
        if let Err(error) = self.counts.tell(mail) {
            tracing::debug!(%error, "a number was not counted");
        }
    }

    pub(crate) fn answered(&self, verb: &'static str, outcome: Result<(), &Cause>, ends_add: bool) {
        let outcome = outcome.map_or_else(Cause::label, |()| "ok");
        self.count(CniMail::Answered { verb, outcome, ends_add });
    }
}

/// Why a room gave no answer.
pub(crate) fn no_answer(room: &'static str) -> impl Fn(AskError) -> Cause {
    move |error| match error {
        AskError::Poisoned => Cause::Poisoned { room },
        other => Cause::RoomUnavailable { room, detail: other.to_string() },
    }
}

/// A cause as it goes to the shim.
pub(crate) fn failure(cause: &Cause) -> Failure {
    Failure { code: cause.cni_code(), cause: cause.label().to_owned(), text: cause.to_string() }
}

/// The socket is for its owner alone. Its mode says so; this says it again for one that was inherited or replaced.
fn trusted<T>(request: &Request<T>) -> Result<(), Status> {
    let info = request.extensions().get::<UdsConnectInfo>();
    let peer = info.and_then(|info| info.peer_cred).map(|peer| peer.uid());
    same_user(peer, rustix::process::geteuid().as_raw())
}

fn same_user(peer: Option<u32>, ours: u32) -> Result<(), Status> {
    match peer {
        Some(peer) if peer == ours => Ok(()),
        Some(peer) => Err(Status::permission_denied(format!("uid {peer} may not speak to enid"))),
        None => Err(Status::permission_denied("the peer does not say who it is")),
    }
}

fn between_lives() -> Status {
    Status::unavailable("the daemon's front door is between two lives")
}

/// The gRPC service over a front, for one incarnation.
pub(crate) struct Service {
    pub(crate) front: Arc<Front>,
    /// What is under way ends with the incarnation: gRPC's connections are tasks of their own, and would outlive it.
    pub(crate) fence: Fence,
}

#[tonic::async_trait]
impl Cni for Service {
    type AddStream = ReceiverStream<Result<FromDaemon, Status>>;

    async fn add(&self, request: Request<Streaming<FromShim>>) -> Result<Response<Self::AddStream>, Status> {
        trusted(&request)?;
        let (sender, receiver) = mpsc::channel(FRAMES_MAX);
        let (front, fence, incoming) = (self.front.clone(), self.fence.clone(), request.into_inner());
        // Ends with its stream: the shim is told everything over it, and its end is noticed by both.
        tokio::spawn(async move { fence.within(add::serve(front, incoming, sender)).await });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn del(&self, request: Request<DelRequest>) -> Result<Response<DelReply>, Status> {
        trusted(&request)?;
        let served = self.fence.within(del::serve(&self.front, request.into_inner()));
        let failed = served.await.ok_or_else(between_lives)?.err();
        Ok(Response::new(DelReply { failure: failed.as_ref().map(failure) }))
    }

    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckReply>, Status> {
        trusted(&request)?;
        let served = self.fence.within(check::serve(&self.front, request.into_inner()));
        let reply = match served.await.ok_or_else(between_lives)? {
            Ok(found) => {
                let damages = found
                    .iter()
                    .map(|damage| Damage { label: damage.label().to_owned(), text: damage.to_string() });
                CheckReply { failure: None, damages: damages.collect() }
            }
            Err(cause) => CheckReply { failure: Some(failure(&cause)), damages: Vec::new() },
        };
        Ok(Response::new(reply))
    }

    async fn gc(&self, request: Request<GcRequest>) -> Result<Response<GcReply>, Status> {
        trusted(&request)?;
        let served = self.fence.within(gc::serve(&self.front, request.into_inner()));
        Ok(Response::new(served.await.ok_or_else(between_lives)?))
    }

    async fn hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        trusted(&request)?;
        let FrontConfig { version, source_digest, .. } = self.front.config.clone();
        Ok(Response::new(HelloReply { version, source_digest, protocol: PROTOCOL }))
    }
}

/// A frame to the shim.
pub(crate) fn frame(frame: from_daemon::Frame) -> Result<FromDaemon, Status> {
    Ok(FromDaemon { frame: Some(frame) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_peer_of_our_own_user_is_served() {
        assert!(same_user(Some(7), 7).is_ok());
        for (peer, says) in
            [(Some(0), "uid 0 may not speak to enid"), (None, "the peer does not say who it is")]
        {
            let refused = same_user(peer, 7).unwrap_err();
            assert_eq!((refused.code(), refused.message()), (tonic::Code::PermissionDenied, says));
        }
    }
}
