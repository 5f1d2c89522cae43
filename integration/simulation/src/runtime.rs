//! The container runtime and its pods: ADD once, a DEL after a failure, DEL twice at the end, and a spool when nobody answers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use cni_server::serve_del;
use contract::ports::host::HostChange;
use fakes::{Shared, World};
use host::NamespaceId;
use protocol::{DelRequest, PROTOCOL};
use tokio::task::AbortHandle;

use crate::model::{Phase, Sandbox};
use crate::shim;
use crate::stage::Stage;

/// The shim gives a DEL so long before it spools it.
const DEL: Duration = Duration::from_secs(10);

/// No ADD takes longer, whatever happens: the shim's own limit and its wiring.
pub(crate) const ADD_MAX: Duration = Duration::from_secs(205);

/// The runtime.
#[derive(Clone)]
pub(crate) struct Runtime {
    stage: Stage,
    /// Shims of ADDs under way.
    shims: Shared<BTreeMap<u32, AbortHandle>>,
}

impl Runtime {
    pub(crate) fn new(stage: Stage) -> Self {
        Self { stage, shims: Shared::default() }
    }

    /// Makes a sandbox and executes ADD, in the background.
    pub(crate) fn add(&self, pod: u32) {
        let stage = self.stage.clone();
        let namespace = stage.world.with(sandbox_namespace);
        let now = stage.world.now();
        let Some(sandbox) = stage.model.with(|model| model.begin(pod, namespace, now)) else {
            return stage.world.with(|world| world.linux.delete_namespace(namespace));
        };
        let runtime = self.clone();
        let shim = tokio::task::spawn_local(async move {
            // A DEL of this very attachment that lies in the spool is of an earlier life.
            stage.porch.forget_spooled(&del_request(&sandbox));
            let added = shim::add(stage.clone(), sandbox.clone(), namespace).await;
            runtime.shims.with(|shims| shims.remove(&pod));
            runtime.added(pod, &sandbox, added).await;
        });
        self.shims.with(|shims| shims.insert(pod, shim.abort_handle()));
    }

    async fn added(&self, pod: u32, sandbox: &Sandbox, added: Result<Ipv4Addr, shim::Refusal>) {
        let stage = &self.stage;
        let now = stage.world.now();
        if now.saturating_sub(sandbox.began_at) > ADD_MAX {
            stage.judge.violated(format!("ADD of {} took longer than {ADD_MAX:?}", sandbox.pod));
        }
        match added {
            Ok(address) => {
                stage.judge.added(true);
                if let Some(wrong) = stage.model.with(|model| model.came_up(sandbox, address, now)) {
                    stage.judge.violated(wrong);
                }
            }
            Err(refusal) => {
                stage.judge.added(false);
                if !stage.model.with(|model| model.excuses(&refusal.label, sandbox.began_at, now)) {
                    let (label, text) = (refusal.label, refusal.text);
                    let waited = now.saturating_sub(sandbox.began_at);
                    stage.judge.violated(format!(
                        "ADD of {} failed after {waited:?} in fair weather: {label}: {text}",
                        sandbox.pod
                    ));
                }
                self.delete(pod).await;
            }
        }
    }

    /// Takes a pod's sandbox away.
    pub(crate) async fn delete(&self, pod: u32) {
        let Some(sandbox) = self.leave(pod) else { return };
        if let Some(namespace) = sandbox.namespace {
            self.strip(namespace);
        }
        self.del(&sandbox).await;
        self.stage.dawdle(50).await;
        if let Some(namespace) = sandbox.namespace {
            self.stage.world.with(|world| world.linux.delete_namespace(namespace));
        }
        self.del(&sandbox).await;
        let now = self.stage.world.now();
        self.stage.model.with(|model| model.end(pod, now));
    }

    /// Takes it away without its namespace, which lingers on.
    pub(crate) async fn leak(&self, pod: u32) {
        let Some(sandbox) = self.leave(pod) else { return };
        self.del(&sandbox).await;
        let now = self.stage.world.now();
        self.stage.model.with(|model| {
            model.lingering.extend(sandbox.namespace);
            model.end(pod, now);
        });
    }

