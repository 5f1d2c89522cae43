//! Whether the shim would carry a plan out at all. Pure.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use contract::model::{Mac, WiringOperation, WiringPlan};

/// The shim's bounds.
const OPERATIONS_MAX: usize = 12;
const MTU_BYTES: RangeInclusive<u32> = 576..=9001;

/// Why the shim refuses a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlanProblem {
    /// More than a dozen operations.
    TooMany,
    /// It does not begin with the pair.
    NoVeth,
    /// The operation at this place came before.
    Twice(usize),
    /// The operation at this place has a value that cannot be.
    Odd(usize),
    /// It gives the pod no address.
    NoAddress,
}

/// What a plan says of the pair, and the pod's one address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Veth {
    pub(super) host_mac: Mac,
    pub(super) mtu_bytes: u32,
    pub(super) address: Ipv4Addr,
}

pub(super) fn check(plan: &WiringPlan) -> Result<Veth, PlanProblem> {
    if plan.operations.len() > OPERATIONS_MAX {
        return Err(PlanProblem::TooMany);
    }
    let Some((&WiringOperation::Veth { host_mac, mtu_bytes }, others)) = plan.operations.split_first() else {
        return Err(PlanProblem::NoVeth);
    };
    let Mac([first, ..]) = host_mac;
    if first & 0b11 != 0b10 || !MTU_BYTES.contains(&mtu_bytes) {
        return Err(PlanProblem::Odd(0));
    }
    let mut given = None;
    for (done, operation) in others.iter().enumerate() {
        let (index, before) = (done + 1, others.get(..done).unwrap_or_default());
        let once = given.is_some() && matches!(operation, WiringOperation::Address { .. });
        if once || matches!(operation, WiringOperation::Veth { .. }) {
            return Err(PlanProblem::Twice(index));
        }
        if !possible(operation, before, host_mac) {
            return Err(PlanProblem::Odd(index));
        }
        if before.contains(operation) {
            return Err(PlanProblem::Twice(index));
        }
        if let WiringOperation::Address { address } = operation {
            given = Some(*address);
        }
    }
    Ok(Veth { host_mac, mtu_bytes, address: given.ok_or(PlanProblem::NoAddress)? })
}

fn possible(operation: &WiringOperation, before: &[WiringOperation], host_mac: Mac) -> bool {
    let next_hop = |to: Ipv4Addr| to.is_link_local() && before.contains(&WiringOperation::LinkRoute { to });
    match *operation {
        WiringOperation::Veth { .. } | WiringOperation::QuietHostVeth => true,
        WiringOperation::LinkRoute { to } => to.is_link_local(),
        WiringOperation::DefaultRoute { via } => next_hop(via),
        WiringOperation::Address { address } => {
            let [first, ..] = address.octets();
            (1..224).contains(&first) && !address.is_loopback() && !address.is_link_local()
        }
        WiringOperation::Neighbour { address, mac } => next_hop(address) && mac == host_mac,
    }
}
