//! A pod's side, as the shim makes and unmakes it: a wiring plan checked, then carried out in two namespaces step by step.

mod check;

use contract::model::{HostSide, Mac, WiringOperation, WiringPlan};

use crate::link::End;
use crate::machine::{Errno, Linux, NamespaceId};
use crate::namespace::{MAIN, Namespace};
use crate::neighbour::Neighbour;
use crate::setting::{Setting, Whose};
pub use check::PlanProblem;

/// What keeps the host's end out of IPv6 autoconfiguration.
const QUIET: [(Setting, u32); 3] =
    [(Setting::AcceptRa, 0), (Setting::AcceptRedirects, 1), (Setting::ForwardingV6, 0)];

/// Where a plan is carried out: two namespaces and two names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The host's namespace.
    pub host: NamespaceId,
    /// The pod's.
    pub pod: NamespaceId,
    /// The pod's end, CNI_IFNAME.
    pub ifname: String,
    /// The host's end.
    pub host_veth: String,
    /// The MAC of the pod's end if it is made now; the kernel takes a random one.
    pub pod_mac: Mac,
}

/// A plan that was not carried out, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WiringError {
    /// Refused before the first step.
    Plan(PlanProblem),
    /// The kernel refused a step.
    Kernel {
        /// Which step, in the shim's words.
        step: &'static str,
        /// What it said.
        errno: Errno,
    },
    /// The pod has a link of that name that is not the other end of ours.
    Foreign,
    /// The host has a link of our name that is no veth.
    NotAVeth,
}

/// The indexes of both ends.
struct Ends {
    inside: u32,
    outside: u32,
}

impl Linux {
    /// Carries a plan out, each step *ensure*: what stands of an earlier try is mended.
    ///
    /// # Errors
    /// [`WiringError`] for the first step that failed; what stands already stays.
    pub fn carry_out(&mut self, site: &Site, plan: &WiringPlan) -> Result<HostSide, WiringError> {
        let veth = check::check(plan).map_err(WiringError::Plan)?;
        let (ends, existed) = self.ensure_pair(site, veth)?;
        let host = self.namespace(site.host).map_err(kernel("veth"))?;
        if plan.operations.contains(&WiringOperation::QuietHostVeth) {
            for (setting, value) in QUIET {
                host.set(Whose::Link(ends.outside), setting, value).map_err(kernel("quiet_host_veth"))?;
            }
        }
        host.raise(ends.outside, veth.mtu_bytes, Some(veth.host_mac))
            .map_err(kernel("raise the host's end"))?;
        let pod = self.namespace(site.pod).map_err(kernel("veth"))?;
        if existed {
            pod.raise(ends.inside, veth.mtu_bytes, None).map_err(kernel("raise the pod's end"))?;
            pod.remove_global_addresses(ends.inside, |known| {
                (known.address, known.prefix_length) != (veth.address, 32)
            })
            .map_err(kernel("remove the address of an earlier try"))?;
        }
        for operation in &plan.operations {
            pod.stand(ends.inside, operation)?;
        }
        Ok(HostSide { ifindex: ends.outside, mac: veth.host_mac })
    }

    /// Takes the addresses off a pod's link at DEL, and with the last of them its routes and neighbours; only off the end of
    /// a pair whose other end is on the host under a name with this prefix. Whether there was one.
    ///
    /// # Errors
    /// `NODEV` for a namespace that is not there.
    pub fn strip(
        &mut self,
        host: NamespaceId,
        pod: NamespaceId,
        ifname: &str,
        prefix: &str,
    ) -> Result<bool, Errno> {
        let namespace = self.namespaces.get(&pod).ok_or(Errno::NODEV)?;
        let Some(inside) = namespace.index_of(ifname) else {
            return Ok(false);
        };
        let peer = namespace.links.get(&inside).and_then(|link| link.peer);
        let Some((elsewhere, outside)) = peer.filter(|(elsewhere, _)| *elsewhere == host) else {
            return Ok(false);
        };
        let outside = self.namespace(elsewhere)?.link(outside)?;
        if !outside.name.starts_with(prefix) {
            return Ok(false);
        }
        self.namespace(pod)?.remove_global_addresses(inside, |_| true)?;
        Ok(true)
    }

