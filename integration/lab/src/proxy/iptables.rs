//! What kube-proxy writes in iptables mode, as text for iptables-restore. Pure.
//!
//! The names are those of Kubernetes since 1.24: traffic from outside goes through `KUBE-EXT-…`, and to endpoints of this node
//! alone through `KUBE-SVL-…` (`KUBE-XLB-…` was both before).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::names::{of_endpoint, of_service, port_name};
use super::{Endpoint, Jump, Service, TrafficPolicy};

const NEW: &[&str] = &["-m", "conntrack", "--ctstate", "NEW"];

/// Chains of the nat table that are there whatever Services there are.
const NAT: [&str; 4] = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-POSTROUTING", "KUBE-MARK-MASQ"];

/// Chains of the filter table.
const FILTER: [&str; 5] =
    ["KUBE-SERVICES", "KUBE-EXTERNAL-SERVICES", "KUBE-NODEPORTS", "KUBE-FORWARD", "KUBE-PROXY-FIREWALL"];

/// Jumps from the kernel's chains. kube-proxy puts each before what is there.
pub(super) fn jumps() -> Vec<Jump> {
    let jump = |table, from, to, comment, matches| Jump { table, from, to, comment, matches, first: true };
    let (services, external) =
        ("kubernetes service portals", "kubernetes externally-visible service portals");
    let firewall = "kubernetes load balancer firewall";
    vec![
        jump("filter", "INPUT", "KUBE-EXTERNAL-SERVICES", external, NEW),
        jump("filter", "FORWARD", "KUBE-EXTERNAL-SERVICES", external, NEW),
        jump("filter", "INPUT", "KUBE-NODEPORTS", "kubernetes health check service ports", &[]),
        jump("filter", "FORWARD", "KUBE-SERVICES", services, NEW),
        jump("filter", "OUTPUT", "KUBE-SERVICES", services, NEW),
        jump("filter", "FORWARD", "KUBE-FORWARD", "kubernetes forwarding rules", &[]),
        jump("filter", "INPUT", "KUBE-PROXY-FIREWALL", firewall, NEW),
        jump("filter", "OUTPUT", "KUBE-PROXY-FIREWALL", firewall, NEW),
        jump("filter", "FORWARD", "KUBE-PROXY-FIREWALL", firewall, NEW),
        jump("nat", "OUTPUT", "KUBE-SERVICES", services, &[]),
        jump("nat", "PREROUTING", "KUBE-SERVICES", services, &[]),
        jump("nat", "POSTROUTING", "KUBE-POSTROUTING", "kubernetes postrouting rules", &[]),
    ]
}

/// The chains of these Services in the nat table, without those that are always there.
pub(super) fn chains(services: &[Service]) -> BTreeSet<String> {
    let mut chains: BTreeSet<String> = NAT.map(str::to_owned).into();
    for service in services.iter().filter(|service| !service.endpoints.is_empty()) {
        chains.insert(of_service("SVC", service));
        if service.node_port.is_some() {
            chains.insert(of_service("EXT", service));
            if is_local(service) && has_local(service) {
                chains.insert(of_service("SVL", service));
            }
        }
        chains.extend(service.endpoints.iter().map(|endpoint| of_endpoint(service, endpoint)));
    }
    chains
}

fn is_local(service: &Service) -> bool {
    service.policy == TrafficPolicy::Local
}

fn has_local(service: &Service) -> bool {
    service.endpoints.iter().any(|endpoint| endpoint.local)
}

