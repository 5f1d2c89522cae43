//! A house with nothing but a front door: CniServer in a tree of its own, over a socket in a temporary directory.

use cni_server::{AnnounceConfig, Announcer, CniPerformer, CniServer, Front, FrontConfig, OurPlugin};
use contract::mail::cni_server::CniMail;
use contract::mail::health_server::FrontView;
use contract::mail::route_programmer::RouteMail;
use contract::mail::warm_pool::PoolMail;
use contract::model::{LeaseView, VethPrefix};
use kernel::{Clock, Link, Policy, Publisher, Seat, Spec, link};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::LocalSet;

use crate::rooms::{Asked, Questions, Running, relay};

/// Long enough for anything that is to happen, so that a test that waits in vain ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Time since boot when a house is built.
pub(crate) const BUILT_AT: Duration = Duration::from_secs(1000);
/// An ADD is answered within this.
pub(crate) const ADD_DEADLINE: Duration = Duration::from_secs(90);
/// Wall time, always.
pub(crate) const WALL: i64 = 1_700_000_000_000_000_000;

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Runs on one thread, in real time: over a socket, nobody can tell that everybody waits.
pub(crate) fn in_real_time<T>(scene: impl Future<Output = T>) -> T {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, scene)
}

/// The same in virtual time, for what uses no connection.
pub(crate) fn in_virtual_time<T>(scene: impl Future<Output = T>) -> T {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, scene)
}

pub(crate) struct House {
    directory: TempDir,
    pub(crate) clock: Clock,
    pub(crate) asked: Questions,
    pub(crate) pool_panics: Arc<AtomicU64>,
    pub(crate) leases: Publisher<LeaseView>,
    pub(crate) ready: watch::Sender<bool>,
    links: (Link<PoolMail>, Link<RouteMail>),
    pub(crate) pool: Option<Running>,
    pub(crate) routes: Option<Running>,
    front: Option<Running>,
    pub(crate) counts: Option<Link<CniMail>>,
    views: Publisher<FrontView>,
    streams: Arc<AtomicU64>,
}

impl House {
    /// The rooms live; the door is not there yet.
    pub(crate) fn new() -> Self {
        let clock = Clock::new(BUILT_AT);
        let (pen, asked) = mpsc::unbounded_channel();
        let pool_panics = Arc::default();
        let (to_pool, pool) = relay("warm-pool", clock, &pen, Asked::Pool, &pool_panics);
        let (to_routes, routes) = relay("route-programmer", clock, &pen, Asked::Route, &Arc::default());
        Self {
            directory: tempfile::tempdir().unwrap(),
            clock,
            asked: Questions(asked),
            pool_panics,
            leases: Publisher::new(),
            ready: watch::channel(false).0,
            links: (to_pool, to_routes),
            pool: Some(pool),
            routes: Some(routes),
            front: None,
            counts: None,
            views: Publisher::new(),
            streams: Arc::new(AtomicU64::new(1)),
        }
    }

    /// A house whose door is open.
    pub(crate) async fn open() -> Self {
        let mut house = Self::new();
        house.start_front();
        house.until(|view| view.listening).await;
        house
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory().join(protocol::SOCKET_NAME)
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.directory().join("spool")
    }

    /// A new CniServer, which knows nothing of those before it.
    pub(crate) fn start_front(&mut self) {
        let (counts, inbox) = link("cni-server");
        self.counts = Some(counts.clone());
        self.views = Publisher::new();
        let front = Arc::new(Front {
            config: FrontConfig {
                socket: self.socket(),
                spool: self.spool(),
                add_deadline: ADD_DEADLINE,
                veth_prefix: VethPrefix::new("eni").unwrap(),
                pod_mtu_bytes: 9001,
                version: "1.2.3".to_owned(),
                source_digest: "c0ffee".to_owned(),
            },
            pool: self.links.0.clone(),
            routes: self.links.1.clone(),
            counts,
            leases: self.leases.subscribe(),
            ready: self.ready.subscribe(),
            clock: self.clock,
            wall: || WALL,
            streams: self.streams.clone(),
        });
        let announcer = Arc::new(Announcer::new(self.announcement()));
        let publish = self.views.clone();
        let spec = Spec::new("cni-server", Policy::default(), inbox, move |seat: Seat| {
            let performer = CniPerformer {
                front: front.clone(),
                announcer: announcer.clone(),
                fence: seat.fence,
                publish: publish.clone(),
            };
            std::future::ready(Ok((CniServer::default(), Arc::new(performer) as _)))
        });
        self.front = Some(Running::of(self.clock, spec));
    }

    /// A runtime's two directories, in the house's own.
    pub(crate) fn announcement(&self) -> AnnounceConfig {
        AnnounceConfig {
            list: self.directory().join("net.d/10-aws.conflist"),
            programs: self.directory().join("bin"),
            mark_directory: self.directory().to_path_buf(),
            ours: OurPlugin {
                kind: "enid-cni-1.2.3".to_owned(),
                veth_prefix: "eni".to_owned(),
                mtu_bytes: 9001,
                state_directory: self.directory().display().to_string(),
                spool_directory: self.spool().display().to_string(),
            },
        }
    }

    /// Ends the incarnation.
    pub(crate) async fn end_front(&mut self) {
        self.front.take().unwrap().end().await;
    }

    /// Waits until CniServer says so of itself.
    pub(crate) async fn until(&self, what: impl Fn(&FrontView) -> bool) -> FrontView {
        let mut views = self.views.subscribe();
        let newest = views.clone();
        let waiting = async {
            loop {
                let view = views.next().await.unwrap();
                if what(&view) {
                    return view;
                }
                assert!(views.changed().await);
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(view) => view,
            Err(_) => panic!("in vain: {:?}", newest.latest()),
        }
    }

    /// Waits until this verb was answered like this, once, and nothing is under way.
    pub(crate) async fn until_answered(&self, verb: &str, outcome: &str) {
        self.until(|view| view.adds_in_flight == 0 && count(view, verb, outcome) == 1).await;
    }
}

pub(crate) fn count(view: &FrontView, verb: &str, outcome: &str) -> u64 {
    let found = view.answers.iter().find(|(of, _)| *of == (verb, outcome));
    found.map_or(0, |(_, count)| *count)
}
