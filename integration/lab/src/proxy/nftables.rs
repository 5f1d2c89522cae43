//! What kube-proxy writes in nftables mode: one table of its own, with Services in maps. Text for `nft -f`, replaced whole in one
//! transaction. Pure. (The real one adds and deletes elements where it can; what stands at the end is the same.)

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use super::names::{port_name, readable, readable_endpoint};
use super::{Endpoint, Service, TrafficPolicy};

/// Base chains and helpers; hooks and priorities are kube-proxy's.
const BASE: &str = r#"
  chain filter-prerouting-pre-dnat { type filter hook prerouting priority dstnat - 10; policy accept;
    ct state new jump firewall-check
  }
  chain filter-output-pre-dnat { type filter hook output priority -110; policy accept;
    ct state new jump firewall-check
  }
  chain filter-input { type filter hook input priority filter; policy accept;
    ct state new jump nodeport-endpoints-check
    ct state new jump service-endpoints-check
  }
  chain filter-forward { type filter hook forward priority filter; policy accept;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain filter-output { type filter hook output priority filter; policy accept;
    ct state new jump service-endpoints-check
    ct state new jump cluster-ips-check
  }
  chain nat-prerouting { type nat hook prerouting priority dstnat; policy accept;
    jump services
  }
  chain nat-output { type nat hook output priority -100; policy accept;
    jump services
  }
  chain nat-postrouting { type nat hook postrouting priority srcnat; policy accept;
    jump masquerading
  }
  chain firewall-check { ip daddr . meta l4proto . th dport vmap @firewall-ips; }
  chain service-endpoints-check { ip daddr . meta l4proto . th dport vmap @no-endpoint-services; }
  chain nodeport-endpoints-check { ip daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports; }
  chain cluster-ips-check { ip daddr @cluster-ips reject comment "Reject traffic to invalid ports of ClusterIPs"; }
  chain services {
    ip daddr . meta l4proto . th dport vmap @service-ips
    ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
  }
  chain masquerading {
    mark and 0x4000 == 0 return
    mark set mark xor 0x4000
    masquerade fully-random
  }
"#;

/// Chains that elements of maps name must be known before the maps.
const HELPERS: &str = r#"  comment "rules for kube-proxy"
  chain mark-for-masquerade { mark set mark or 0x4000; }
  chain reject-chain { reject; }
"#;

/// The whole table, in the place of the one there was.
pub(super) fn rules(services: &[Service], node: Ipv4Addr) -> String {
    let mut text =
        String::from("add table ip kube-proxy\ndelete table ip kube-proxy\ntable ip kube-proxy {\n");
    text.push_str(HELPERS);
    for service in services.iter().filter(|service| !service.endpoints.is_empty()) {
        chains(&mut text, service);
    }
    maps(&mut text, services, node);
    text.push_str(BASE);
    text.push_str("}\n");
    text
}

fn chains(text: &mut String, service: &Service) {
    for endpoint in &service.endpoints {
        let Endpoint { address, port, .. } = endpoint;
        let _ = writeln!(
            text,
            "  chain {} {{\n    ip saddr {address} jump mark-for-masquerade\n    meta l4proto udp dnat to {address}:{port}\n  }}",
            readable_endpoint(service, endpoint)
        );
    }
    let any = readable("service", service);
    let _ = writeln!(text, "  chain {any} {{\n    {}\n  }}", balance(service, &all(service)));
    if service.node_port.is_none() {
        return;
    }
    let _ = writeln!(text, "  chain {} {{", readable("external", service));
    if service.policy == TrafficPolicy::Cluster {
        let _ = writeln!(text, "    jump mark-for-masquerade\n    goto {any}");
    } else {
        let _ = writeln!(
            text,
            "    fib saddr type local jump mark-for-masquerade comment \"masquerade local traffic\"\n    \
             fib saddr type local goto {any} comment \"short-circuit local traffic\""
        );
        let local = local(service);
        if !local.is_empty() {
            let _ = writeln!(text, "    {}", balance(service, &local));
        }
    }
    text.push_str("  }\n");
}

fn all(service: &Service) -> Vec<&Endpoint> {
    service.endpoints.iter().collect()
}

fn local(service: &Service) -> Vec<&Endpoint> {
    service.endpoints.iter().filter(|endpoint| endpoint.local).collect()
}

fn balance(service: &Service, endpoints: &[&Endpoint]) -> String {
    let verdicts: Vec<String> = endpoints
        .iter()
        .enumerate()
        .map(|(index, endpoint)| format!("{index} : goto {}", readable_endpoint(service, endpoint)))
        .collect();
    format!("numgen random mod {} vmap {{ {} }}", endpoints.len(), verdicts.join(", "))
}

fn maps(text: &mut String, services: &[Service], node: Ipv4Addr) {
    let addresses: Vec<String> = services.iter().map(|service| service.cluster_ip.to_string()).collect();
    let served = |service: &&Service| !service.endpoints.is_empty();
    let key = |service: &Service| format!("{} . udp . {}", service.cluster_ip, service.port);
    let named = |what: String, service: &Service, verdict: &str| {
        format!("{what} comment \"{}\" : {verdict}", port_name(service))
    };
    let mut ports = (Vec::new(), Vec::new());
    for service in services {
        let Some(port) = service.node_port else { continue };
        let key = format!("udp . {port}");
        if service.endpoints.is_empty() {
            ports.1.push(named(key, service, "goto reject-chain"));
            continue;
        }
        ports.0.push(format!("{key} : goto {}", readable("external", service)));
        if service.policy == TrafficPolicy::Local && local(service).is_empty() {
            ports.1.push(named(format!("udp . {port}"), service, "drop"));
        }
    }
    let there = services
        .iter()
        .filter(served)
        .map(|service| format!("{} : goto {}", key(service), readable("service", service)));
    let empty = services
        .iter()
        .filter(|service| !served(service))
        .map(|service| named(key(service), service, "goto reject-chain"));
    let (triple, pair) =
        ("ipv4_addr . inet_proto . inet_service : verdict", "inet_proto . inet_service : verdict");
    for (kind, name, of, elements) in [
        ("set", "cluster-ips", "ipv4_addr", addresses),
        ("set", "nodeport-ips", "ipv4_addr", vec![node.to_string()]),
        ("map", "firewall-ips", triple, Vec::new()),
        ("map", "service-ips", triple, there.collect()),
        ("map", "service-nodeports", pair, ports.0),
        ("map", "no-endpoint-services", triple, empty.collect()),
        ("map", "no-endpoint-nodeports", pair, ports.1),
    ] {
        let inside = if elements.is_empty() {
            String::new()
        } else {
            format!(" elements = {{ {} }}", elements.join(", "))
        };
        let _ = writeln!(text, "  {kind} {name} {{ type {of};{inside} }}");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{endpoint, service};
    use super::*;

    const NODE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 4);

    #[test]
    fn a_service_is_an_element_of_a_map_and_a_draw_among_its_endpoints() {
        let web = service(TrafficPolicy::Cluster, vec![endpoint(5, true), endpoint(6, false)]);
        let text = rules(std::slice::from_ref(&web), NODE);
        let chain = readable("service", &web);
        assert!(text.contains(&format!("172.20.0.10 . udp . 80 : goto {chain}")), "{text}");
        assert!(text.contains("numgen random mod 2 vmap"), "{text}");
        assert!(text.contains(&format!("jump mark-for-masquerade\n    goto {chain}")), "{text}");
    }

    #[test]
    fn local_traffic_policy_draws_among_local_endpoints_only_and_drops_without() {
        let text = rules(&[service(TrafficPolicy::Local, vec![endpoint(5, true), endpoint(6, false)])], NODE);
        assert!(text.contains("numgen random mod 1 vmap") && !text.contains("external : drop"), "{text}");
        let text = rules(&[service(TrafficPolicy::Local, vec![endpoint(6, false)])], NODE);
        assert!(text.contains("udp . 30080 comment \"default/web:probe\" : drop"), "{text}");
        let text = rules(&[service(TrafficPolicy::Local, Vec::new())], NODE);
        assert_eq!(text.matches(": goto reject-chain").count(), 2, "{text}");
    }
}
