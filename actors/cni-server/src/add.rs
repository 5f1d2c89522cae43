//! ADD: the saga's frames. Each step is somebody else's: this task asks, forwards, and says goodbye when the shim is gone.
//!
//! lease (WarmPool) → plan (RouteProgrammer) → the shim makes the pod's side → host side (RouteProgrammer) → wired and assigned
//! (WarmPool) → result. Undo is WarmPool's: it hears that the stream has ended.

use contract::causes::Cause;
use contract::mail::cni_server::CniMail;
use contract::mail::route_programmer::RouteMail;
use contract::mail::warm_pool::{LeaseGrant, LeaseRequest, PoolMail, StreamId};
use contract::model::{AttachmentKey, HostSide, HostVeth, PodWiring};
use futures::{Stream, StreamExt};
use kernel::Link;
use protocol::{AddResult, FromDaemon, FromShim, Waiting, from_daemon, from_shim};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tonic::Status;

use crate::front::{Front, failure, frame, no_answer};
use crate::translate::{self, CheckedAdd};

/// A shim that has connected says what it wants at once.
const FIRST_FRAME: Duration = Duration::from_secs(5);

/// Wiring a pod takes the shim milliseconds; a node that swaps may need more.
const WIRING: Duration = Duration::from_secs(30);

/// The rooms' steps take milliseconds. All together they may take this long, which is for one over which a call of the room's
/// own never answers (30 s in RouteProgrammer, and a grace of 5 s): that costs the room a restart, the step is asked again,
/// and no ADD need fail for it. With the line and the wiring it stays below the 200 s after which the shim gives up.
const STEPS: Duration = Duration::from_secs(60);

/// The room answers by the deadline itself; this is for its answer to arrive.
const SLACK: Duration = Duration::from_secs(2);

/// While an ADD waits, the shim is told why, this often.
const TELL_WHY_EVERY: Duration = Duration::from_secs(1);

/// A goodbye is said again this often until WarmPool takes it, and this many times.
const GOODBYE_EVERY: Duration = Duration::from_millis(100);
const GOODBYES_MAX: u32 = 300;

/// Frames to one shim.
pub type Outgoing = Sender<Result<FromDaemon, Status>>;

/// How an ADD ended without a result.
enum End {
    /// The shim is told.
    Failed(Cause),
    /// There is nobody to tell.
    ShimGone,
}

impl From<Cause> for End {
    fn from(cause: Cause) -> Self {
        Self::Failed(cause)
    }
}

/// The frames of one shim.
pub trait Incoming: Stream<Item = Result<FromShim, Status>> + Send + Unpin {}

impl<S: Stream<Item = Result<FromShim, Status>> + Send + Unpin> Incoming for S {}

/// Serves one ADD stream to its end.
pub async fn serve(front: Arc<Front>, mut incoming: impl Incoming, outgoing: Outgoing) {
    front.count(CniMail::AddBegan);
    let mut of = (String::new(), String::new());
    let ended = match first(&front, &mut incoming).await {
        Ok(add) => {
            of = (add.key.to_string(), add.pod.to_string());
            let goodbye = Goodbye::new(&front, &add.key);
            let stream = goodbye.stream;
            let ended = tokio::select! {
                biased;
                ended = saga(&front, add, stream, &mut incoming, &outgoing) => ended,
                // While a room is asked nobody reads the shim's frames; that it is gone is heard all the same.
                () = outgoing.closed() => Err(End::ShimGone),
            };
            drop(goodbye);
            ended
        }
        Err(end) => Err(end),
    };
    let gone = Cause::Superseded { by: "the shim's end" };
    let outcome = match &ended {
        Ok(_) => Ok(()),
        Err(End::Failed(cause)) => Err(cause),
        Err(End::ShimGone) => Err(&gone),
    };
    front.answered("ADD", outcome, true);
    let (key, pod) = of;
    match outcome {
        Ok(()) => {}
        Err(cause) => tracing::warn!(key, pod, cause = cause.label(), text = %cause, "add_pod failed"),
    }
    let last = match ended {
        Ok(result) => from_daemon::Frame::Result(result),
        Err(End::Failed(cause)) => from_daemon::Frame::Failure(failure(&cause)),
        Err(End::ShimGone) => return,
    };
    // A shim that is gone by now is found out by the runtime, which sends a DEL.
    let _ = outgoing.send(frame(last)).await;
}

async fn first(front: &Front, incoming: &mut impl Incoming) -> Result<CheckedAdd, End> {
    let missing = |problem: &str| Cause::BadRequest { field: "first frame", problem: problem.to_owned() };
    let first = tokio::time::timeout(FIRST_FRAME, incoming.next()).await;
    let frame = heard(first.map_err(|_| missing("none came"))?)?;
    match frame.frame {
        Some(from_shim::Frame::Add(request)) => {
            let config = &front.config;
            Ok(translate::add(request, &config.veth_prefix, config.pod_mtu_bytes)?)
        }
        _ => Err(missing("it is no ADD").into()),
    }
}

/// A stream that has ended, or broken, is a shim that is gone.
fn heard(message: Option<Result<FromShim, Status>>) -> Result<FromShim, End> {
    message.and_then(Result::ok).ok_or(End::ShimGone)
}

