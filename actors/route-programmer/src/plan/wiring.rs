//! The plan for the inside of a pod's namespace, and what a request for one must fulfil.

use contract::causes::Cause;
use contract::model::{POD_GATEWAY, PodWiring, VethPrefix, WiringOperation, WiringPlan};

/// Smallest and largest MTU an IPv4 pod on a VPC can have, bytes: the least IPv4 allows, and the VPC's jumbo frame.
const MTU_BYTES: std::ops::RangeInclusive<u32> = 68..=9001;

/// The operations in the order of the agent we replace: the route to the next hop before the default route that uses it, the
/// address only then, the neighbour entry last.
#[must_use]
pub fn wiring_plan(wiring: &PodWiring) -> WiringPlan {
    WiringPlan {
        operations: vec![
            WiringOperation::Veth { host_mac: wiring.host_mac, mtu_bytes: wiring.mtu_bytes },
            WiringOperation::QuietHostVeth,
            WiringOperation::LinkRoute { to: POD_GATEWAY },
            WiringOperation::DefaultRoute { via: POD_GATEWAY },
            WiringOperation::Address { address: wiring.address },
            WiringOperation::Neighbour { address: POD_GATEWAY, mac: wiring.host_mac },
        ],
    }
}

/// Refuses a wiring that can only be a mistake, before anything is made of it.
pub(crate) fn check_wiring(wiring: &PodWiring, prefix: &VethPrefix) -> Result<(), Cause> {
    let wrong = |field, problem| Err(Cause::BadRequest { field, problem });
    if !wiring.host_veth.as_str().starts_with(prefix.as_str()) {
        return wrong("host_veth", format!("{} does not begin with {}", wiring.host_veth, prefix.as_str()));
    }
    if !MTU_BYTES.contains(&wiring.mtu_bytes) {
        let (least, most) = (MTU_BYTES.start(), MTU_BYTES.end());
        return wrong("mtu_bytes", format!("{} is not within {least} and {most}", wiring.mtu_bytes));
    }
    let address = wiring.address;
    if address.is_unspecified() || address.is_loopback() || address.is_multicast() || address.is_broadcast() {
        return wrong("address", format!("{address} is no pod's address"));
    }
    Ok(())
}
