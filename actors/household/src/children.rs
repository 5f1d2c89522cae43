//! Who lives, in which order, with which links and ports, and what follows a death.

use cni_server::{AnnounceConfig, Announcer, CniServer, Front, FrontConfig, OurPlugin};
use config::{RandomizeSnat, Settings};
use contract::mail::cni_server::CniMail;
use contract::mail::eni_manager::{Demand, EniMail};
use contract::mail::health_server::{FrontView, HealthMail};
use contract::mail::route_programmer::{HostView, RouteMail};
use contract::mail::subnet_scout::{Place, SubnetMail};
use contract::mail::warm_pool::PoolMail;
use contract::model::{EniView, LeaseView, SubnetView};
use contract::ports::host::Host;
use eni_manager::{Born, EniConfig, EniManager, EniPerformer};
use health_server::{HealthBoard, HealthConfig, HealthServer};
use kernel::{
    Core, Inbox, Link, Past, Performer, Policy, Publisher, Seat, Spec, StartError, Subscription, Tree, link,
};
use route_programmer::{RouteConfig, RoutePerformer, RouteProgrammer, SourcePorts};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use subnet_scout::{ScoutPerformer, SubnetScout};
use warm_pool::{PoolConfig, PoolPerformer, PoolPublishers, WarmTargets, recover_from_world};

use crate::vitals;
use crate::world::{Household, World};

/// A lease that is not assigned and whose shim is gone is undone after this.
const UNDO_AFTER: Duration = Duration::from_secs(5);

/// The same after a restart of the daemon: a shim connects again within half a second, and its runtime may be slow.
const UNDO_AFTER_RESTART: Duration = Duration::from_secs(15);

/// What failed locally is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The list of plugins, under the name that the agent we replace gave it: runtimes take the first of their directory.
const LIST_NAME: &str = "10-aws.conflist";

/// Who tells what to whom.
#[derive(Clone, Default)]
struct Boards {
    enis: Publisher<EniView>,
    leases: Publisher<LeaseView>,
    demand: Publisher<Demand>,
    subnets: Publisher<SubnetView>,
    place: Publisher<Place>,
    host: Publisher<HostView>,
    front: Publisher<FrontView>,
}

/// The links that rooms hold to one another.
struct Links {
    pool: Link<PoolMail>,
    routes: Link<RouteMail>,
    scout: Link<SubnetMail>,
    front: Link<CniMail>,
    enis: Link<EniMail>,
}

/// Of the rooms that show the node's health, the one that also logs it.
const LOGS: &str = "health-server";

type Made<C> = (C, Arc<dyn Performer<C>>);

/// The children, each as data. They start in the order of the fields: what is asked first, who asks last.
pub struct Children {
    /// Shows the node's health.
    pub health: Spec<HealthServer>,
    /// Shows the same where Prometheus asks, if that is another address.
    pub metrics: Option<Spec<HealthServer>>,
    /// Host wiring.
    pub route_programmer: Spec<RouteProgrammer>,
    /// Leases and the waiting line.
    pub warm_pool: Spec<warm_pool::Pool>,
    /// Subnets.
    pub subnet_scout: Spec<SubnetScout>,
    /// ENIs.
    pub eni_manager: Spec<EniManager>,
    /// The front door.
    pub cni_server: Spec<CniServer>,
    /// What they publish.
    pub views: Views,
}

/// What the children publish, for whoever watches the whole.
#[derive(Clone)]
pub struct Views {
    /// WarmPool's leases.
    pub leases: Subscription<LeaseView>,
    /// EniManager's ENIs.
    pub enis: Subscription<EniView>,
    /// RouteProgrammer's host.
    pub host: Subscription<HostView>,
}

impl Children {
    /// The children of a household.
    #[must_use]
    pub fn of(house: &Household) -> Self {
        let boards = Boards::default();
        let (pool, pool_inbox) = link("warm-pool");
        let (routes, routes_inbox) = link("route-programmer");
        let (scout, scout_inbox) = link("subnet-scout");
        let (front, front_inbox) = link("cni-server");
        let (enis, eni_inbox) = link("eni-manager");
        let links = Links { pool, routes, scout, front, enis };
        let daemon = &house.settings.daemon;
        let board = HealthBoard::new();
        let metrics = (daemon.metrics && daemon.metrics_bind != daemon.health_bind)
            .then(|| health("metrics-server", daemon.metrics_bind, HealthBoard::new(), house, &boards));
        Self {
            health: health(LOGS, daemon.health_bind, board.clone(), house, &boards),
            metrics,
            route_programmer: route_programmer(routes_inbox, house, &boards),
            warm_pool: warm_pool(pool_inbox, house, &boards, &links),
            subnet_scout: subnet_scout(scout_inbox, house, &boards),
            eni_manager: eni_manager(eni_inbox, house, &boards, &links),
            cni_server: cni_server(front_inbox, house, &boards, &links, &board),
            views: Views {
                leases: boards.leases.subscribe(),
                enis: boards.enis.subscribe(),
                host: boards.host.subscribe(),
            },
        }
    }

