//! What has to be made for a pod: inside its namespace by the shim (a plan of closed operations), and on the host by
//! RouteProgrammer.

use std::net::Ipv4Addr;

use super::{AttachmentKey, HostVeth, Mac, Pod, TableId};

/// The next hop of every pod: an address that exists nowhere, behind a permanent neighbour entry.
pub const POD_GATEWAY: Ipv4Addr = Ipv4Addr::new(169, 254, 1, 1);

/// One pod's wiring: all that both sides need to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodWiring {
    /// Whose.
    pub key: AttachmentKey,
    /// The pod, for its names.
    pub pod: Pod,
    /// The host-side link.
    pub host_veth: HostVeth,
    /// The MAC of the host-side link.
    pub host_mac: Mac,
    /// The pod's address.
    pub address: Ipv4Addr,
    /// The table of the ENI that carries the address.
    pub table: TableId,
    /// Device number of that ENI, which the CNI result carries for the agent we replace.
    pub device: u32,
    /// MTU of both ends, bytes.
    pub mtu_bytes: u32,
}

/// One thing the shim does, in its own pod namespace and on the two links it derived itself. No paths, no free-form
/// settings. Each is *ensure*: doing it twice is doing it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WiringOperation {
    /// Make the veth pair, the pod's end named CNI_IFNAME, the host's end with this MAC; both with this MTU, and up.
    Veth {
        /// MAC of the host's end.
        host_mac: Mac,
        /// MTU of both ends, bytes.
        mtu_bytes: u32,
    },
    /// Keep the host's end out of IPv6 autoconfiguration; a container cannot write those settings.
    QuietHostVeth,
    /// A route to one address over the pod's link, scope link.
    LinkRoute {
        /// Where to.
        to: Ipv4Addr,
    },
    /// The pod's default route.
    DefaultRoute {
        /// The next hop.
        via: Ipv4Addr,
    },
    /// The pod's address, as /32.
    Address {
        /// The address.
        address: Ipv4Addr,
    },
    /// A permanent neighbour entry for the next hop, at the MAC of the host's end.
    Neighbour {
        /// The next hop.
        address: Ipv4Addr,
        /// The MAC of the host's end.
        mac: Mac,
    },
}

/// The operations for the inside of a pod's namespace, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WiringPlan {
    /// In order; at most a dozen.
    pub operations: Vec<WiringOperation>,
}

/// What the shim found after it carried the plan out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostSide {
    /// Index of the host's end, which names repeat but indexes do not.
    pub ifindex: u32,
    /// Its MAC, as the kernel has it.
    pub mac: Mac,
}
