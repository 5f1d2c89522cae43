//! One ADD as the shim does it: a conversation with whoever is behind the door, again over a new one when it breaks, and the
//! plan carried out step by step in the pod's namespace.

use std::net::Ipv4Addr;
use std::time::Duration;

use cni_server::serve_add;
use contract::model::{HostVeth, Mac, TableId, VethPrefix};
use contract::ports::host::{HostChange, Link, Route};
use fakes::World;
use host::{End, Errno, NamespaceId};
use protocol::{
    AddRequest, Attachment, FromDaemon, FromShim, PROTOCOL, Wired, WiringFailed, WiringPlan, from_daemon,
    from_shim, operation::Operation,
};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_stream::wrappers::ReceiverStream;

use crate::model::Sandbox;
use crate::stage::Stage;

/// As the real shim has them.
const ABSENT: Duration = Duration::from_secs(100);
const OVER: Duration = Duration::from_secs(200);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
const FRAMES_MAX: usize = 8;

/// The MAC of a pod's end does not matter: each pair has its own.
const POD_MAC: Mac = Mac([0x0a, 0, 0, 0, 0, 1]);

/// An ADD that failed: the label of its cause, and the cause.
pub(crate) struct Refusal {
    pub(crate) label: String,
    pub(crate) text: String,
}

enum Said {
    Over(Result<Ipv4Addr, Refusal>),
    Broken,
}

/// The attachment as it goes over the wire.
pub(crate) fn attachment(sandbox: &Sandbox) -> Attachment {
    Attachment {
        network: sandbox.key.network.clone(),
        container_id: sandbox.key.container_id.clone(),
        ifname: sandbox.key.ifname.clone(),
        pod_namespace: sandbox.pod.namespace.clone(),
        pod_name: sandbox.pod.name.clone(),
        pod_uid: sandbox.pod.uid.clone(),
    }
}

fn refusal(label: &str, text: impl Into<String>) -> Refusal {
    Refusal { label: label.to_owned(), text: text.into() }
}

/// Does an ADD to its end.
pub(crate) async fn add(stage: Stage, sandbox: Sandbox, namespace: NamespaceId) -> Result<Ipv4Addr, Refusal> {
    let host_veth = match VethPrefix::new("eni") {
        Ok(prefix) => HostVeth::of_pod(&prefix, &sandbox.pod).as_str().to_owned(),
        Err(error) => return Err(refusal("Simulation", error.to_string())),
    };
    let request = AddRequest {
        protocol: PROTOCOL,
        attachment: Some(attachment(&sandbox)),
        arrived_boottime_nanoseconds: u64::try_from(stage.boottime().as_nanos()).unwrap_or(u64::MAX),
        veth_prefix: "eni".to_owned(),
        mtu_bytes: 0,
        host_veth: host_veth.clone(),
    };
    let began = Instant::now();
    let mut absent_at = began + ABSENT;
    let mut pause = FIRST_PAUSE;
    loop {
        let site = Site { stage: &stage, namespace, host_veth: &host_veth };
        match converse(&site, &request, &mut absent_at, began + OVER).await {
            Said::Over(result) => return result,
            Said::Broken => {}
        }
        if Instant::now() + pause >= absent_at {
            return Err(refusal("DaemonAbsent", "nobody is behind the door"));
        }
        sleep(pause).await;
        pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
    }
}

async fn converse(site: &Site<'_>, request: &AddRequest, absent_at: &mut Instant, over_at: Instant) -> Said {
    let Some(door) = site.stage.porch.door() else {
        return Said::Broken;
    };
    let (to_daemon, incoming) = mpsc::channel(FRAMES_MAX);
    let (outgoing, mut from_daemon) = mpsc::channel(FRAMES_MAX);
    let fence = door.fence.clone();
    tokio::spawn(async move {
        fence.within(serve_add(door.front, ReceiverStream::new(incoming), outgoing)).await
    });
    let say = |frame| to_daemon.try_send(Ok(FromShim { frame: Some(frame) })).is_ok();
    if !say(from_shim::Frame::Add(request.clone())) {
        return Said::Broken;
    }
    loop {
        let frame = match timeout_at((*absent_at).min(over_at), from_daemon.recv()).await {
            Ok(Some(Ok(FromDaemon { frame: Some(frame) }))) => frame,
            Ok(_) => return Said::Broken,
            Err(_) => return Said::Over(Err(refusal("TooLong", "the daemon said nothing for too long"))),
        };
        *absent_at = over_at.min(Instant::now() + ABSENT);
        match frame {
            from_daemon::Frame::Waiting(_) => {}
            from_daemon::Frame::Plan(plan) => {
                let told = match site.carry_out(&plan).await {
                    Ok(wired) => from_shim::Frame::Wired(wired),
                    Err((step, errno)) => {
                        let detail = std::io::Error::from_raw_os_error(errno.0).to_string();
                        from_shim::Frame::Failed(WiringFailed { step: step.to_owned(), detail })
                    }
                };
                if !say(told) {
                    return Said::Broken;
                }
            }
            from_daemon::Frame::Result(result) => {
                let four: Result<[u8; 4], _> = result.address.as_slice().try_into();
                let address = four.map(Ipv4Addr::from);
                return Said::Over(address.map_err(|_| refusal("Protocol", "a result without an address")));
            }
            from_daemon::Frame::Failure(failure) => {
                return Said::Over(Err(refusal(&failure.cause, failure.text)));
            }
        }
    }
}

