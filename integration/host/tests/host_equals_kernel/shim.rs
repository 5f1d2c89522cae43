//! The real shim's hand: a plan on the wire, checked and carried out by what containerd executes, told in the model's words.

use cni_shim::netns::Namespaces;
use cni_shim::plan::{self, PlanError};
use cni_shim::wiring;
use contract::model::{HostSide, Mac, WiringOperation, WiringPlan};
use host::{Errno, PlanProblem, WiringError};
use protocol::operation::Operation as Wire;

/// Carries a plan out from the namespace of this thread, in the one at `pod`.
pub(crate) fn carry_out(
    pod: &str,
    inside: &str,
    outside: &str,
    plan: &WiringPlan,
) -> Result<HostSide, WiringError> {
    let checked = check(plan).map_err(WiringError::Plan)?;
    let namespaces = Namespaces::open(pod).unwrap();
    let mut site = wiring::Site::open(namespaces, inside, outside).unwrap();
    match site.carry_out(&checked) {
        Ok(end) => Ok(HostSide { ifindex: end.index, mac: Mac(end.mac) }),
        Err(wiring::WiringError::Kernel { step, source }) => {
            Err(WiringError::Kernel { step, errno: Errno(source.raw_os_error().unwrap()) })
        }
        Err(wiring::WiringError::Foreign { .. }) => Err(WiringError::Foreign),
        Err(wiring::WiringError::NotAVeth { .. }) => Err(WiringError::NotAVeth),
        Err(other) => panic!("{other}"),
    }
}

/// The shim's judgement of a plan.
pub(crate) fn check(plan: &WiringPlan) -> Result<plan::CheckedPlan, PlanProblem> {
    let operations = plan.operations.iter().map(|known| protocol::Operation { operation: Some(wire(known)) });
    plan::check(&protocol::WiringPlan { operations: operations.collect() }).map_err(|error| match error {
        PlanError::TooMany { .. } => PlanProblem::TooMany,
        PlanError::NoVeth => PlanProblem::NoVeth,
        PlanError::Twice { index, .. } => PlanProblem::Twice(index),
        PlanError::Odd { index, .. } => PlanProblem::Odd(index),
        PlanError::NoAddress => PlanProblem::NoAddress,
        unknown @ PlanError::Unknown { .. } => panic!("{unknown}"),
    })
}

fn wire(operation: &WiringOperation) -> Wire {
    let four = |address: &std::net::Ipv4Addr| address.octets().to_vec();
    match operation {
        WiringOperation::Veth { host_mac, mtu_bytes } => {
            Wire::Veth(protocol::Veth { host_mac: host_mac.0.to_vec(), mtu_bytes: *mtu_bytes })
        }
        WiringOperation::QuietHostVeth => Wire::QuietHostVeth(protocol::QuietHostVeth {}),
        WiringOperation::LinkRoute { to } => Wire::LinkRoute(protocol::LinkRoute { to: four(to) }),
        WiringOperation::DefaultRoute { via } => {
            Wire::DefaultRoute(protocol::DefaultRoute { via: four(via) })
        }
        WiringOperation::Address { address } => Wire::Address(protocol::Address { address: four(address) }),
        WiringOperation::Neighbour { address, mac } => {
            Wire::Neighbour(protocol::Neighbour { address: four(address), mac: mac.0.to_vec() })
        }
    }
}
