//! A daemon that says what the test tells it to. It lives on a runtime of its own, so that dropping it is what a kill is:
//! every stream breaks at once.

use protocol::cni_server::{Cni, CniServer};
use protocol::{
    AddRequest, AddResult, CheckReply, CheckRequest, DelReply, DelRequest, Failure, FromDaemon, FromShim,
    GcReply, GcRequest, HelloReply, HelloRequest, Waiting, Wired, WiringFailed, WiringPlan, from_daemon,
    from_shim,
};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Request, Response, Status, Streaming};

/// No step of a test takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the daemon does next in an ADD.
#[derive(Clone)]
pub(crate) enum Act {
    Wait(&'static str),
    Plan(WiringPlan),
    Answer,
    Result(Ipv4Addr),
    Fail(u32, &'static str, &'static str),
    Unknown,
    Refuse(tonic::Code),
    Hang,
}

/// What the daemon says to a DEL.
pub(crate) enum Reply {
    Done,
    Failure(Failure),
    Never,
}

/// What the daemon saw.
#[derive(Debug, PartialEq)]
pub(crate) enum Seen {
    Add(AddRequest),
    Wired(Wired),
    Failed(WiringFailed),
    Closed,
    Del(DelRequest),
    Check(CheckRequest),
    Gc(GcRequest),
}

pub(crate) struct Daemon {
    runtime: Option<Runtime>,
    socket: PathBuf,
    seen: Receiver<Seen>,
}

struct Script {
    acts: Vec<Act>,
    del: Reply,
    check: CheckReply,
    gc: GcReply,
    seen: Sender<Seen>,
}

// === impl Daemon ===

impl Daemon {
    pub(crate) fn start(state_directory: &Path, acts: Vec<Act>) -> Self {
        Self::start_with(state_directory, acts, Reply::Done)
    }

    pub(crate) fn start_with(state_directory: &Path, acts: Vec<Act>, del: Reply) -> Self {
        Self::run(state_directory, |seen| Script {
            acts,
            del,
            check: CheckReply::default(),
            gc: GcReply::default(),
            seen,
        })
    }

    /// One that answers a CHECK and a GC, and has nothing for the other verbs.
    pub(crate) fn that_looks(state_directory: &Path, check: CheckReply, gc: GcReply) -> Self {
        Self::run(state_directory, |seen| Script { acts: Vec::new(), del: Reply::Done, check, gc, seen })
    }

    fn run(state_directory: &Path, script: impl FnOnce(Sender<Seen>) -> Script) -> Self {
        let socket = state_directory.join(protocol::SOCKET_NAME);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (sender, seen) = channel();
        let script = script(sender);
        let entered = runtime.enter();
        let listener = UnixListenerStream::new(UnixListener::bind(&socket).unwrap());
        drop(entered);
        let server = tonic::transport::Server::builder();
        runtime.spawn(server.serve_with_incoming(CniServer::new(script), listener));
        Self { runtime: Some(runtime), socket, seen }
    }

    pub(crate) fn next(&self) -> Seen {
        self.seen.recv_timeout(PATIENCE).expect("the shim says something")
    }

    pub(crate) fn saw_add(&self) -> AddRequest {
        match self.next() {
            Seen::Add(request) => request,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn saw_nothing_more(&self) -> bool {
        self.seen.try_recv().is_err()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(PATIENCE);
        }
        let _ = std::fs::remove_file(&self.socket);
    }
}

#[tonic::async_trait]
impl Cni for Script {
    type AddStream = ReceiverStream<Result<FromDaemon, Status>>;

    async fn add(&self, request: Request<Streaming<FromShim>>) -> Result<Response<Self::AddStream>, Status> {
        let (to_shim, outgoing) = tokio::sync::mpsc::channel(1);
        let mut incoming = request.into_inner();
        let (acts, seen) = (self.acts.clone(), self.seen.clone());
        tokio::spawn(async move {
            hear(&mut incoming, &seen).await;
            for act in acts {
                let frame = match act {
                    Act::Answer => {
                        hear(&mut incoming, &seen).await;
                        continue;
                    }
                    Act::Hang => std::future::pending().await,
                    Act::Refuse(code) => Err(Status::new(code, "on purpose")),
                    act => Ok(frame(act)),
                };
                to_shim.send(frame).await.unwrap();
            }
            drop(to_shim);
            hear(&mut incoming, &seen).await;
        });
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }

    async fn del(&self, request: Request<DelRequest>) -> Result<Response<DelReply>, Status> {
        self.seen.send(Seen::Del(request.into_inner())).unwrap();
        let failure = match &self.del {
            Reply::Done => None,
            Reply::Failure(failure) => Some(failure.clone()),
            Reply::Never => std::future::pending().await,
        };
        Ok(Response::new(DelReply { failure }))
    }

    async fn check(&self, request: Request<CheckRequest>) -> Result<Response<CheckReply>, Status> {
        self.seen.send(Seen::Check(request.into_inner())).unwrap();
        Ok(Response::new(self.check.clone()))
    }

    async fn gc(&self, request: Request<GcRequest>) -> Result<Response<GcReply>, Status> {
        self.seen.send(Seen::Gc(request.into_inner())).unwrap();
        Ok(Response::new(self.gc.clone()))
    }

    async fn hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

async fn hear(incoming: &mut Streaming<FromShim>, seen: &Sender<Seen>) {
    let heard = match incoming.message().await {
        Ok(Some(FromShim { frame: Some(frame) })) => match frame {
            from_shim::Frame::Add(request) => Seen::Add(request),
            from_shim::Frame::Wired(wired) => Seen::Wired(wired),
            from_shim::Frame::Failed(failed) => Seen::Failed(failed),
        },
        _ => Seen::Closed,
    };
    let _ = seen.send(heard);
}

fn frame(act: Act) -> FromDaemon {
    let frame = match act {
        Act::Wait(text) => {
            Some(from_daemon::Frame::Waiting(Waiting { cause: "PoolEmpty".into(), text: text.into() }))
        }
        Act::Plan(plan) => Some(from_daemon::Frame::Plan(plan)),
        Act::Result(address) => Some(from_daemon::Frame::Result(AddResult {
            address: address.octets().to_vec(),
            table: 2,
            device: 1,
        })),
        Act::Fail(code, cause, text) => {
            Some(from_daemon::Frame::Failure(Failure { code, cause: cause.into(), text: text.into() }))
        }
        _ => None,
    };
    FromDaemon { frame }
}