/// Everything, in two tables; chains that nobody needs any more are emptied and go.
pub(super) fn rules(services: &[Service], node: Ipv4Addr, stale: &[&String]) -> String {
    let mut text = filter(services, node);
    text.push_str("*nat\n");
    for chain in chains(services).iter().chain(stale.iter().copied()) {
        let _ = writeln!(text, ":{chain} - [0:0]");
    }
    text.push_str(
        "-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN\n\
         -A KUBE-POSTROUTING -j MARK --xor-mark 0x4000\n\
         -A KUBE-POSTROUTING -m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully\n\
         -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000\n",
    );
    for service in services.iter().filter(|service| !service.endpoints.is_empty()) {
        cluster_ip(&mut text, service);
        if let Some(port) = service.node_port {
            node_port(&mut text, service, port);
        }
        for endpoint in &service.endpoints {
            end(&mut text, service, endpoint);
        }
    }
    let _ = writeln!(
        text,
        "-A KUBE-SERVICES -m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" \
         -d {node} -j KUBE-NODEPORTS"
    );
    for chain in stale {
        let _ = writeln!(text, "-X {chain}");
    }
    text.push_str("COMMIT\n");
    text
}

fn filter(services: &[Service], node: Ipv4Addr) -> String {
    let mut text = String::from("*filter\n");
    for chain in FILTER {
        let _ = writeln!(text, ":{chain} - [0:0]");
    }
    for service in services {
        let name = port_name(service);
        let (address, port) = (service.cluster_ip, service.port);
        if service.endpoints.is_empty() {
            let _ = writeln!(
                text,
                "-A KUBE-SERVICES -m comment --comment \"{name} has no endpoints\" \
                 -m udp -p udp -d {address} --dport {port} -j REJECT"
            );
        }
        let Some(port) = service.node_port else { continue };
        let (what, verdict) = match (service.endpoints.is_empty(), is_local(service) && !has_local(service)) {
            (true, _) => ("has no endpoints", "REJECT"),
            (false, true) => ("has no local endpoints", "DROP"),
            (false, false) => continue,
        };
        let _ = writeln!(
            text,
            "-A KUBE-EXTERNAL-SERVICES -m comment --comment \"{name} {what}\" \
             -d {node} -m udp -p udp --dport {port} -j {verdict}"
        );
    }
    text.push_str(
        "-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP\n\
         -A KUBE-FORWARD -m comment --comment \"kubernetes forwarding rules\" -m mark --mark 0x4000/0x4000 -j ACCEPT\n\
         -A KUBE-FORWARD -m comment --comment \"kubernetes forwarding conntrack rule\" \
         -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n\
         COMMIT\n",
    );
    text
}

fn cluster_ip(text: &mut String, service: &Service) {
    let (name, chain) = (port_name(service), of_service("SVC", service));
    let _ = writeln!(
        text,
        "-A KUBE-SERVICES -m comment --comment \"{name} cluster IP\" -m udp -p udp -d {} --dport {} -j {chain}",
        service.cluster_ip, service.port
    );
    balance(text, service, &chain, service.endpoints.iter().collect());
}

/// From outside: with `Cluster` masqueraded and to anybody; with `Local` only the node's own traffic may go anywhere.
fn node_port(text: &mut String, service: &Service, port: u16) {
    let name = port_name(service);
    let (external, any) = (of_service("EXT", service), of_service("SVC", service));
    let _ = writeln!(
        text,
        "-A KUBE-NODEPORTS -m comment --comment {name} -m udp -p udp --dport {port} -j {external}"
    );
    if !is_local(service) {
        let _ = writeln!(
            text,
            "-A {external} -m comment --comment \"masquerade traffic for {name} external destinations\" -j KUBE-MARK-MASQ\n\
             -A {external} -j {any}"
        );
        return;
    }
    for (what, to) in [("masquerade", "KUBE-MARK-MASQ"), ("route", any.as_str())] {
        let _ = writeln!(
            text,
            "-A {external} -m comment --comment \"{what} LOCAL traffic for {name} external destinations\" \
             -m addrtype --src-type LOCAL -j {to}"
        );
    }
    if has_local(service) {
        let local = of_service("SVL", service);
        let _ = writeln!(text, "-A {external} -j {local}");
        balance(text, service, &local, service.endpoints.iter().filter(|endpoint| endpoint.local).collect());
    }
}

