//! A server that answers at once, over the wire that shim and daemon speak: the RPC without anybody behind it.

use anyhow::{Context, Result};
use protocol::cni_server::{Cni, CniServer};
use protocol::{
    CheckReply, CheckRequest, DelReply, DelRequest, FromDaemon, FromShim, GcReply, GcRequest, HelloReply,
    HelloRequest, PROTOCOL, SOCKET_NAME,
};
use std::fs::{DirBuilder, Permissions, set_permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use tokio::net::UnixListener;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

/// As many as the daemon has for its I/O.
const THREADS: usize = 2;

struct Echo;

#[tonic::async_trait]
impl Cni for Echo {
    type AddStream = ReceiverStream<Result<FromDaemon, Status>>;

    async fn add(&self, _: Request<Streaming<FromShim>>) -> Result<Response<Self::AddStream>, Status> {
        Err(nothing())
    }

    async fn del(&self, _: Request<DelRequest>) -> Result<Response<DelReply>, Status> {
        Err(nothing())
    }

    async fn check(&self, _: Request<CheckRequest>) -> Result<Response<CheckReply>, Status> {
        Err(nothing())
    }

    async fn gc(&self, _: Request<GcRequest>) -> Result<Response<GcReply>, Status> {
        Err(nothing())
    }

    async fn hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let reply = HelloReply { version: String::new(), source_digest: String::new(), protocol: PROTOCOL };
        Ok(Response::new(reply))
    }
}

fn nothing() -> Status {
    Status::unimplemented("an echo does nothing")
}

/// Serves in a directory that is made for it, for ever; says `ready` once connections are taken.
///
/// # Errors
/// When the directory or the socket cannot be made.
pub fn serve(directory: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(directory).context("the echo's directory")?;
    set_permissions(directory, Permissions::from_mode(0o755)).context("the echo's directory")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build()?;
    runtime.block_on(async {
        let listener = UnixListener::bind(directory.join(SOCKET_NAME)).context("the echo's socket")?;
        println!("ready");
        let server = Server::builder().add_service(CniServer::new(Echo));
        server.serve_with_incoming(UnixListenerStream::new(listener)).await.context("the echo")
    })
}
