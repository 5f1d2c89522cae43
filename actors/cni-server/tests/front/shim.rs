//! A shim: the client's side of the wire.

use protocol::cni_client::CniClient;
use protocol::{
    AddRequest, Attachment, Failure, FromDaemon, FromShim, PROTOCOL, Wired, WiringFailed, from_daemon,
    from_shim,
};
use std::path::Path;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Status, Streaming};

use crate::house::{House, PATIENCE};

/// When the shims of these tests began, nanoseconds since boot.
pub(crate) const ARRIVED: u64 = 995_000_000_000;

/// One ADD's stream.
pub(crate) struct Shim {
    to_daemon: mpsc::Sender<FromShim>,
    from_daemon: Streaming<FromDaemon>,
}

pub(crate) async fn channel(socket: &Path) -> Channel {
    let endpoint = Endpoint::try_from(format!("unix://{}", socket.display())).unwrap();
    endpoint.connect().await.unwrap()
}

pub(crate) async fn client(house: &House) -> CniClient<Channel> {
    CniClient::new(channel(&house.socket()).await)
}

impl Shim {
    /// A shim that has said nothing yet.
    pub(crate) async fn silent(house: &House) -> Self {
        let (to_daemon, outgoing) = mpsc::channel(4);
        let stream = client(house).await.add(ReceiverStream::new(outgoing)).await;
        Self { to_daemon, from_daemon: stream.unwrap().into_inner() }
    }

    pub(crate) async fn add(house: &House, request: AddRequest) -> Self {
        let shim = Self::silent(house).await;
        shim.say(from_shim::Frame::Add(request)).await;
        shim
    }

    pub(crate) async fn say(&self, frame: from_shim::Frame) {
        let frame = Some(frame);
        self.to_daemon.send(FromShim { frame }).await.unwrap();
    }

    pub(crate) async fn hear_or_end(&mut self) -> Result<Option<from_daemon::Frame>, Status> {
        let heard = tokio::time::timeout(PATIENCE, self.from_daemon.message()).await;
        let heard = heard.expect("the daemon says nothing")?;
        Ok(heard.map(|heard| heard.frame.unwrap()))
    }

    pub(crate) async fn hear(&mut self) -> from_daemon::Frame {
        self.hear_or_end().await.unwrap().expect("the stream has ended")
    }

    /// The next frame is a failure, and the last.
    pub(crate) async fn failure(mut self) -> Failure {
        match self.hear().await {
            from_daemon::Frame::Failure(failure) => {
                assert_eq!(self.hear_or_end().await.unwrap(), None);
                failure
            }
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn attachment() -> Attachment {
    Attachment {
        network: "aws-cni".into(),
        container_id: "c1".into(),
        ifname: "eth0".into(),
        pod_namespace: "default".into(),
        pod_name: "nginx".into(),
        pod_uid: "u1".into(),
    }
}

pub(crate) fn request() -> AddRequest {
    AddRequest {
        protocol: PROTOCOL,
        attachment: Some(attachment()),
        arrived_boottime_nanoseconds: ARRIVED,
        veth_prefix: "eni".into(),
        mtu_bytes: 1500,
        host_veth: "enic440f455693".into(),
    }
}

pub(crate) fn wired() -> from_shim::Frame {
    from_shim::Frame::Wired(Wired { host_ifindex: 12, host_mac: vec![2, 0, 0, 0, 0, 9] })
}

pub(crate) fn failed() -> from_shim::Frame {
    from_shim::Frame::Failed(WiringFailed { step: "veth".into(), detail: "no memory".into() })
}
