//! Facts for tests: a node where all is well, to be spoiled one thing at a time.

use contract::causes::Cause;
use contract::mail::health_server::{ChildHealth, FrontView};
use contract::mail::route_programmer::HostView;
use contract::model::{
    AttachmentKey, Eni, EniAddress, EniId, EniView, Growth, Lease, LeasePhase, LeaseView, Mac, Pod,
    PoolCounts, Subnet, SubnetId, SubnetMark, SubnetView,
};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::plan::Facts;

pub(crate) fn child(name: &'static str) -> ChildHealth {
    ChildHealth {
        name,
        running: true,
        state: "running".into(),
        incarnation: 2,
        restarts: vec![("panic", 1)],
        last_cause: None,
    }
}

pub(crate) fn well() -> Facts {
    let counts = PoolCounts {
        total: 11,
        leased: 1,
        cooling: 2,
        pinned: 3,
        leaving: 2,
        free: 3,
        waiting: 0,
        wanted: 9,
    };
    let address = Ipv4Addr::new(10, 0, 1, 10);
    let names =
        ["eni-manager", "subnet-scout", "warm-pool", "route-programmer", "health-server", "cni-server"];
    Facts {
        enis: Some(EniView { complete: true, enis: vec![eni(address)], ..EniView::unknown() }),
        leases: Some(LeaseView {
            leases: vec![lease(address)],
            counts,
            waiting_since: None,
            waiting_for: None,
            checkpoint_trouble: None,
        }),
        subnets: Some(SubnetView { complete: true, subnets: vec![subnet(None)], trouble: None }),
        host: Some(HostView { read: true, enis_ready: 1, trouble: None, changes: 7 }),
        front: Some(FrontView {
            listening: true,
            adds_in_flight: 1,
            answers: vec![(("ADD", "ok"), 5), (("ADD", "PoolEmpty"), 2), (("DEL", "ok"), 4)],
            spool_worked_off: 3,
            trouble: None,
            announced: true,
            unannounced: None,
        }),
        children: Some(names.map(child).to_vec()),
        http_trouble: None,
        gaps: Vec::new(),
    }
}

fn eni(address: Ipv4Addr) -> Eni {
    Eni {
        id: EniId::new("eni-1"),
        mac: Mac([2, 0, 0, 0, 0, 1]),
        card: 0,
        device: 1,
        subnet: SubnetId::new("subnet-1"),
        subnet_cidr: "10.0.1.0/24".parse().unwrap(),
        primary_address: Ipv4Addr::new(10, 0, 1, 5),
        addresses: vec![EniAddress { address, confirmed: true }],
        address_limit: Some(10),
        since: contract::Boottime::ZERO,
        leaving: false,
    }
}

fn lease(address: Ipv4Addr) -> Lease {
    let key = AttachmentKey { network: "aws-cni".into(), container_id: "c".into(), ifname: "eth0".into() };
    Lease { key, pod: Pod::default(), address, phase: LeasePhase::Assigned, allocated_unix_nanoseconds: 0 }
}

pub(crate) fn subnet(cause: Option<Cause>) -> Subnet {
    let mark = cause.map(|cause| SubnetMark { cause, until: Duration::from_secs(900), failures: 1 });
    Subnet { id: SubnetId::new("subnet-1"), cidr: None, free_addresses: Some(42), mark }
}

pub(crate) fn throttled() -> Cause {
    Cause::Throttled { action: "AssignPrivateIpAddresses" }
}

pub(crate) fn exhausted() -> Cause {
    Cause::SubnetExhausted { subnet: SubnetId::new("subnet-1"), detail: "no \"room\"\nleft".into() }
}

pub(crate) fn held(cause: Cause) -> Growth {
    Growth::Held(cause)
}
