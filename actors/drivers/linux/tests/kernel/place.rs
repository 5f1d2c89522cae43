//! The place a test runs in: a fresh network namespace on a thread of its own, pods in further ones, and a second, plain
//! netlink handle to prepare things and to check by.

use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use contract::model::{Fwmark, RulePriority, TableId};
use contract::ports::host::{Host, HostChange, HostError, HostSnapshot, Link, Route, Rule};
use futures::TryStreamExt;
use linux::LinuxHost;
use netlink_packet_route::link::{InfoData, InfoVeth};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth};
use rustix::thread::UnshareFlags;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Place {
    pub(crate) host: LinuxHost,
    pub(crate) plain: Handle,
}

/// A pod: its host link here, and a handle inside.
pub(crate) struct Pod {
    pub(crate) ifindex: u32,
    pub(crate) inside: Handle,
    pub(crate) eth0: u32,
    pub(crate) namespace: OwnedFd,
}

/// True, with a word of it, when the test cannot run here.
pub(crate) fn needs_root() -> bool {
    let missing = !rustix::process::geteuid().is_root();
    if missing {
        println!("SKIPPED: network namespaces need root");
    }
    missing
}

#[expect(deprecated, reason = "a network namespace alone shares nothing that a thread could lose")]
pub(crate) fn enter_new_namespace() {
    rustix::thread::unshare(UnshareFlags::NEWNET).unwrap();
}

pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

/// Runs a closure on a thread of its own, in a fresh namespace.
pub(crate) fn on_own_thread(work: impl FnOnce() + Send + 'static) {
    if needs_root() {
        return;
    }
    let thread = std::thread::spawn(|| {
        enter_new_namespace();
        work();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a test in a fresh namespace.
pub(crate) fn in_namespace<F: Future<Output = ()>>(test: impl FnOnce(Place) -> F + Send + 'static) {
    on_own_thread(|| runtime().block_on(async { test(Place::new()).await }));
}

/// Opens a plain handle in a namespace of its own, by a thread that goes away.
fn elsewhere() -> (Handle, OwnedFd) {
    let runtime = tokio::runtime::Handle::current();
    let opened = std::thread::spawn(move || {
        enter_new_namespace();
        let _guard = runtime.enter();
        let (connection, handle, _) = rtnetlink::new_connection().unwrap();
        runtime.spawn(connection);
        (handle, OwnedFd::from(std::fs::File::open("/proc/thread-self/ns/net").unwrap()))
    });
    opened.join().unwrap()
}

impl Place {
    pub(crate) fn new() -> Self {
        let (connection, plain, _) = rtnetlink::new_connection().unwrap();
        tokio::spawn(connection);
        Self { host: LinuxHost::connect(TIMEOUT).unwrap(), plain }
    }

    /// A veth pair with both ends here, both up, and lo too: a namespace without any address has no table `local`, and then
    /// the kernel takes every gateway for a broadcast address. The indexes of the two.
    pub(crate) async fn pair(&self, one: &str, other: &str) -> (u32, u32) {
        let message = LinkVeth::new(one, other).up().build();
        self.plain.link().add(message).execute().await.unwrap();
        let (one, other) = (index(&self.plain, one).await, index(&self.plain, other).await);
        self.apply([HostChange::LinkUp { ifindex: other }, HostChange::LinkUp { ifindex: 1 }]).await;
        (one, other)
    }

    /// A pod with a host link of this name.
    pub(crate) async fn pod(&self, name: &str) -> Pod {
        let (inside, namespace) = elsewhere();
        self.link_into(name, "eth0", &namespace).await;
        let (ifindex, eth0) = (index(&self.plain, name).await, index(&inside, "eth0").await);
        Pod { ifindex, inside, eth0, namespace }
    }

    pub(crate) async fn link_into(&self, name: &str, there: &str, namespace: &OwnedFd) {
        let peer =
            LinkMessageBuilder::<LinkUnspec>::new().name(there).setns_by_fd(namespace.as_raw_fd()).build();
        let message =
            LinkVeth::new(name, there).up().set_info_data(InfoData::Veth(InfoVeth::Peer(peer))).build();
        self.plain.link().add(message).execute().await.unwrap();
    }

    pub(crate) async fn apply<const N: usize>(&self, changes: [HostChange; N]) {
        assert_eq!(self.host.apply(changes.to_vec()).await, (N, None));
    }

    pub(crate) async fn refused(&self, change: HostChange) -> i32 {
        match self.host.apply(vec![change]).await {
            (0, Some(HostError::Refused { errno, .. })) => errno,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) async fn snapshot(&self) -> HostSnapshot {
        let snapshot = self.host.snapshot().await.unwrap();
        assert!(snapshot.complete);
        snapshot
    }

    pub(crate) async fn link(&self, ifindex: u32) -> Link {
        let links = self.snapshot().await.links;
        links.into_iter().find(|link| link.ifindex == ifindex).unwrap()
    }

    pub(crate) async fn rules_at(&self, at: u32) -> Vec<Rule> {
        let rules = self.snapshot().await.rules;
        rules.into_iter().filter(|rule| rule.priority == RulePriority(at)).collect()
    }
}

impl Pod {
    pub(crate) async fn give(&self, ifindex: u32, address: Ipv4Addr) {
        self.inside.address().add(ifindex, address.into(), 32).execute().await.unwrap();
    }
}

pub(crate) async fn index(handle: &Handle, name: &str) -> u32 {
    let mut links = handle.link().get().match_name(name).execute();
    links.try_next().await.unwrap().unwrap().header.index
}

pub(crate) fn ip(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, last)
}

/// A route of a single address.
pub(crate) fn route(table: u32, to: u8, via: Option<u8>, ifindex: u32) -> Route {
    Route { table: TableId(table), to: ip(to), prefix_length: 32, via: via.map(ip), ifindex }
}

pub(crate) fn default_route(table: u32, via: u8, ifindex: u32) -> Route {
    Route { table: TableId(table), to: Ipv4Addr::UNSPECIFIED, prefix_length: 0, via: Some(ip(via)), ifindex }
}

pub(crate) fn rule(priority: u32, from: Option<u8>, to: Option<u8>, mark: Option<u32>, table: u32) -> Rule {
    Rule {
        priority: RulePriority(priority),
        from: from.map(ip),
        to: to.map(|last| ip(last).into()),
        mark: mark.map(Fwmark),
        table: TableId(table),
    }
}
