//! The result of an ADD, in each encoding that is served. Layout of the agent we replace, so that either can read what
//! the other left in the runtime's cache: the container interface's `mac` is the routing table, and a last entry, which is
//! no interface, carries the ENI's device number as its `sandbox`.

use serde::Serialize;
use std::net::Ipv4Addr;

use crate::names;

/// Place of the container's interface in the list of interfaces.
const CONTAINER_INTERFACE: u32 = 1;

/// A result encoding. 0.3.1 is 0.4.0's with fewer verbs around it, so it costs nothing to serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CniVersion {
    /// Addresses carry their family.
    V0_3_1,
    /// The same.
    V0_4_0,
    /// Addresses do not.
    V1_0_0,
    /// Interfaces carry their MTU, and there are GC and STATUS.
    V1_1_0,
}

/// What the daemon granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Granted {
    /// The pod's address.
    pub address: Ipv4Addr,
    /// Routing table of its ENI.
    pub table: u32,
    /// Device number of its ENI.
    pub device: u32,
    /// MTU of both ends, bytes.
    pub mtu_bytes: u32,
}

/// Whose result it is.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The host's end.
    pub host_veth: &'a str,
    /// The pod's end.
    pub ifname: &'a str,
    /// CNI_NETNS as it was given.
    pub sandbox: &'a str,
    /// Kubernetes namespace.
    pub namespace: &'a str,
    /// Pod name.
    pub pod: &'a str,
}

#[derive(Serialize)]
struct ResultDocument<'a> {
    #[serde(rename = "cniVersion")]
    cni_version: &'a str,
    interfaces: [Interface; 3],
    ips: [Ip; 1],
    dns: Dns,
}

#[derive(Serialize, Default)]
struct Interface {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mtu: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sandbox: Option<String>,
}

#[derive(Serialize)]
struct Ip {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'static str>,
    interface: u32,
    address: String,
}

#[derive(Serialize)]
struct Dns {}

// === impl CniVersion ===

impl CniVersion {
    /// All that are served, lowest first.
    pub const SERVED: [Self; 4] = [Self::V0_3_1, Self::V0_4_0, Self::V1_0_0, Self::V1_1_0];
    /// What an answer says when the question's version is unknown.
    pub const NEWEST: Self = Self::V1_1_0;

    /// As written in documents.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::V0_3_1 => "0.3.1",
            Self::V0_4_0 => "0.4.0",
            Self::V1_0_0 => "1.0.0",
            Self::V1_1_0 => "1.1.0",
        }
    }

    /// The served version written like this.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::SERVED.into_iter().find(|version| version.text() == text)
    }
}

/// The result document.
///
/// # Errors
/// Never in practice: strings and numbers serialise.
pub fn encode(version: CniVersion, names: Names<'_>, granted: Granted) -> Result<String, serde_json::Error> {
    let mtu = (version >= CniVersion::V1_1_0).then_some(granted.mtu_bytes);
    serde_json::to_string(&ResultDocument {
        cni_version: version.text(),
        interfaces: [
            Interface { name: names.host_veth.to_owned(), mtu, ..Interface::default() },
            Interface {
                name: names.ifname.to_owned(),
                mac: Some(granted.table.to_string()),
                mtu,
                sandbox: Some(names.sandbox.to_owned()),
            },
            Interface {
                name: names::dummy(names.namespace, names.pod),
                mac: Some("0".to_owned()),
                sandbox: Some(granted.device.to_string()),
                ..Interface::default()
            },
        ],
        ips: [Ip {
            version: match version {
                CniVersion::V0_3_1 | CniVersion::V0_4_0 => Some("4"),
                CniVersion::V1_0_0 | CniVersion::V1_1_0 => None,
            },
            interface: CONTAINER_INTERFACE,
            address: format!("{}/32", granted.address),
        }],
        dns: Dns {},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(version: CniVersion) -> String {
        let names = Names {
            host_veth: "enicc21c2d7785",
            ifname: "eth0",
            sandbox: "/var/run/netns/cni-1",
            namespace: "default",
            pod: "sample-pod",
        };
        let granted = Granted { address: Ipv4Addr::new(10, 0, 3, 7), table: 2, device: 1, mtu_bytes: 9001 };
        encode(version, names, granted).unwrap()
    }

    const INTERFACES: &str = concat!(
        r#""interfaces":[{"name":"enicc21c2d7785"},{"name":"eth0","mac":"2","sandbox":"/var/run/netns/cni-1"},"#,
        r#"{"name":"dummycc21c2d7785","mac":"0","sandbox":"1"}]"#
    );

    #[test]
    fn results_of_0_4_0_and_0_3_1_carry_the_family() {
        for version in ["0.4.0", "0.3.1"] {
            assert_eq!(
                encoded(CniVersion::parse(version).unwrap()),
                format!(
                    r#"{{"cniVersion":"{version}",{INTERFACES},"ips":[{{"version":"4","interface":1,"address":"10.0.3.7/32"}}],"dns":{{}}}}"#
                )
            );
        }
    }

    #[test]
    fn results_of_1_0_0_do_not_carry_the_family() {
        assert_eq!(
            encoded(CniVersion::V1_0_0),
            format!(
                r#"{{"cniVersion":"1.0.0",{INTERFACES},"ips":[{{"interface":1,"address":"10.0.3.7/32"}}],"dns":{{}}}}"#
            )
        );
    }

    #[test]
    fn results_of_1_1_0_say_the_mtu_of_the_two_interfaces_that_are_some() {
        assert_eq!(
            encoded(CniVersion::V1_1_0),
            concat!(
                r#"{"cniVersion":"1.1.0","interfaces":[{"name":"enicc21c2d7785","mtu":9001},"#,
                r#"{"name":"eth0","mac":"2","mtu":9001,"sandbox":"/var/run/netns/cni-1"},"#,
                r#"{"name":"dummycc21c2d7785","mac":"0","sandbox":"1"}],"#,
                r#""ips":[{"interface":1,"address":"10.0.3.7/32"}],"dns":{}}"#
            )
        );
    }
}
