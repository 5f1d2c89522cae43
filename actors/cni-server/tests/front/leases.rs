//! What WarmPool publishes, for tests that only read it.

use contract::model::{AttachmentKey, Lease, LeasePhase, LeaseView, Pod, PoolCounts};
use std::net::Ipv4Addr;

pub(crate) fn held(container_id: &str, address: Ipv4Addr, phase: LeasePhase) -> Lease {
    let key =
        AttachmentKey { network: "aws-cni".into(), container_id: container_id.into(), ifname: "eth0".into() };
    Lease { key, pod: Pod::default(), address, phase, allocated_unix_nanoseconds: 0 }
}

pub(crate) fn view_of(leases: Vec<Lease>) -> LeaseView {
    LeaseView {
        leases,
        counts: PoolCounts::default(),
        waiting_since: None,
        waiting_for: None,
        checkpoint_trouble: None,
    }
}
