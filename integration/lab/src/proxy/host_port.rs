//! What the portmap plugin writes for host ports, as text for iptables-restore. Pure.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::names::of_host_port;
use super::{HostPort, Jump};
use crate::cni::NETWORK;

const CHAINS: [&str; 3] = ["CNI-HOSTPORT-DNAT", "CNI-HOSTPORT-SETMARK", "CNI-HOSTPORT-MASQ"];
const LOCAL: &[&str] = &["-m", "addrtype", "--dst-type", "LOCAL"];

/// Jumps from the kernel's chains; portmap puts them behind what is there.
pub(super) fn jumps() -> [Jump; 3] {
    let jump = |from, to, comment, matches| Jump { table: "nat", from, to, comment, matches, first: false };
    [
        jump("PREROUTING", "CNI-HOSTPORT-DNAT", "CNI hostport", LOCAL),
        jump("OUTPUT", "CNI-HOSTPORT-DNAT", "CNI hostport", LOCAL),
        jump("POSTROUTING", "CNI-HOSTPORT-MASQ", "CNI portfwd requiring masquerade", &[]),
    ]
}

/// Its chains.
pub(super) fn chains(ports: &[HostPort]) -> BTreeSet<String> {
    CHAINS.map(str::to_owned).into_iter().chain(ports.iter().map(of_host_port)).collect()
}

/// Everything; chains that nobody needs any more go.
pub(super) fn rules(ports: &[HostPort], stale: &[&String]) -> String {
    let mut text = String::from("*nat\n");
    for chain in chains(ports).iter().chain(stale.iter().copied()) {
        let _ = writeln!(text, ":{chain} - [0:0]");
    }
    text.push_str(
        "-A CNI-HOSTPORT-SETMARK -m comment --comment \"CNI portfwd masquerade mark\" -j MARK --set-xmark 0x2000/0x2000\n\
         -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE\n",
    );
    for pod in ports {
        let chain = of_host_port(pod);
        let HostPort { container_id, address, port, host_port } = pod;
        let _ = writeln!(
            text,
            "-A CNI-HOSTPORT-DNAT -p udp -m comment --comment \"dnat name: {NETWORK} id: {container_id}\" \
             -m multiport --destination-ports {host_port} -j {chain}\n\
             -A {chain} -s {address} -p udp -m udp --dport {host_port} -j CNI-HOSTPORT-SETMARK\n\
             -A {chain} -s 127.0.0.1 -p udp -m udp --dport {host_port} -j CNI-HOSTPORT-SETMARK\n\
             -A {chain} -p udp -m udp --dport {host_port} -j DNAT --to-destination {address}:{port}"
        );
    }
    for chain in stale {
        let _ = writeln!(text, "-X {chain}");
    }
    text.push_str("COMMIT\n");
    text
}

/// What takes all of it away, once nothing jumps there any more.
pub(super) fn removal(chains: &BTreeSet<String>) -> String {
    let mut text = String::from("*nat\n");
    for chain in chains {
        let _ = writeln!(text, ":{chain} - [0:0]");
    }
    for chain in chains {
        let _ = writeln!(text, "-X {chain}");
    }
    text.push_str("COMMIT\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_port_is_translated_and_only_the_pods_own_traffic_and_the_nodes_is_masqueraded() {
        let port = HostPort {
            container_id: "c1".into(),
            address: "10.0.0.5".parse().unwrap(),
            port: 7,
            host_port: 8080,
        };
        let text = rules(std::slice::from_ref(&port), &[]);
        assert!(text.contains("--destination-ports 8080"), "{text}");
        assert_eq!(text.matches("-j CNI-HOSTPORT-SETMARK").count(), 2);
        assert!(text.contains("-j DNAT --to-destination 10.0.0.5:7"));
        let gone = of_host_port(&port);
        let text = rules(&[], &[&gone]);
        assert!(text.contains(&format!("-X {gone}")) && !text.contains("DNAT --to"), "{text}");
        assert_eq!(chains(&[]).len(), 3);
    }
}