/// Each endpoint takes its share of what those before it left.
fn balance(text: &mut String, service: &Service, chain: &str, endpoints: Vec<&Endpoint>) {
    let name = port_name(service);
    for (left, endpoint) in (1..=endpoints.len()).rev().zip(&endpoints) {
        let chance = if left == 1 {
            String::new()
        } else {
            // At most a few endpoints: exact as a float.
            format!(
                " -m statistic --mode random --probability {:.10}",
                1.0 / f64::from(u32::try_from(left).unwrap_or(u32::MAX))
            )
        };
        let _ = writeln!(
            text,
            "-A {chain} -m comment --comment \"{name} -> {}:{}\"{chance} -j {}",
            endpoint.address,
            endpoint.port,
            of_endpoint(service, endpoint)
        );
    }
}

/// The endpoint's own chain; what comes from the endpoint itself is masqueraded, or it would answer itself.
fn end(text: &mut String, service: &Service, endpoint: &Endpoint) {
    let (name, chain) = (port_name(service), of_endpoint(service, endpoint));
    let Endpoint { address, port, .. } = endpoint;
    let _ = writeln!(
        text,
        "-A {chain} -m comment --comment {name} -s {address} -j KUBE-MARK-MASQ\n\
         -A {chain} -m comment --comment {name} -m udp -p udp -j DNAT --to-destination {address}:{port}"
    );
}

/// What takes all of it away, once nothing jumps there any more.
pub(super) fn removal(chains: &BTreeSet<String>) -> String {
    let mut text = String::new();
    for (table, chains) in
        [("filter", FILTER.map(str::to_owned).into()), ("nat", chains.iter().cloned().collect::<Vec<_>>())]
    {
        let _ = writeln!(text, "*{table}");
        for chain in &chains {
            let _ = writeln!(text, ":{chain} - [0:0]");
        }
        for chain in &chains {
            let _ = writeln!(text, "-X {chain}");
        }
        text.push_str("COMMIT\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::tests::{endpoint, service};
    use super::*;

    const NODE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);

    #[test]
    fn endpoints_share_evenly_and_the_last_takes_the_rest() {
        let web =
            service(TrafficPolicy::Cluster, vec![endpoint(5, true), endpoint(6, false), endpoint(7, false)]);
        let text = rules(&[web], NODE, &[]);
        for part in [
            "-> 10.0.0.5:7\" -m statistic --mode random --probability 0.3333333333 -j",
            "-> 10.0.0.6:7\" -m statistic --mode random --probability 0.5000000000 -j",
            "-> 10.0.0.7:7\" -j",
        ] {
            assert_eq!(text.matches(part).count(), 1, "{part}:\n{text}");
        }
        assert_eq!(text.matches("--random-fully").count(), 1);
        assert_eq!(text.matches("masquerade traffic for").count(), 1);
    }

    #[test]
    fn traffic_from_outside_to_local_endpoints_is_not_masqueraded_and_without_one_dropped() {
        let text =
            rules(&[service(TrafficPolicy::Local, vec![endpoint(5, true), endpoint(6, false)])], NODE, &[]);
        assert!(text.contains("KUBE-SVL-") && !text.contains("masquerade traffic for"), "{text}");
        let text = rules(&[service(TrafficPolicy::Local, vec![endpoint(6, false)])], NODE, &[]);
        assert!(
            !text.contains("KUBE-SVL-") && text.contains("has no local endpoints\" -d 10.0.0.4"),
            "{text}"
        );
    }

    #[test]
    fn chains_of_a_service_that_left_go_and_no_endpoints_is_a_refusal() {
        let web = service(TrafficPolicy::Cluster, vec![endpoint(5, true)]);
        let old = of_service("SVC", &web);
        let empty = service(TrafficPolicy::Cluster, vec![]);
        let text = rules(&[empty], NODE, &[&old]);
        assert!(text.contains(&format!(":{old} - [0:0]")) && text.contains(&format!("-X {old}")), "{text}");
        assert_eq!(text.matches("-j REJECT").count(), 2, "{text}");
    }
}