/// Where a plan is carried out.
struct Site<'a> {
    stage: &'a Stage,
    namespace: NamespaceId,
    host_veth: &'a str,
}

impl Site<'_> {
    /// Step by step: the shim may be killed between any two.
    async fn carry_out(&self, plan: &WiringPlan) -> Result<Wired, (&'static str, Errno)> {
        for operation in plan.operations.iter().filter_map(|operation| operation.operation.as_ref()) {
            self.stage.dawdle(2).await;
            self.stage.world.with(|world| self.stand(world, operation))?;
        }
        self.stage.dawdle(2).await;
        let outside = self.stage.world.with(|world| named(world, world.host, self.host_veth));
        match outside {
            Some(Link { ifindex, mac: Some(Mac(mac)), .. }) => {
                Ok(Wired { host_ifindex: ifindex, host_mac: mac.to_vec() })
            }
            _ => Err(("veth", Errno::NODEV)),
        }
    }

    fn stand(&self, world: &mut World, operation: &Operation) -> Result<(), (&'static str, Errno)> {
        let four = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(Ipv4Addr::from).map_err(|_| ("plan", Errno::INVAL));
        let ifindex = named(world, self.namespace, "eth0").map_or(0, |link| link.ifindex);
        let route = |to, prefix_length, via| {
            HostChange::PutRoute(Route { table: TableId::MAIN, to, prefix_length, via, ifindex })
        };
        let change = match operation {
            Operation::Veth(veth) => {
                let mac: [u8; 6] =
                    veth.host_mac.as_slice().try_into().map_err(|_| ("plan", Errno::INVAL))?;
                return self.pair(world, Mac(mac), veth.mtu_bytes).map_err(|errno| ("veth", errno));
            }
            Operation::LinkRoute(to) => route(four(&to.to)?, 32, None),
            Operation::DefaultRoute(via) => route(Ipv4Addr::UNSPECIFIED, 0, Some(four(&via.via)?)),
            Operation::Address(address) => {
                let address = four(&address.address)?;
                self.nobody_else_carries(world, address);
                HostChange::AddAddress { ifindex, address, prefix_length: 32 }
            }
            // Neither has a meaning for what is judged here.
            Operation::QuietHostVeth(_) | Operation::Neighbour(_) => return Ok(()),
        };
        world.linux.apply(self.namespace, &change).map_err(|errno| ("inside", errno))
    }

    /// Makes the pair, or takes over the one that stands; the link of an earlier pod of this name goes.
    fn pair(&self, world: &mut World, host_mac: Mac, mtu_bytes: u32) -> Result<(), Errno> {
        let inside = named(world, self.namespace, "eth0");
        let outside = named(world, world.host, self.host_veth);
        if inside.is_none() {
            if let Some(earlier) = outside {
                world.linux.delete_link(world.host, earlier.ifindex)?;
            }
            let end = |namespace, name: &str, mac| End { namespace, name: name.to_owned(), mac, mtu_bytes };
            let host_end = end(world.host, self.host_veth, host_mac);
            world.linux.veth(&end(self.namespace, "eth0", POD_MAC), &host_end)?;
        }
        for (namespace, name) in [(world.host, self.host_veth), (self.namespace, "eth0")] {
            let ifindex = named(world, namespace, name).ok_or(Errno::NODEV)?.ifindex;
            world.linux.apply(namespace, &HostChange::LinkUp { ifindex })?;
        }
        Ok(())
    }

    /// The promise itself: the kernel shows no address twice.
    fn nobody_else_carries(&self, world: &World, address: Ipv4Addr) {
        let links = world.linux.snapshot(world.host).unwrap_or_default().links;
        let carries = |link: &&Link| link.behind.as_ref().is_some_and(|behind| behind.contains(&address));
        if let Some(other) = links.iter().filter(|link| link.name != self.host_veth).find(carries) {
            self.stage.judge.violated(format!(
                "{address} was given to the pod behind {}, and the one behind {} carries it still",
                self.host_veth, other.name
            ));
        }
    }
}

/// A link by its name.
pub(crate) fn named(world: &World, namespace: NamespaceId, name: &str) -> Option<Link> {
    world.linux.snapshot(namespace)?.links.into_iter().find(|link| link.name == name)
}