    /// Makes the pair, the pod's end up, or finds it made; whether it was.
    fn ensure_pair(&mut self, site: &Site, veth: check::Veth) -> Result<(Ends, bool), WiringError> {
        match self.create_pair(site, veth) {
            Err(Errno::EXIST) => {}
            made => return Ok((made.map_err(kernel("veth"))?, false)),
        }
        let at = |machine: &Self, id, name: &str| {
            machine.namespaces.get(&id).and_then(|known| known.index_of(name))
        };
        let inside = at(self, site.pod, &site.ifname);
        let outside = at(self, site.host, &site.host_veth);
        let peer = |machine: &Self, id, ifindex| machine.namespaces.get(&id)?.links.get(&ifindex)?.peer;
        match (inside, outside) {
            (Some(inside), Some(outside)) if peer(self, site.pod, inside) == Some((site.host, outside)) => {
                return Ok((Ends { inside, outside }, true));
            }
            (Some(_), _) => return Err(WiringError::Foreign),
            (None, Some(outside)) => {
                peer(self, site.host, outside).ok_or(WiringError::NotAVeth)?;
                self.delete_link(site.host, outside).map_err(kernel("delete the link of an earlier pod"))?;
            }
            (None, None) => {}
        }
        Ok((self.create_pair(site, veth).map_err(kernel("veth"))?, false))
    }

    fn create_pair(&mut self, site: &Site, veth: check::Veth) -> Result<Ends, Errno> {
        let mtu_bytes = veth.mtu_bytes;
        let inside = End { namespace: site.pod, name: site.ifname.clone(), mac: site.pod_mac, mtu_bytes };
        let outside =
            End { namespace: site.host, name: site.host_veth.clone(), mac: veth.host_mac, mtu_bytes };
        let (inside, outside) = self.veth(&inside, &outside)?;
        self.namespace(site.pod)?.link_up(inside)?;
        Ok(Ends { inside, outside })
    }
}

impl Namespace {
    /// A MAC that is the link's already is not set again: that would cost it its neighbours.
    fn raise(&mut self, ifindex: u32, mtu_bytes: u32, mac: Option<Mac>) -> Result<(), Errno> {
        let link = self.link(ifindex)?;
        let other = mac.filter(|mac| link.mac != Some(*mac));
        other.map_or(Ok(()), |mac| self.set_mac(ifindex, mac))?;
        self.link(ifindex)?.set_mtu(mtu_bytes)?;
        self.link_up(ifindex)
    }

    fn stand(&mut self, ifindex: u32, operation: &WiringOperation) -> Result<(), WiringError> {
        match *operation {
            WiringOperation::Veth { .. } | WiringOperation::QuietHostVeth => Ok(()),
            WiringOperation::LinkRoute { to } => {
                let route =
                    contract::ports::host::Route { table: MAIN, to, prefix_length: 32, via: None, ifindex };
                self.put_route(route).map_err(kernel("link_route"))
            }
            WiringOperation::DefaultRoute { via } => {
                self.put_default_route(ifindex, via).map_err(kernel("default_route"))
            }
            WiringOperation::Address { address } => {
                self.put_address(ifindex, address).map_err(kernel("address"))
            }
            WiringOperation::Neighbour { address, mac } => {
                self.put_neighbour(Neighbour { ifindex, address, mac }).map_err(kernel("neighbour"))
            }
        }
    }
}

fn kernel(step: &'static str) -> impl FnOnce(Errno) -> WiringError {
    move |errno| WiringError::Kernel { step, errno }
}
