//! A node for tests: its ENIs, links and pods, and how its kernel routes.

use std::net::Ipv4Addr;

use contract::model::{
    AttachmentKey, Eni, EniAddress, EniId, EniView, HostVeth, Lease, LeasePhase, LeaseView, Mac, Pod,
    PodWiring, PoolCounts, SubnetId, TableId, VethPrefix,
};
use contract::ports::host::{HostChange, HostSnapshot, Link, Route, RouteAnswer, RouteQuestion, Rule};

use crate::plan::fold;
use crate::state::{RouteConfig, SourcePorts};

pub(crate) const MTU: u32 = 9001;

pub(crate) fn config() -> RouteConfig {
    RouteConfig {
        eni_mtu_bytes: MTU,
        veth_prefix: VethPrefix::new("eni").unwrap(),
        snat: Some(SourcePorts::FullyRandom),
        snat_excluded: Vec::new(),
        node_ports: true,
        by_main: Vec::new(),
    }
}

pub(crate) fn eni_mac(device: u32) -> Mac {
    Mac([0x0a, 0, 0, 0, 1, u8::try_from(device).unwrap()])
}

/// The ENI at `device`, in 10.0.`device`.0/24, carrying .10 to .39 for pods.
pub(crate) fn eni(device: u32) -> Eni {
    let third = u8::try_from(device).unwrap();
    Eni {
        id: EniId::new(format!("eni-{device}")),
        mac: eni_mac(device),
        card: 0,
        device,
        subnet: SubnetId::new("subnet-1"),
        subnet_cidr: format!("10.0.{third}.0/24").parse().unwrap(),
        primary_address: Ipv4Addr::new(10, 0, third, 5),
        addresses: (10..40)
            .map(|last| EniAddress { address: Ipv4Addr::new(10, 0, third, last), confirmed: true })
            .collect(),
        address_limit: Some(31),
        since: contract::Boottime::ZERO,
        leaving: false,
    }
}

pub(crate) fn enis(devices: impl IntoIterator<Item = u32>) -> EniView {
    let vpc_cidrs = vec!["10.0.0.0/16".parse().unwrap()];
    EniView { complete: true, enis: devices.into_iter().map(eni).collect(), vpc_cidrs, ..EniView::unknown() }
}

pub(crate) fn eni_link(device: u32) -> Link {
    let third = u8::try_from(device).unwrap();
    let addresses = if device == 0 { vec![(Ipv4Addr::new(10, 0, third, 5), 24)] } else { Vec::new() };
    Link {
        ifindex: 2 + device,
        name: format!("eth{device}"),
        mac: Some(eni_mac(device)),
        mtu_bytes: 1500,
        up: device == 0,
        veth_to_elsewhere: false,
        rp_filter: Some(1),
        addresses,
        behind: None,
    }
}

pub(crate) fn address(device: u8, last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, device, last)
}

fn pod(address: Ipv4Addr) -> Pod {
    Pod { namespace: "default".into(), name: format!("pod-{address}"), uid: String::new() }
}

fn key(address: Ipv4Addr) -> AttachmentKey {
    AttachmentKey { network: "aws-cni".into(), container_id: format!("c-{address}"), ifname: "eth0".into() }
}

pub(crate) fn wiring(device: u8, last: u8) -> PodWiring {
    let address = address(device, last);
    PodWiring {
        key: key(address),
        pod: pod(address),
        host_veth: HostVeth::of_pod(&VethPrefix::new("eni").unwrap(), &pod(address)),
        host_mac: HostVeth::mac(&key(address)),
        address,
        table: TableId::of_eni(0, u32::from(device)),
        device: u32::from(device),
        mtu_bytes: MTU,
    }
}

/// The host's end of the veth that the shim made for `wiring`.
pub(crate) fn veth(wiring: &PodWiring, ifindex: u32) -> Link {
    Link {
        ifindex,
        name: wiring.host_veth.to_string(),
        mac: Some(wiring.host_mac),
        mtu_bytes: wiring.mtu_bytes,
        up: true,
        veth_to_elsewhere: true,
        rp_filter: Some(1),
        addresses: Vec::new(),
        behind: Some(vec![wiring.address]),
    }
}

pub(crate) fn lease(address: Ipv4Addr, phase: LeasePhase) -> Lease {
    Lease { key: key(address), pod: pod(address), address, phase, allocated_unix_nanoseconds: 0 }
}

pub(crate) fn leases(of: impl IntoIterator<Item = Ipv4Addr>) -> LeaseView {
    LeaseView {
        leases: of.into_iter().map(|address| lease(address, LeasePhase::Assigned)).collect(),
        counts: PoolCounts::default(),
        waiting_since: None,
        waiting_for: None,
        checkpoint_trouble: None,
    }
}

/// A node whose ENI links up to `devices` are there, the secondary ones bare.
pub(crate) fn node(devices: u32) -> HostSnapshot {
    let connected =
        Route { table: TableId::MAIN, to: address(0, 0), prefix_length: 24, via: None, ifindex: 2 };
    let default = Route {
        table: TableId::MAIN,
        to: Ipv4Addr::UNSPECIFIED,
        prefix_length: 0,
        via: Some(address(0, 1)),
        ifindex: 2,
    };
    HostSnapshot {
        complete: true,
        links: (0..devices).map(eni_link).collect(),
        routes: vec![connected, default],
        rules: vec![rule(32_766, None, None, TableId::MAIN)],
    }
}

pub(crate) fn rule(priority: u32, from: Option<Ipv4Addr>, to: Option<Ipv4Addr>, table: TableId) -> Rule {
    Rule {
        priority: contract::model::RulePriority(priority),
        from,
        to: to.map(Into::into),
        mark: None,
        table,
    }
}

/// What the kernel does: a change, and what follows from it by itself.
pub(crate) fn make(host: &mut HostSnapshot, change: &HostChange) {
    fold(host, change);
    let (HostChange::AddAddress { ifindex, .. } | HostChange::LinkUp { ifindex }) = change else {
        return;
    };
    let link = host.links.iter().find(|link| link.ifindex == *ifindex).unwrap().clone();
    for (address, length) in link.addresses.iter().filter(|(_, length)| link.up && *length < 32) {
        let to = ipnet::Ipv4Net::new(*address, *length).unwrap().network();
        let route = Route { table: TableId::MAIN, to, prefix_length: *length, via: None, ifindex: *ifindex };
        if !host.routes.contains(&route) {
            host.routes.push(route);
        }
    }
}

/// Where the model sends a packet: rules by priority, then the longest prefix.
pub(crate) fn lead(host: &HostSnapshot, question: &RouteQuestion) -> Option<RouteAnswer> {
    let mut rules = host.rules.clone();
    rules.sort_by_key(|rule| rule.priority);
    let applies = |rule: &&Rule| {
        rule.mark.is_none()
            && rule.to.is_none_or(|to| to.contains(&question.to))
            && rule.from.is_none_or(|from| Some(from) == question.from)
    };
    rules.iter().filter(applies).find_map(|rule| {
        host.routes
            .iter()
            .filter(|route| route.table == rule.table)
            .filter(|route| {
                ipnet::Ipv4Net::new(route.to, route.prefix_length).unwrap().contains(&question.to)
            })
            .max_by_key(|route| route.prefix_length)
            .map(|route| RouteAnswer { out_by: route.ifindex, via: route.via, table: rule.table })
    })
}
