//! WarmPool and RouteProgrammer as the test plays them: each question comes to the test, which answers it when it likes.

use contract::causes::Cause;
use contract::mail::route_programmer::RouteMail;
use contract::mail::warm_pool::{LeaseGrant, LeaseRequest, PoolMail, StreamId};
use contract::model::{
    AttachmentKey, Damage, HostSide, Mac, PodWiring, TableId, WiringOperation, WiringPlan,
};
use futures::FutureExt;
use futures::future::BoxFuture;
use kernel::{
    Broken, Clock, Core, Event, Link, Performer, Plan, Policy, Publisher, Spec, Strategy, Tree, TreeConfig,
    link,
};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::house::{PATIENCE, seconds};

/// What the rooms were told, in order.
#[derive(Debug)]
pub(crate) enum Asked {
    Pool(PoolMail),
    Route(RouteMail),
}

/// The place of an answer.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, Cause>>;

/// A room that hands its mail to the test.
struct Relay<M> {
    pen: UnboundedSender<Asked>,
    wrap: fn(M) -> Asked,
    panics: Arc<AtomicU64>,
}

/// Has nothing to do.
struct Idle;

impl<M: Send + Unpin + 'static> Core for Relay<M> {
    type Mail = M;
    type Action = ();
    type Outcome = ();

    fn apply(&mut self, event: Event<M, ()>, _: Duration) {
        if let Event::Mail(mail) = event {
            let left = self.panics.load(Ordering::Relaxed);
            assert_eq!(left, self.panics.fetch_sub(left.min(1), Ordering::Relaxed));
            assert_eq!(left, 0, "on purpose");
            let _ = self.pen.send((self.wrap)(mail));
        }
    }

    fn plan(&mut self, _: Duration) -> Plan<()> {
        Plan::default()
    }
}

impl<M: Send + Unpin + 'static> Performer<Relay<M>> for Idle {
    fn timeout(&self, (): &()) -> Duration {
        seconds(1)
    }

    fn perform(&self, (): ()) -> BoxFuture<'static, Result<Option<()>, Broken>> {
        futures::future::ready(Ok(None)).boxed()
    }
}

/// A tree of one child.
pub(crate) struct Running {
    stop: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

impl Running {
    pub(crate) fn of<C: Core>(clock: Clock, spec: Spec<C>) -> Self {
        let mut tree = Tree::new(TreeConfig {
            strategy: Strategy::OneRuntime,
            io: Handle::current(),
            clock,
            seed: 7,
            vitals: Publisher::new(),
            pulse: Arc::default(),
        });
        tree.add(spec);
        let (stop, stopped) = oneshot::channel::<()>();
        let ended = tokio::task::spawn_local(async move {
            tree.run(async {
                let _ = stopped.await;
            })
            .await;
        });
        Self { stop, ended }
    }

    pub(crate) async fn end(self) {
        drop(self.stop);
        self.ended.await.unwrap();
    }
}

/// A room that hands its mail to the test; it panics at as many pieces of mail as `panics` says.
pub(crate) fn relay<M: Send + Unpin + 'static>(
    name: &'static str,
    clock: Clock,
    pen: &UnboundedSender<Asked>,
    wrap: fn(M) -> Asked,
    panics: &Arc<AtomicU64>,
) -> (Link<M>, Running) {
    let (way, inbox) = link(name);
    let (pen, panics) = (pen.clone(), panics.clone());
    let spec = Spec::new(name, Policy::default(), inbox, move |_| {
        let core = Relay { pen: pen.clone(), wrap, panics: panics.clone() };
        std::future::ready(Ok((core, Arc::new(Idle) as _)))
    });
    (way, Running::of(clock, spec))
}

/// What the rooms hear.
pub(crate) struct Questions(pub(crate) UnboundedReceiver<Asked>);

impl Questions {
    pub(crate) async fn next(&mut self) -> Asked {
        let next = tokio::time::timeout(PATIENCE, self.0.recv()).await;
        next.expect("nobody asks").expect("the rooms live")
    }

    pub(crate) fn none(&mut self) -> bool {
        self.0.try_recv().is_err()
    }

    pub(crate) async fn lease(&mut self) -> (LeaseRequest, Answer<LeaseGrant>) {
        match self.next().await {
            Asked::Pool(PoolMail::Lease { request, reply }) => (request, reply),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn plan(&mut self) -> (PodWiring, Answer<WiringPlan>) {
        match self.next().await {
            Asked::Route(RouteMail::Plan { wiring, reply }) => (wiring, reply),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn wire(&mut self) -> (PodWiring, HostSide, Answer<()>) {
        match self.next().await {
            Asked::Route(RouteMail::Wire { wiring, host, reply }) => (wiring, host, reply),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn check(&mut self) -> (Ipv4Addr, Option<u32>, Answer<Vec<Damage>>) {
        match self.next().await {
            Asked::Route(RouteMail::Check { address, ifindex, reply }) => (address, ifindex, reply),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn carried(&mut self) -> (BTreeSet<Ipv4Addr>, Answer<BTreeSet<Ipv4Addr>>) {
        match self.next().await {
            Asked::Route(RouteMail::Carried { addresses, reply }) => (addresses, reply),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn wired(&mut self) -> (AttachmentKey, StreamId, Answer<()>) {
        match self.next().await {
            Asked::Pool(PoolMail::Wired { key, stream, reply }) => (key, stream, reply),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn assign(&mut self) -> (AttachmentKey, StreamId, Answer<()>) {
        match self.next().await {
            Asked::Pool(PoolMail::Assign { key, stream, reply }) => (key, stream, reply),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn closed(&mut self) -> (AttachmentKey, StreamId) {
        match self.next().await {
            Asked::Pool(PoolMail::StreamClosed { key, stream }) => (key, stream),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn release(&mut self) -> (AttachmentKey, Answer<Option<Ipv4Addr>>) {
        match self.next().await {
            Asked::Pool(PoolMail::Release { key, reply }) => (key, reply),
            other => panic!("{other:?}"),
        }
    }
}

/// Who stops waiting has dropped the place of the answer.
pub(crate) fn answer<T>(place: Answer<T>, with: Result<T, Cause>) {
    assert!(place.send(with).is_ok(), "nobody waits for the answer");
}

pub(crate) fn grant() -> LeaseGrant {
    LeaseGrant { address: Ipv4Addr::new(10, 0, 0, 7), table: TableId(2), device: 1 }
}

/// One of each operation.
pub(crate) fn every_operation() -> WiringPlan {
    let mac = Mac([2, 0, 0, 0, 0, 9]);
    let address = Ipv4Addr::new(169, 254, 1, 1);
    WiringPlan {
        operations: vec![
            WiringOperation::Veth { host_mac: mac, mtu_bytes: 9001 },
            WiringOperation::QuietHostVeth,
            WiringOperation::LinkRoute { to: address },
            WiringOperation::DefaultRoute { via: address },
            WiringOperation::Address { address: grant().address },
            WiringOperation::Neighbour { address, mac },
        ],
    }
}