    /// Its namespace is gone, and nobody says so.
    pub(crate) fn vanish(&self, pod: u32) {
        let Some(sandbox) = self.leave(pod) else { return };
        if let Some(namespace) = sandbox.namespace {
            self.stage.world.with(|world| world.linux.delete_namespace(namespace));
        }
        self.stage.model.with(|model| {
            if let Some(known) = model.pods.get_mut(&pod) {
                known.phase = Phase::Lost;
                known.namespace = None;
            }
        });
    }

    /// The machine loses its power: shims, sandboxes and what lingers are gone; the runtime sends its DELs after the boot.
    pub(crate) fn power_loss(&self) {
        let pods: Vec<u32> = self.stage.model.with(|model| model.pods.keys().copied().collect());
        for pod in pods {
            self.vanish(pod);
        }
        let lingering = self.stage.model.with(|model| {
            model.boots();
            std::mem::take(&mut model.lingering)
        });
        for namespace in lingering {
            self.stage.world.with(|world| world.linux.delete_namespace(namespace));
        }
    }

    /// ADDs under way.
    pub(crate) fn adding(&self) -> usize {
        self.shims.with(|shims| shims.len())
    }

    /// The sandbox, from now on on its way out; its shim is killed if it still works.
    fn leave(&self, pod: u32) -> Option<Sandbox> {
        if let Some(shim) = self.shims.with(|shims| shims.remove(&pod)) {
            shim.abort();
        }
        let now = self.stage.world.now();
        self.stage.model.with(|model| model.leave(pod, now))
    }

    /// The addresses go off the pod's link first.
    fn strip(&self, namespace: NamespaceId) {
        self.stage.world.with(|world| {
            if let Err(errno) = world.linux.strip(world.host, namespace, "eth0", "eni") {
                world.troubles.push(format!("a pod's namespace cannot be stripped: {errno:?}"));
            }
        });
    }

    async fn del(&self, sandbox: &Sandbox) {
        self.stage.dawdle(3).await;
        let request = del_request(sandbox);
        let served = async {
            let door = self.stage.porch.door()?;
            door.fence.within(serve_del(&door.front, request.clone())).await?.ok()
        };
        if tokio::time::timeout(DEL, served).await.ok().flatten().is_none() {
            self.stage.porch.spool(request);
        }
    }

    /// Somebody takes one rule or route of a pod away.
    pub(crate) fn drift(&self, pod: u32, which: u64) {
        let up = self.stage.model.with(|model| model.pods.get(&pod).map(|sandbox| sandbox.phase));
        let Some(Phase::Up(address)) = up else { return };
        self.stage.world.with(|world| {
            let changes = standing_of(world, address);
            let index = usize::try_from(which).unwrap_or(0).checked_rem(changes.len()).unwrap_or(0);
            if let Some(change) = changes.get(index) {
                let _ = world.linux.apply(world.host, change);
            }
        });
    }
}

/// A namespace as the runtime hands it to a plugin: its loopback is up.
fn sandbox_namespace(world: &mut World) -> NamespaceId {
    let namespace = world.linux.add_namespace();
    let (ifindex, address) = (1, Ipv4Addr::LOCALHOST);
    for change in
        [HostChange::LinkUp { ifindex }, HostChange::AddAddress { ifindex, address, prefix_length: 8 }]
    {
        if let Err(error) = world.linux.apply(namespace, &change) {
            world.troubles.push(format!("loopback: {error:?}"));
        }
    }
    namespace
}

/// What takes each rule and route of an address away.
pub(crate) fn standing_of(world: &World, address: Ipv4Addr) -> Vec<HostChange> {
    let snapshot = world.linux.snapshot(world.host).unwrap_or_default();
    let routes = snapshot.routes.into_iter().filter(|route| route.to == address && route.prefix_length == 32);
    let rules = snapshot
        .rules
        .into_iter()
        .filter(|rule| rule.from == Some(address) || rule.to == Some(address.into()));
    routes.map(HostChange::RemoveRoute).chain(rules.map(HostChange::RemoveRule)).collect()
}

pub(crate) fn del_request(sandbox: &Sandbox) -> DelRequest {
    DelRequest { protocol: PROTOCOL, attachment: Some(shim::attachment(sandbox)) }
}