    /// Adds them to a tree, as they are.
    pub fn live_in(self, tree: &mut Tree) {
        tree.add(self.health);
        if let Some(metrics) = self.metrics {
            tree.add(metrics);
        }
        tree.add(self.route_programmer);
        tree.add(self.warm_pool);
        tree.add(self.subnet_scout);
        tree.add(self.eni_manager);
        tree.add(self.cni_server);
    }
}

/// Without these three no pod is served: past their intensity a fresh process is better.
fn indispensable() -> Policy {
    Policy { past: Past::EndProcess, ..Policy::default() }
}

fn health(
    name: &'static str,
    bind: SocketAddr,
    board: HealthBoard,
    house: &Household,
    boards: &Boards,
) -> Spec<HealthServer> {
    let (_, inbox) = link(name);
    let config = HealthConfig { bind, version: source_digest::VERSION.to_owned(), gaps: house.gaps.clone() };
    let (doors, alive) = (house.doors.clone(), house.alive.clone());
    Spec::new(name, Policy::default(), inbox, move |_seat| {
        let performer = doors.health(board.clone(), alive.clone(), name == LOGS);
        std::future::ready(Ok((HealthServer::recover(config.clone()), performer)))
    })
    .follow(boards.enis.subscribe(), HealthMail::Enis)
    .follow(boards.leases.subscribe(), HealthMail::Leases)
    .follow(boards.subnets.subscribe(), HealthMail::Subnets)
    .follow(boards.host.subscribe(), HealthMail::Host)
    .follow(boards.front.subscribe(), HealthMail::Front)
    .follow(house.vitals.subscribe(), |vitals| HealthMail::Children(vitals::children(vitals)))
}

fn route_programmer(inbox: Inbox<RouteMail>, house: &Household, boards: &Boards) -> Spec<RouteProgrammer> {
    let dataplane = &house.settings.dataplane;
    let config = RouteConfig {
        eni_mtu_bytes: house.settings.node.eni_mtu_bytes,
        veth_prefix: house.veth_prefix.clone(),
        snat: (!dataplane.external_snat).then_some(match dataplane.randomize_snat {
            RandomizeSnat::Prng => SourcePorts::FullyRandom,
            RandomizeSnat::Hashrandom => SourcePorts::Random,
            RandomizeSnat::None => SourcePorts::Kept,
        }),
        snat_excluded: dataplane.exclude_snat_cidrs.clone(),
        node_ports: dataplane.node_port_support,
        by_main: dataplane.external_service_cidrs.clone(),
    };
    let (world, publish) = (house.world.clone(), boards.host.clone());
    let start = move |_seat: Seat| {
        let (config, world, publish) = (config.clone(), world.clone(), publish.clone());
        async move {
            let host = connected(&world)?;
            let snapshot = host.snapshot().await.map_err(not_started)?;
            let performer = RoutePerformer::new(host, Arc::new(move |view| publish.publish(view)));
            Ok(made(RouteProgrammer::recover(config, snapshot), performer))
        }
    };
    Spec::new("route-programmer", indispensable(), inbox, start)
        .follow(boards.enis.subscribe(), RouteMail::Enis)
        .follow(boards.leases.subscribe(), RouteMail::Leases)
}

fn warm_pool(
    inbox: Inbox<PoolMail>,
    house: &Household,
    boards: &Boards,
    links: &Links,
) -> Spec<warm_pool::Pool> {
    let config = pool_config(&house.settings);
    let (world, routes, enis) = (house.world.clone(), links.routes.clone(), links.enis.clone());
    let publish = PoolPublishers { leases: boards.leases.clone(), demand: boards.demand.clone() };
    let start = move |seat: Seat| {
        let (config, world) = (config.clone(), world.clone());
        let (routes, enis, publish) = (routes.clone(), enis.clone(), publish.clone());
        async move {
            let (checkpoint, host) = (world.checkpoint.clone(), connected(&world)?);
            let pool = recover_from_world(config, checkpoint.as_ref(), host.as_ref(), seat.clock.now());
            let pool = pool.await.map_err(not_started)?;
            Ok(made(pool, PoolPerformer { checkpoint, host, routes, enis, publish }))
        }
    };
    Spec::new("warm-pool", indispensable(), inbox, start).follow(boards.enis.subscribe(), PoolMail::Enis)
}

fn pool_config(settings: &Settings) -> PoolConfig {
    let pool = &settings.pool;
    PoolConfig {
        cooldown: Duration::from_secs(pool.cooldown_seconds.into()),
        line_bound: pool.waiting_line_max,
        gather: Duration::from_millis(pool.gather_milliseconds.into()),
        undo_after: UNDO_AFTER,
        undo_after_restart: UNDO_AFTER_RESTART,
        retry_after: RETRY_AFTER,
        targets: WarmTargets {
            enis: pool.warm_eni_target,
            addresses: pool.warm_ip_target,
            addresses_min: pool.minimum_ip_target,
        },
    }
}

