//! The reference: what the runtime was told, and what must therefore be true of the world. It knows nothing of how the node
//! works.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use contract::model::{AttachmentKey, LeasePhase, Pod};
use fakes::World;
use host::NamespaceId;

use crate::targets::Targets;

/// After a release an address rests for 30 s; with the release itself and a repeated call it is back within this.
const REST: Duration = Duration::from_secs(45);

/// An address that was a pod's is nobody else's for this long after its DEL began.
const REST_MIN: Duration = Duration::from_secs(30);

/// Pauses after failures grow to a minute; what is refused for so long after rough weather is still its doing.
pub(crate) const AFTERMATH: Duration = Duration::from_secs(90);

/// How far a sandbox is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// ADD is under way.
    Adding,
    /// ADD has succeeded: the pod has this address until its DEL begins.
    Up(Ipv4Addr),
    /// ADD has failed, or DEL has begun.
    Leaving,
    /// Its namespace is gone without a DEL, or out of the runtime's hands.
    Lost,
}

/// One sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    pub(crate) key: AttachmentKey,
    pub(crate) pod: Pod,
    pub(crate) namespace: Option<NamespaceId>,
    pub(crate) phase: Phase,
    pub(crate) began_at: Duration,
}

/// What the runtime knows, and what excuses there were.
#[derive(Debug, Default)]
pub(crate) struct Model {
    /// The newest sandbox of each pod.
    pub(crate) pods: BTreeMap<u32, Sandbox>,
    /// Namespaces that linger on, out of the runtime's hands.
    pub(crate) lingering: Vec<NamespaceId>,
    /// What the settings ask of the pool.
    pub(crate) targets: Targets,
    /// The most addresses it ever had a use for, what is spare included.
    useful: u32,
    pub(crate) rough: bool,
    rough_at: Option<Duration>,
    crowded_at: Option<Duration>,
    deaths: Vec<Dying>,
    left_at: Vec<Duration>,
    /// Addresses that were pods', and when they were told to leave.
    rests: BTreeMap<Ipv4Addr, Duration>,
    sandboxes: u32,
}

/// A death on order.
#[derive(Debug)]
struct Dying {
    /// `None`: the daemon.
    room: Option<String>,
    since: Duration,
    /// The next life began.
    until: Option<Duration>,
}

impl Model {
    /// A node with these settings that has so many addresses, without pods.
    pub(crate) fn of_node(targets: Targets, has: u32) -> Self {
        Self { targets, useful: has.max(targets.useful(0)), ..Self::default() }
    }

    /// A sandbox for this pod, if it has none.
    pub(crate) fn begin(&mut self, pod: u32, namespace: NamespaceId, now: Duration) -> Option<Sandbox> {
        if self.pods.contains_key(&pod) {
            return None;
        }
        self.sandboxes += 1;
        let key = AttachmentKey {
            network: "aws-cni".to_owned(),
            container_id: format!("{:064x}", self.sandboxes),
            ifname: "eth0".to_owned(),
        };
        let pod_names =
            Pod { namespace: "default".to_owned(), name: format!("pod-{pod}"), uid: format!("uid-{pod}") };
        let sandbox =
            Sandbox { key, pod: pod_names, namespace: Some(namespace), phase: Phase::Adding, began_at: now };
        self.pods.insert(pod, sandbox.clone());
        self.look_around(now);
        Some(sandbox)
    }

    /// ADD has succeeded; what is wrong with the address that the pod was told.
    pub(crate) fn came_up(&mut self, sandbox: &Sandbox, address: Ipv4Addr, now: Duration) -> Option<String> {
        let mut pods = self.pods.values_mut();
        pods.find(|known| known.key == sandbox.key)?.phase = Phase::Up(address);
        let left_at = self.rests.remove(&address).filter(|left_at| *left_at + REST_MIN > now)?;
        let rested = now.saturating_sub(left_at);
        Some(format!("{} was told {address}, which another left {rested:?} before", sandbox.pod))
    }

    /// A pod's sandbox is on its way out from now on; `None` if it is already, or there is none.
    pub(crate) fn leave(&mut self, pod: u32, now: Duration) -> Option<Sandbox> {
        let sandbox = self.pods.get_mut(&pod).filter(|sandbox| sandbox.phase != Phase::Leaving)?;
        if let Phase::Up(address) = std::mem::replace(&mut sandbox.phase, Phase::Leaving) {
            self.rests.insert(address, now);
        }
        Some(sandbox.clone())
    }

    /// After a boot nobody remembers a pod's address: nothing rests.
    pub(crate) fn boots(&mut self) {
        self.rests.clear();
    }

    /// The runtime is done with a pod's sandbox.
    pub(crate) fn end(&mut self, pod: u32, now: Duration) {
        if self.pods.remove(&pod).is_some() {
            self.left_at.push(now);
        }
        self.look_around(now);
    }

    /// The daemon died, on order.
    pub(crate) fn died(&mut self, now: Duration) {
        self.deaths.push(Dying { room: None, since: now, until: Some(now) });
    }

    /// A room begins to die, on order: one that is stuck in a call lives until that is noticed.
    pub(crate) fn dies(&mut self, room: &str, now: Duration) {
        self.deaths.push(Dying { room: Some(room.to_owned()), since: now, until: None });
    }

