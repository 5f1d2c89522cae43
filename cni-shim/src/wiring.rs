//! Carries a checked plan out: in the pod's namespace, on the pod's end named CNI_IFNAME and on the host's end whose name
//! the shim derived, and nowhere else. Every step is *ensure*: a second ADD over a half-made pod ends as the first would.

use std::io;

use crate::damage::Seen;
use crate::netlink::{Link, LinkAddress, Netlink, Pair};
use crate::netns::{NamespaceError, Namespaces};
use crate::plan::{CheckedPlan, Inside, Mac};

/// The settings of the host's end that a container may not write, with the peer's values.
const QUIET_SETTINGS: [(&str, &str); 3] =
    [("accept_ra", "0"), ("accept_redirects", "1"), ("forwarding", "0")];

/// Where a plan is carried out: two namespaces with a socket in each, and two names.
#[derive(Debug)]
pub struct Site {
    namespaces: Namespaces,
    ifname: String,
    host_veth: String,
    host: Netlink,
    pod: Netlink,
}

/// What stands on the host afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostEnd {
    /// Its index.
    pub index: u32,
    /// Its MAC, as the kernel has it.
    pub mac: Mac,
}

/// A step that failed.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The kernel refused.
    #[error("{step}: {source}")]
    Kernel {
        /// Which step.
        step: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// The pod has an interface of that name, and it is not ours.
    #[error("veth: {ifname} is in the pod's namespace already, and is not the other end of {host_veth}")]
    Foreign {
        /// The pod's end.
        ifname: String,
        /// The host's end.
        host_veth: String,
    },
    /// The host has a link of our name that is no veth.
    #[error("veth: {host_veth} is on the host already, and is no veth")]
    NotAVeth {
        /// The host's end.
        host_veth: String,
    },
    /// The pair vanished while it was looked at.
    #[error("veth: {host_veth} vanished from the host")]
    Vanished {
        /// The host's end.
        host_veth: String,
    },
}

impl WiringError {
    /// The step, in the words of the plan.
    #[must_use]
    pub fn step(&self) -> &'static str {
        match self {
            Self::Kernel { step, .. } => step,
            Self::Foreign { .. } | Self::NotAVeth { .. } | Self::Vanished { .. } => "veth",
        }
    }
}

/// Both ends of the pair.
struct Ends {
    inside: Link,
    outside: Link,
}

// === impl Site ===

impl Site {
    /// Opens the sockets, so that a namespace that cannot be entered is known before anything is asked of the daemon.
    ///
    /// # Errors
    /// [`NamespaceError`].
    pub fn open(namespaces: Namespaces, ifname: &str, host_veth: &str) -> Result<Self, NamespaceError> {
        let pod = Netlink::in_pod(&namespaces).map_err(|error| match error.kind() {
            // What setns says to a namespace of another kind.
            io::ErrorKind::InvalidInput => NamespaceError::NotANamespace,
            _ => NamespaceError::Unusable(error),
        })?;
        Ok(Self {
            host: Netlink::here().map_err(NamespaceError::Unusable)?,
            pod,
            namespaces,
            ifname: ifname.to_owned(),
            host_veth: host_veth.to_owned(),
        })
    }

    /// The host's end.
    #[must_use]
    pub fn host_veth(&self) -> &str {
        &self.host_veth
    }

    /// Carries the plan out.
    ///
    /// # Errors
    /// [`WiringError`] for the first step that failed; what stands already stays, for the next try or for DEL.
    pub fn carry_out(&mut self, plan: &CheckedPlan) -> Result<HostEnd, WiringError> {
        let (ends, existed) = self.ensure_pair(plan)?;
        if plan.quiet {
            quiet(&self.host_veth).map_err(kernel("quiet_host_veth"))?;
        }
        let mac = Some(plan.host_mac).filter(|mac| *mac != ends.outside.mac);
        self.host.raise(ends.outside.index, plan.mtu_bytes, mac).map_err(kernel("raise the host's end"))?;
        if existed {
            self.pod.raise(ends.inside.index, plan.mtu_bytes, None).map_err(kernel("raise the pod's end"))?;
            self.remove_others(ends.inside.index, plan)?;
        }
        for step in &plan.inside {
            self.stand(ends.inside.index, *step)?;
        }
        Ok(HostEnd { index: ends.outside.index, mac: plan.host_mac })
    }