fn subnet_scout(inbox: Inbox<SubnetMail>, house: &Household, boards: &Boards) -> Spec<SubnetScout> {
    let (ec2, publish) = (house.world.ec2.clone(), boards.subnets.clone());
    let port_timeout = house.world.aws_timeout;
    let start = move |_seat| {
        let performer = ScoutPerformer { ec2: ec2.clone(), port_timeout, publish: publish.clone() };
        std::future::ready(Ok(made(SubnetScout::default(), performer)))
    };
    Spec::new("subnet-scout", Policy::default(), inbox, start)
        .follow(boards.place.subscribe(), SubnetMail::Place)
}

fn eni_manager(inbox: Inbox<EniMail>, house: &Household, boards: &Boards, links: &Links) -> Spec<EniManager> {
    let config = eni_config(&house.settings, house.seed);
    let world = house.world.clone();
    let (scout, place, publish) = (links.scout.clone(), boards.place.clone(), boards.enis.clone());
    let start = move |seat: Seat| {
        let (config, world) = (config.clone(), world.clone());
        let performer = EniPerformer {
            ec2: world.ec2,
            imds: world.imds,
            port_timeout: world.aws_timeout,
            intents: world.intents.clone(),
            scout: scout.clone(),
            place: place.clone(),
            publish: publish.clone(),
        };
        async move {
            let found = world.intents.load().await;
            let born = Born { at: seat.clock.now(), unix_nanoseconds: (world.wall)() };
            Ok(made(EniManager::recover(config, born, found), performer))
        }
    };
    Spec::new("eni-manager", Policy::default(), inbox, start)
        .follow(boards.demand.subscribe(), EniMail::Demand)
        .follow(boards.subnets.subscribe(), EniMail::Subnets)
}

fn eni_config(settings: &Settings, seed: u64) -> EniConfig {
    EniConfig {
        seed,
        max_enis: settings.node.max_enis,
        cluster_name: settings.node.cluster_name.clone(),
        additional_tags: settings.ec2.additional_eni_tags.clone(),
    }
}

fn cni_server(
    inbox: Inbox<CniMail>,
    house: &Household,
    boards: &Boards,
    links: &Links,
    board: &HealthBoard,
) -> Spec<CniServer> {
    let settings = &house.settings;
    let front = Front {
        config: FrontConfig {
            socket: settings.daemon.socket_path.clone(),
            spool: settings.daemon.spool_directory.clone(),
            add_deadline: Duration::from_secs(settings.cni.add_deadline_seconds.into()),
            veth_prefix: house.veth_prefix.clone(),
            pod_mtu_bytes: settings.pod_mtu_bytes(),
            version: source_digest::VERSION.to_owned(),
            source_digest: source_digest::BUILT_FROM.to_owned(),
        },
        pool: links.pool.clone(),
        routes: links.routes.clone(),
        counts: links.front.clone(),
        leases: boards.leases.subscribe(),
        ready: board.ready(),
        clock: house.clock,
        wall: house.world.wall,
        streams: Arc::new(AtomicU64::new(1)),
    };
    let (front, doors, publish) = (Arc::new(front), house.doors.clone(), boards.front.clone());
    let announcer = Arc::new(Announcer::new(announcement(settings)));
    let start = move |seat: Seat| {
        let performer = doors.cni(front.clone(), announcer.clone(), seat.fence, publish.clone());
        std::future::ready(Ok((CniServer::default(), performer)))
    };
    Spec::new("cni-server", indispensable(), inbox, start)
        .follow(boards.enis.subscribe(), CniMail::Enis)
        .follow(boards.host.subscribe(), CniMail::Host)
        .follow(boards.demand.subscribe(), CniMail::Demand)
}

/// What the runtime is told. Socket and spool are mounted where the node has them, so that the shim finds them by the same names.
fn announcement(settings: &Settings) -> AnnounceConfig {
    let directory = settings.daemon.socket_path.parent().unwrap_or(Path::new("/"));
    AnnounceConfig {
        list: settings.cni.configuration_directory.join(LIST_NAME),
        programs: settings.cni.binary_directory.clone(),
        mark_directory: directory.to_path_buf(),
        ours: OurPlugin {
            kind: format!("enid-cni-{}", source_digest::VERSION),
            veth_prefix: settings.dataplane.veth_prefix.clone(),
            mtu_bytes: settings.pod_mtu_bytes(),
            state_directory: directory.display().to_string(),
            spool_directory: settings.daemon.spool_directory.display().to_string(),
        },
    }
}

fn made<C: Core>(core: C, performer: impl Performer<C>) -> Made<C> {
    (core, Arc::new(performer))
}

fn connected(world: &World) -> Result<Arc<dyn Host>, StartError> {
    (world.connect_host)().map_err(not_started)
}

fn not_started(error: impl std::fmt::Display) -> StartError {
    StartError(error.to_string())
}
