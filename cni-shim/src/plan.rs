//! The daemon's wiring plan, checked. Pure. A plan that holds anything odd is refused whole, before the first step: an
//! operation of another protocol, a MAC that is no unicast one, an address no pod can have, a route nobody announced.

use std::net::Ipv4Addr;

use protocol::operation::Operation as Wire;
use protocol::{Operation, WiringPlan};

use crate::netconf::MTU_BYTES;

/// A pod needs six operations; twice that leaves room for a second next hop.
pub const OPERATIONS_MAX: usize = 12;

/// A link-layer address.
pub type Mac = [u8; 6];

/// A plan that may be carried out: first the pair, then what stands inside, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedPlan {
    /// MAC of the host's end.
    pub host_mac: Mac,
    /// MTU of both ends, bytes.
    pub mtu_bytes: u32,
    /// Keep the host's end out of IPv6 autoconfiguration, before it is up.
    pub quiet: bool,
    /// The pod's one address.
    pub address: Ipv4Addr,
    /// What stands inside, in order.
    pub inside: Vec<Inside>,
}

/// One thing inside the pod's namespace, on the pod's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// A link-scope route to one address.
    LinkRoute(Ipv4Addr),
    /// The default route by a next hop.
    DefaultRoute(Ipv4Addr),
    /// The pod's address, as /32.
    Address(Ipv4Addr),
    /// A permanent neighbour entry, at the MAC of the host's end.
    Neighbour(Ipv4Addr, Mac),
}

/// Why a plan is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Too many operations.
    #[error("{found} operations, and {OPERATIONS_MAX} are the most")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// The first operation must make the pair.
    #[error("it does not begin with the veth pair")]
    NoVeth,
    /// An operation came twice.
    #[error("operation {index}: {operation} came before")]
    Twice {
        /// Its place.
        index: usize,
        /// Which.
        operation: &'static str,
    },
    /// An operation this shim does not know.
    #[error("operation {index}: unknown to this shim (protocol {})", protocol::PROTOCOL)]
    Unknown {
        /// Its place.
        index: usize,
    },
    /// A value cannot be what it says.
    #[error("operation {index}: {what}")]
    Odd {
        /// Its place.
        index: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// No address at all.
    #[error("it gives the pod no address")]
    NoAddress,
}

/// Checks a plan.
///
/// # Errors
/// [`PlanError`] for the first thing that is odd.
pub fn check(plan: &WiringPlan) -> Result<CheckedPlan, PlanError> {
    if plan.operations.len() > OPERATIONS_MAX {
        return Err(PlanError::TooMany { found: plan.operations.len() });
    }
    let mut operations = plan.operations.iter().enumerate();
    let Some((_, Operation { operation: Some(Wire::Veth(veth)) })) = operations.next() else {
        return Err(PlanError::NoVeth);
    };
    let host_mac = mac(0, &veth.host_mac)?;
    if host_mac.first().is_none_or(|first| first & 0b10 == 0) {
        return Err(odd(0, "the host's MAC is not locally administered"));
    }
    if !MTU_BYTES.contains(&veth.mtu_bytes) {
        return Err(odd(0, "the MTU is not from 576 to 9001"));
    }
    let mut draft = Draft { host_mac, quiet: false, address: None, inside: Vec::new() };
    for (index, operation) in operations {
        let operation = operation.operation.as_ref();
        draft.take(index, operation.ok_or(PlanError::Unknown { index })?)?;
    }
    Ok(CheckedPlan {
        host_mac,
        mtu_bytes: veth.mtu_bytes,
        quiet: draft.quiet,
        address: draft.address.ok_or(PlanError::NoAddress)?,
        inside: draft.inside,
    })
}

/// What was taken so far.
struct Draft {
    host_mac: Mac,
    quiet: bool,
    address: Option<Ipv4Addr>,
    inside: Vec<Inside>,
}

impl Draft {
    fn take(&mut self, index: usize, operation: &Wire) -> Result<(), PlanError> {
        let step = match operation {
            Wire::Veth(_) => return Err(twice(index, "veth")),
            Wire::QuietHostVeth(_) if self.quiet => return Err(twice(index, "quiet_host_veth")),
            Wire::QuietHostVeth(_) => {
                self.quiet = true;
                return Ok(());
            }
            Wire::LinkRoute(route) => Inside::LinkRoute(next_hop(index, &route.to)?),
            Wire::DefaultRoute(route) => {
                let via = next_hop(index, &route.via)?;
                self.announced(index, via)?;
                Inside::DefaultRoute(via)
            }
            Wire::Address(_) if self.address.is_some() => return Err(twice(index, "address")),
            Wire::Address(operation) => {
                let address = pod_address(index, &operation.address)?;
                self.address = Some(address);
                Inside::Address(address)
            }
            Wire::Neighbour(neighbour) => {
                let address = next_hop(index, &neighbour.address)?;
                self.announced(index, address)?;
                if mac(index, &neighbour.mac)? != self.host_mac {
                    return Err(odd(index, "a neighbour that is not the host's end"));
                }
                Inside::Neighbour(address, self.host_mac)
            }
        };
        if self.inside.contains(&step) {
            return Err(twice(index, "the same operation"));
        }
        self.inside.push(step);
        Ok(())
    }

    fn announced(&self, index: usize, next_hop: Ipv4Addr) -> Result<(), PlanError> {
        if self.inside.contains(&Inside::LinkRoute(next_hop)) {
            return Ok(());
        }
        Err(odd(index, "a next hop without a link route before it"))
    }
}

fn address(index: usize, bytes: &[u8]) -> Result<Ipv4Addr, PlanError> {
    <[u8; 4]>::try_from(bytes)
        .map(Ipv4Addr::from)
        .map_err(|_| odd(index, "an address that is not four bytes"))
}

/// A pod's next hop is link-local: it exists nowhere.
fn next_hop(index: usize, bytes: &[u8]) -> Result<Ipv4Addr, PlanError> {
    let address = address(index, bytes)?;
    if !address.is_link_local() {
        return Err(odd(index, "a next hop that is not link-local"));
    }
    Ok(address)
}

fn pod_address(index: usize, bytes: &[u8]) -> Result<Ipv4Addr, PlanError> {
    let address = address(index, bytes)?;
    let [first, ..] = address.octets();
    // 0/8, loopback, link-local, and all from multicast on.
    if first == 0 || first >= 224 || address.is_loopback() || address.is_link_local() {
        return Err(odd(index, "an address that no pod can have"));
    }
    Ok(address)
}

fn mac(index: usize, bytes: &[u8]) -> Result<Mac, PlanError> {
    let mac = Mac::try_from(bytes).map_err(|_| odd(index, "a MAC that is not six bytes"))?;
    if mac.first().is_none_or(|first| first & 1 == 1) || mac == [0; 6] {
        return Err(odd(index, "a MAC that is not a unicast one"));
    }
    Ok(mac)
}

fn odd(index: usize, what: &'static str) -> PlanError {
    PlanError::Odd { index, what }
}

fn twice(index: usize, operation: &'static str) -> PlanError {
    PlanError::Twice { index, operation }
}
