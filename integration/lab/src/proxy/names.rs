//! How kube-proxy and portmap name their chains: a word, and the beginning of a hash. Pure.

use sha2::{Digest, Sha256, Sha512};

use super::{Endpoint, HostPort, Service};

/// Letters of base 32 (RFC 4648).
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The beginning of the hash of `text`, in base 32.
fn hash(text: &str, letters: usize) -> String {
    let (mut bits, mut count) = (0_u32, 0);
    let mut written = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        bits = bits << 8 | u32::from(byte);
        count += 8;
        while count >= 5 {
            count -= 5;
            let index = (bits >> count) & 31;
            written.push(char::from(ALPHABET.get(index as usize).copied().unwrap_or_default()));
            bits &= (1 << count) - 1;
        }
    }
    written.truncate(letters);
    written
}

/// `namespace/name:port`, as comments and hashes have it.
pub(super) fn port_name(service: &Service) -> String {
    format!("default/{}:probe", service.name)
}

/// `KUBE-SVC-…` and its like for a Service.
pub(super) fn of_service(word: &str, service: &Service) -> String {
    format!("KUBE-{word}-{}", hash(&format!("{}udp", port_name(service)), 16))
}

/// `KUBE-SEP-…` of an endpoint.
pub(super) fn of_endpoint(service: &Service, endpoint: &Endpoint) -> String {
    let text = format!("{}udp{}:{}", port_name(service), endpoint.address, endpoint.port);
    format!("KUBE-SEP-{}", hash(&text, 16))
}

/// `service-HASH-namespace/name/protocol/port` of nftables mode, and its like.
pub(super) fn readable(word: &str, service: &Service) -> String {
    let text = format!("default/{}/udp/probe", service.name);
    format!("{word}-{}-{text}", hash(&text, 8))
}

/// `endpoint-HASH-…__address/port` of nftables mode.
pub(super) fn readable_endpoint(service: &Service, endpoint: &Endpoint) -> String {
    let text = format!("default/{}/udp/probe__{}/{}", service.name, endpoint.address, endpoint.port);
    format!("endpoint-{}-{text}", hash(&text, 8))
}

/// `CNI-DN-…`, as the plugins' library makes it of network and container: 28 letters in all.
pub(super) fn of_host_port(port: &HostPort) -> String {
    let digest = Sha512::digest(format!("{}{}", crate::cni::NETWORK, port.container_id).as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut name = format!("CNI-DN-{hex}");
    name.truncate(28);
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_every_cluster() {
        // The chain of the API server's own Service, the same in every cluster there is.
        assert_eq!(hash("default/kubernetes:httpstcp", 16), "NPX46M4PTMTKRN6Y");
        assert_eq!(hash("kube-system/kube-dns:dnsudp", 16), "TCOU7JCQXEZGVUNU");
        assert_eq!(hash("ns1/svc1/tcp/p80", 8), "ULMVA6XW");
        assert_eq!(hash("ns1/svc1/tcp/p80__10.180.0.1/80", 8), "5OJB2KTY");
    }

    #[test]
    fn a_chain_of_portmap_is_as_long_as_iptables_allows() {
        let port = HostPort {
            container_id: "c".into(),
            address: std::net::Ipv4Addr::LOCALHOST,
            port: 7,
            host_port: 8080,
        };
        let name = of_host_port(&port);
        assert!(name.starts_with("CNI-DN-") && name.len() == 28, "{name}");
    }
}
