//! One ADD as the shim does it: a conversation with whoever is behind the door, again over a new one when it breaks, and the
//! plan carried out step by step in the pod's namespace.

use std::net::Ipv4Addr;
use std::time::Duration;

use cni_server::serve_add;
use contract::model::{HostSide, HostVeth, Mac, VethPrefix, WiringOperation, WiringPlan as Plan};
use contract::ports::host::Link;
use fakes::World;
use host::NamespaceId;
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

/// One in so many connections breaks once the plan is carried out: the shim comes again over a new one, and the daemon notices
/// the end of the old stream within so long.
const BREAKS_ONE_IN: u64 = 16;
const NOTICED_WITHIN_MILLISECONDS: u64 = 200;

/// The MAC of a pod's end does not matter here: nobody else is in its namespace.
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
                let told = site.carry_out(&plan).await;
                let told = told.map_or_else(from_shim::Frame::Failed, from_shim::Frame::Wired);
                if site.stage.roll().checked_rem(BREAKS_ONE_IN) == Some(0) {
                    // Nobody knows whether the daemon has heard it.
                    let _ = site.stage.roll().checked_rem(2) == Some(0) && say(told);
                    let stage = site.stage.clone();
                    tokio::task::spawn_local(async move {
                        stage.dawdle(NOTICED_WITHIN_MILLISECONDS).await;
                        drop((to_daemon, from_daemon));
                    });
                    return Said::Broken;
                }
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
    /// In two goes, with a pause before each: the shim may be killed when the pair stands and the address does not, or all does.
    async fn carry_out(&self, plan: &WiringPlan) -> Result<Wired, WiringFailed> {
        let plan =
            plan_of(plan).ok_or_else(|| failed("plan", "an operation that this shim does not know"))?;
        let address = plan.operations.iter().find_map(|operation| match operation {
            WiringOperation::Address { address } => Some(*address),
            _ => None,
        });
        self.stage.dawdle(2).await;
        self.stand(&plan)?;
        let host = self.stage.world.with(|world| world.host);
        let stripped = self.stage.world.with(|world| world.linux.strip(host, self.namespace, "eth0", "eni"));
        stripped.map_err(|errno| failed("strip", errno))?;
        self.stage.dawdle(2).await;
        if let Some(address) = address {
            self.stage.world.with(|world| self.nobody_else_carries(world, address));
        }
        let HostSide { ifindex, mac: Mac(mac) } = self.stand(&plan)?;
        self.stage.dawdle(2).await;
        Ok(Wired { host_ifindex: ifindex, host_mac: mac.to_vec() })
    }

    fn stand(&self, plan: &Plan) -> Result<HostSide, WiringFailed> {
        self.stage.world.with(|world| {
            let site = host::Site {
                host: world.host,
                pod: self.namespace,
                ifname: "eth0".to_owned(),
                host_veth: self.host_veth.to_owned(),
                pod_mac: POD_MAC,
            };
            world.linux.carry_out(&site, plan).map_err(|error| failed("carry the plan out", error))
        })
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

fn failed(step: &str, detail: impl std::fmt::Debug) -> WiringFailed {
    WiringFailed { step: step.to_owned(), detail: format!("{detail:?}") }
}

/// The plan as it went over the wire; `None` for one that this shim does not understand.
fn plan_of(plan: &WiringPlan) -> Option<Plan> {
    let four = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).map(Ipv4Addr::from).ok();
    let mac = |bytes: &[u8]| <[u8; 6]>::try_from(bytes).map(Mac).ok();
    let one = |operation: &protocol::Operation| {
        Some(match operation.operation.as_ref()? {
            Operation::Veth(veth) => {
                WiringOperation::Veth { host_mac: mac(&veth.host_mac)?, mtu_bytes: veth.mtu_bytes }
            }
            Operation::QuietHostVeth(_) => WiringOperation::QuietHostVeth,
            Operation::LinkRoute(route) => WiringOperation::LinkRoute { to: four(&route.to)? },
            Operation::DefaultRoute(route) => WiringOperation::DefaultRoute { via: four(&route.via)? },
            Operation::Address(address) => WiringOperation::Address { address: four(&address.address)? },
            Operation::Neighbour(neighbour) => {
                WiringOperation::Neighbour { address: four(&neighbour.address)?, mac: mac(&neighbour.mac)? }
            }
        })
    };
    Some(Plan { operations: plan.operations.iter().map(one).collect::<Option<_>>()? })
}

/// A link by its name.
pub(crate) fn named(world: &World, namespace: NamespaceId, name: &str) -> Option<Link> {
    world.linux.snapshot(namespace)?.links.into_iter().find(|link| link.name == name)
}