async fn saga(
    front: &Front,
    add: CheckedAdd,
    stream: StreamId,
    incoming: &mut impl Incoming,
    outgoing: &Outgoing,
) -> Result<AddResult, End> {
    let grant = lease(front, &add, stream, incoming, outgoing).await?;
    let wiring = wiring(&add, &grant);
    let by = front.clock.now() + STEPS;
    let left = || by.saturating_sub(front.clock.now());
    let asked = front.routes.ask(left(), |reply| RouteMail::Plan { wiring: wiring.clone(), reply });
    let plan = asked.await.map_err(no_answer("route-programmer"))??;
    let sent = outgoing.send(frame(from_daemon::Frame::Plan(translate::plan(&plan)))).await;
    sent.map_err(|_| End::ShimGone)?;
    let host = made(incoming).await?;
    let asked = front.routes.ask(left(), |reply| RouteMail::Wire {
        wiring: wiring.clone(),
        host: host.clone(),
        reply,
    });
    asked.await.map_err(no_answer("route-programmer"))??;
    let key = &add.key;
    let asked = front.pool.ask(left(), |reply| PoolMail::Wired { key: key.clone(), stream, reply });
    asked.await.map_err(no_answer("warm-pool"))??;
    let asked = front.pool.ask(left(), |reply| PoolMail::Assign { key: key.clone(), stream, reply });
    asked.await.map_err(no_answer("warm-pool"))??;
    tracing::info!(%key, pod = %add.pod, address = %grant.address, table = %grant.table, "add_pod");
    Ok(AddResult { address: grant.address.octets().to_vec(), table: grant.table.0, device: grant.device })
}

/// Waits for an address for as long as the shim does, and tells it why.
async fn lease(
    front: &Front,
    add: &CheckedAdd,
    stream: StreamId,
    incoming: &mut impl Incoming,
    outgoing: &Outgoing,
) -> Result<LeaseGrant, End> {
    let now = front.clock.now();
    // A stamp of the future, or one older than any ADD can be, is nobody's place in the line.
    let arrived_at = Duration::from_nanos(add.arrived_nanoseconds).min(now);
    let arrived_at = arrived_at.max(now.saturating_sub(front.config.add_deadline));
    let deadline = arrived_at + front.config.add_deadline;
    let request = LeaseRequest {
        key: add.key.clone(),
        pod: add.pod.clone(),
        arrived_at,
        deadline,
        stream,
        unix_nanoseconds: (front.wall)(),
    };
    let remaining = deadline.saturating_sub(now) + SLACK;
    let asked = front.pool.ask(remaining, |reply| PoolMail::Lease { request: request.clone(), reply });
    let mut asked = std::pin::pin!(asked);
    let mut why = tokio::time::interval(TELL_WHY_EVERY);
    why.tick().await;
    loop {
        tokio::select! {
            biased;
            answer = &mut asked => return Ok(answer.map_err(no_answer("warm-pool"))??),
            heard = incoming.next() => match heard {
                None | Some(Err(_)) => return Err(End::ShimGone),
                Some(Ok(_)) => {
                    let problem = "nothing is to be said while an ADD waits".to_owned();
                    return Err(Cause::BadRequest { field: "frame", problem }.into());
                }
            },
            _ = why.tick() => tell_why(front, outgoing),
        }
    }
}

/// A full channel means that the shim does not read; it has the newest cause then, or does not care.
fn tell_why(front: &Front, outgoing: &Outgoing) {
    if let Some(cause) = front.leases.latest().and_then(|view| view.waiting_for) {
        let waiting = Waiting { cause: cause.label().to_owned(), text: cause.to_string() };
        let _ = outgoing.try_send(frame(from_daemon::Frame::Waiting(waiting)));
    }
}

/// What the shim made of the plan.
async fn made(incoming: &mut impl Incoming) -> Result<HostSide, End> {
    let step =
        |detail: &str| Cause::PodWiring { step: "carry the plan out".to_owned(), detail: detail.to_owned() };
    let answer = tokio::time::timeout(WIRING, incoming.next()).await;
    let answer = answer.map_err(|_| step("the shim has not answered"))?;
    match heard(answer)?.frame {
        Some(from_shim::Frame::Wired(wired)) => Ok(translate::host_side(&wired)?),
        Some(from_shim::Frame::Failed(failed)) => {
            Err(Cause::PodWiring { step: failed.step, detail: failed.detail }.into())
        }
        _ => Err(step("the shim answered with something else").into()),
    }
}

fn wiring(add: &CheckedAdd, grant: &LeaseGrant) -> PodWiring {
    PodWiring {
        key: add.key.clone(),
        pod: add.pod.clone(),
        host_veth: add.host_veth.clone(),
        host_mac: HostVeth::mac(&add.key),
        address: grant.address,
        table: grant.table,
        device: grant.device,
        mtu_bytes: add.mtu_bytes,
    }
}

/// Tells WarmPool that the stream has ended, however it ended: also when this task is dropped.
struct Goodbye {
    pool: Link<PoolMail>,
    key: AttachmentKey,
    stream: StreamId,
}

impl Goodbye {
    fn new(front: &Front, key: &AttachmentKey) -> Self {
        Self { pool: front.pool.clone(), key: key.clone(), stream: front.next_stream() }
    }
}

impl Drop for Goodbye {
    fn drop(&mut self) {
        let (pool, key, stream) = (self.pool.clone(), self.key.clone(), self.stream);
        let said = move || pool.tell(PoolMail::StreamClosed { key: key.clone(), stream }).is_ok();
        if said() {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            for _ in 0..GOODBYES_MAX {
                tokio::time::sleep(GOODBYE_EVERY).await;
                if said() {
                    return;
                }
            }
            tracing::error!(?stream, "the end of a stream could not be told");
        });
    }
}