    /// Its next life begins.
    pub(crate) fn lives_again(&mut self, room: &str, now: Duration) {
        let dying = self.deaths.iter_mut().filter(|dying| dying.room.as_deref() == Some(room));
        dying.for_each(|dying| {
            dying.until.get_or_insert(now);
        });
    }

    /// Notes what could excuse a refusal at this time.
    pub(crate) fn look_around(&mut self, now: Duration) {
        if self.rough {
            self.rough_at = Some(now);
        }
        self.left_at.retain(|at| *at + REST > now);
        let wanted = self.pods.len() + self.lingering.len() + self.left_at.len();
        let wanted = u32::try_from(wanted).unwrap_or(u32::MAX);
        self.useful = self.useful.max(self.targets.useful(wanted));
        if wanted > self.targets.capacity() {
            self.crowded_at = Some(now);
        }
    }

    /// For how long nothing was rough.
    pub(crate) fn fair_for(&self, now: Duration) -> Duration {
        if self.rough { Duration::ZERO } else { now.saturating_sub(self.rough_at.unwrap_or_default()) }
    }

    /// Whether an ADD that began then may fail now with this label.
    pub(crate) fn excuses(&self, label: &str, began_at: Duration, now: Duration) -> bool {
        let rough = self.rough || self.rough_at.is_some_and(|at| at + AFTERMATH >= began_at);
        let crowded = self.crowded_at.is_some_and(|at| at + REST >= began_at);
        let met = |dying: &&Dying| dying.since <= now && dying.until.is_none_or(|until| until >= began_at);
        let deaths = self.deaths.iter().filter(met).count();
        match label {
            // Nothing out there makes the node speak nonsense, or take its own shim's words for it.
            "BadRequest" | "Protocol" | "Simulation" => false,
            // A daemon that lives answers, whatever the weather.
            "TooLong" | "DaemonAbsent" => deaths >= 1,
            // A write that never answers, which is told after ten seconds; its owner's death comes later.
            "CheckpointWrite" => rough || deaths >= 1,
            _ => rough || crowded || deaths >= 2,
        }
    }

    /// Addresses of pods that were told so.
    pub(crate) fn up(&self) -> impl Iterator<Item = (&Sandbox, Ipv4Addr)> {
        self.pods.values().filter_map(|sandbox| match sandbox.phase {
            Phase::Up(address) => Some((sandbox, address)),
            _ => None,
        })
    }

    /// What of the promises is broken after a change in EC2.
    pub(crate) fn broken_by_change(&self, world: &World, now: Duration) -> Vec<String> {
        let mut broken = Vec::new();
        let attached = attached(world);
        let enis = world.region.enis_of(&world.instance).len();
        if enis > self.targets.enis_max as usize {
            broken.push(format!("{enis} ENIs are attached, and {} are allowed", self.targets.enis_max));
        }
        let rest = self.rests.iter().filter(|(_, left_at)| **left_at + REST_MIN > now);
        for (address, left_at) in rest.filter(|(address, _)| !attached.contains(*address)) {
            let rested = now.saturating_sub(*left_at);
            broken.push(format!("{address} was given back {rested:?} after a pod had left it"));
        }
        let links = world.linux.snapshot(world.host).unwrap_or_default().links;
        for address in links.into_iter().filter_map(|link| link.behind).flatten() {
            if !attached.contains(&address) {
                broken.push(format!("{address} is in use, and on no ENI of the node"));
            }
        }
        broken
    }

    /// What of the promises is broken now.
    pub(crate) fn broken(&self, world: &World) -> Vec<String> {
        let mut broken = Vec::new();
        let mut held: BTreeMap<Ipv4Addr, &Sandbox> = BTreeMap::new();
        let attached = attached(world);
        let durable: BTreeMap<&AttachmentKey, (Ipv4Addr, LeasePhase)> =
            world.durable().leases.iter().map(|lease| (&lease.key, (lease.address, lease.phase))).collect();
        // What is on its way back to EC2 serves nobody, and whoever comes meanwhile is bought for.
        let leaving: BTreeSet<Ipv4Addr> =
            world.durable().leaving.iter().flat_map(|leaving| leaving.addresses.iter().copied()).collect();
        let stay = attached.iter().filter(|address| !leaving.contains(*address)).count();
        if stay > self.useful as usize {
            broken.push(format!("{stay} addresses are bought, and {} were of use at most", self.useful));
        }
        for (sandbox, address) in self.up() {
            if let Some(other) = held.insert(address, sandbox) {
                broken.push(format!("{address} is both {}'s and {}'s", other.pod, sandbox.pod));
            }
            if !attached.contains(&address) {
                broken.push(format!("{address} of {} is on no ENI of the node", sandbox.pod));
            }
            if durable.get(&sandbox.key) != Some(&(address, LeasePhase::Assigned)) {
                let found = durable.get(&sandbox.key);
                broken.push(format!("{} was told {address}, and the disk says {found:?}", sandbox.pod));
            }
        }
        broken
    }
}

/// The addresses that pods can have on this node, by EC2's own truth.
fn attached(world: &World) -> BTreeSet<Ipv4Addr> {
    let enis = world.region.enis_of(&world.instance);
    enis.iter().flat_map(|eni| eni.secondaries.iter().copied()).collect()
}