    /// Makes the pair, or finds it made. Looked for only when making it fails: the usual ADD finds nothing.
    fn ensure_pair(&mut self, plan: &CheckedPlan) -> Result<(Ends, bool), WiringError> {
        match self.create(plan) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if let Some(ends) = self.make_way()? {
                    return Ok((ends, true));
                }
                self.create(plan).map_err(kernel("veth"))?;
            }
            Err(error) => return Err(kernel("veth")(error)),
        }
        match self.look()? {
            (Some(inside), Some(outside)) => Ok((Ends { inside, outside }, false)),
            _ => Err(WiringError::Vanished { host_veth: self.host_veth.clone() }),
        }
    }

    fn create(&mut self, plan: &CheckedPlan) -> io::Result<()> {
        let pair = Pair {
            ifname: &self.ifname,
            host_veth: &self.host_veth,
            host_mac: plan.host_mac,
            mtu_bytes: plan.mtu_bytes,
        };
        self.pod.create_pair(pair, self.namespaces.host())
    }

    /// A name is taken. Our own pair is taken over; the link of an earlier pod of this name goes; anything else is left
    /// alone, and refused.
    fn make_way(&mut self) -> Result<Option<Ends>, WiringError> {
        let (inside, outside) = self.look()?;
        if let (Some(inside), Some(outside)) = (&inside, &outside)
            && is_pair(&mut self.host, &self.namespaces, inside, outside).map_err(kernel("veth"))?
        {
            return Ok(Some(Ends { inside: inside.clone(), outside: outside.clone() }));
        }
        if inside.is_some() {
            return Err(WiringError::Foreign {
                ifname: self.ifname.clone(),
                host_veth: self.host_veth.clone(),
            });
        }
        match outside {
            Some(outside) if outside.veth => {
                self.host.delete_link(outside.index).map_err(kernel("delete the link of an earlier pod"))?
            }
            Some(_) => {
                return Err(WiringError::NotAVeth { host_veth: self.host_veth.clone() });
            }
            None => {}
        }
        Ok(None)
    }

    /// All that a CHECK of the pod's side needs.
    ///
    /// # Errors
    /// What could not be read.
    pub fn look_whole(&mut self) -> Result<Seen, WiringError> {
        let (inside, outside) = self.look()?;
        let mut seen = Seen { inside, outside, ..Seen::default() };
        if let (Some(inside), Some(outside)) = (&seen.inside, &seen.outside) {
            seen.paired = is_pair(&mut self.host, &self.namespaces, inside, outside)
                .map_err(kernel("look at the pair"))?;
        }
        if let Some(inside) = &seen.inside {
            seen.addresses =
                self.pod.global_addresses(inside.index).map_err(kernel("read the pod's addresses"))?;
            seen.routes = self.pod.main_routes().map_err(kernel("read the pod's routes"))?;
            seen.neighbours = self.pod.neighbours().map_err(kernel("read the pod's neighbours"))?;
        }
        Ok(seen)
    }

    fn look(&mut self) -> Result<(Option<Link>, Option<Link>), WiringError> {
        let inside = self.pod.link_named(&self.ifname);
        let outside = self.host.link_named(&self.host_veth);
        Ok((
            inside.map_err(kernel("look at the pod's end"))?,
            outside.map_err(kernel("look at the host's end"))?,
        ))
    }

    /// A half-made pod may carry the address of an earlier lease.
    fn remove_others(&mut self, index: u32, plan: &CheckedPlan) -> Result<(), WiringError> {
        let failed = || kernel("remove the address of an earlier try");
        let wanted = LinkAddress { address: plan.address, prefix_bits: 32 };
        for address in self.pod.global_addresses(index).map_err(failed())? {
            if address != wanted {
                self.pod.remove_address(index, address).map_err(failed())?;
            }
        }
        Ok(())
    }

    fn stand(&mut self, index: u32, step: Inside) -> Result<(), WiringError> {
        let pod = &mut self.pod;
        match step {
            Inside::LinkRoute(to) => pod.link_route(index, to).map_err(kernel("link_route")),
            Inside::DefaultRoute(via) => pod.default_route(index, via).map_err(kernel("default_route")),
            Inside::Address(address) => pod.add_address(index, address).map_err(kernel("address")),
            Inside::Neighbour(address, mac) => {
                pod.neighbour(index, address, mac).map_err(kernel("neighbour"))
            }
        }
    }
}

/// Takes the addresses off a pod's interface, so that a namespace that lingers no longer carries them. Only off the end of
/// a pair whose other end is on this host under a name with this prefix; true if there was one.
///
/// # Errors
/// The first thing that failed; addresses before it are off.
pub fn strip(namespaces: &Namespaces, ifname: &str, prefix: &str) -> io::Result<bool> {
    let mut host = Netlink::here()?;
    let mut pod = Netlink::in_pod(namespaces)?;
    let Some(inside) = pod.link_named(ifname)? else {
        return Ok(false);
    };
    let Some(peer_index) = inside.peer_index.filter(|_| inside.veth) else {
        return Ok(false);
    };
    let Some(outside) = host.link_at(peer_index)? else {
        return Ok(false);
    };
    if !outside.name.starts_with(prefix) || !is_pair(&mut host, namespaces, &inside, &outside)? {
        return Ok(false);
    }
    for address in pod.global_addresses(inside.index)? {
        pod.remove_address(inside.index, address)?;
    }
    Ok(true)
}

/// Are these the two ends of one pair? Indexes repeat between namespaces, so the namespace's number decides.
fn is_pair(host: &mut Netlink, namespaces: &Namespaces, inside: &Link, outside: &Link) -> io::Result<bool> {
    let crossed = inside.veth
        && outside.veth
        && inside.peer_index == Some(outside.index)
        && outside.peer_index == Some(inside.index);
    if !crossed {
        return Ok(false);
    }
    let number = host.number_of(namespaces.pod())?;
    Ok(number.is_some() && number == outside.peer_netns)
}

/// The name holds letters, digits, `-` and `_` only, so it cannot lead elsewhere. A kernel without IPv6 has no such files.
fn quiet(host_veth: &str) -> io::Result<()> {
    for (setting, value) in QUIET_SETTINGS {
        let path = format!("/proc/sys/net/ipv6/conf/{host_veth}/{setting}");
        match std::fs::OpenOptions::new().write(true).open(&path) {
            Ok(mut file) => io::Write::write_all(&mut file, value.as_bytes())?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn kernel(step: &'static str) -> impl FnOnce(io::Error) -> WiringError {
    move |source| WiringError::Kernel { step, source }
}
