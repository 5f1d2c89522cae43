//! What an earlier ADD said, as the runtime gives it back with CHECK: which address our interface has, and what else can be held
//! against the kernel. Other plugins of the list may have added to it; only what is ours is read. Pure.

use serde_json::Value;
use std::net::Ipv4Addr;

/// Our part of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrevResult {
    /// The pod's address.
    pub address: Ipv4Addr,
    /// MTU of the pod's interface, bytes, where the result says it (from 1.1.0 on).
    pub mtu_bytes: Option<u32>,
    /// A plugin behind ours has a default route of its own in the result: ours may be gone.
    pub other_default_route: bool,
}

/// Reads our part of a result.
///
/// # Errors
/// What is missing or wrong, as the end of a sentence about `prevResult`.
pub fn read(result: &Value, ifname: &str) -> Result<PrevResult, String> {
    let interfaces = list(result, "interfaces");
    let is_ours = |interface: &Value| {
        text(interface, "name") == Some(ifname)
            && text(interface, "sandbox").is_some_and(|path| !path.is_empty())
    };
    let index = interfaces
        .iter()
        .position(is_ours)
        .ok_or_else(|| format!("has no interface {ifname} with a sandbox"))?;
    let on_ours = |ip: &&Value| {
        ip.get("interface").and_then(Value::as_u64).and_then(|at| usize::try_from(at).ok()) == Some(index)
    };
    let address = list(result, "ips")
        .iter()
        .filter(on_ours)
        .find_map(|ip| text(ip, "address")?.split('/').next()?.parse().ok())
        .ok_or_else(|| format!("has no IPv4 address on {ifname}"))?;
    let mtu = interfaces.get(index).and_then(|interface| interface.get("mtu")).and_then(Value::as_u64);
    Ok(PrevResult {
        address,
        mtu_bytes: mtu.and_then(|mtu| u32::try_from(mtu).ok()).filter(|mtu| *mtu != 0),
        other_default_route: list(result, "routes")
            .iter()
            .any(|route| text(route, "dst") == Some("0.0.0.0/0")),
    })
}

fn list<'a>(of: &'a Value, key: &str) -> &'a [Value] {
    of.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn text<'a>(of: &'a Value, key: &str) -> Option<&'a str> {
    of.get(key).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn result() -> Value {
        json!({
            "cniVersion": "1.1.0",
            "interfaces": [
                {"name": "foreign0"}, {"name": "enicc21c2d7785", "mtu": 9001}, {"name": "eth0", "mac": "2"},
                {"name": "eth0", "mac": "2", "mtu": 9001, "sandbox": "/var/run/netns/x"},
            ],
            "ips": [
                {"address": "fd00::7/128", "interface": 3}, {"address": "10.0.0.9/32", "interface": 0},
                {"address": "10.0.0.7/32", "interface": 3},
            ],
        })
    }

    #[test]
    fn our_part_is_found_among_what_others_added() {
        let ours = PrevResult {
            address: Ipv4Addr::new(10, 0, 0, 7),
            mtu_bytes: Some(9001),
            other_default_route: false,
        };
        assert_eq!(read(&result(), "eth0"), Ok(ours.clone()));
        let mut routed = result();
        routed["routes"] = json!([{"dst": "0.0.0.0/0", "gw": "10.9.9.1"}]);
        assert_eq!(read(&routed, "eth0"), Ok(PrevResult { other_default_route: true, ..ours }));
    }

    #[test]
    fn a_result_without_our_part_says_what_it_lacks() {
        for (change, says) in [
            (json!({"interfaces": []}), "no interface eth0"),
            (json!({"ips": [{"address": "10.0.0.7/32"}]}), "no IPv4 address"),
            (json!({"ips": [{"address": "x", "interface": 3}]}), "no IPv4 address"),
            (json!({"ips": 7}), "no IPv4 address"),
        ] {
            let mut one = result();
            for (key, value) in change.as_object().unwrap() {
                one[key] = value.clone();
            }
            assert!(read(&one, "eth0").unwrap_err().contains(says), "{one}");
        }
        assert!(read(&json!("x"), "eth0").is_err());
    }
}
