//! What a node's kernel shows, read with the machine's own tools: dumps to compare, and traces of one pod. Never changes
//! anything.

use anyhow::{Context, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::netns::Netns;

/// Everything a second daemon could have touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dump {
    pub(crate) rules: String,
    pub(crate) routes: String,
    pub(crate) nft: String,
    pub(crate) links: String,
}

/// Dumps a namespace.
pub(crate) async fn dump(netns: &Netns) -> Result<Dump> {
    Ok(Dump {
        rules: netns.ip(&["rule"]).await?,
        routes: settled(&netns.ip(&["route", "show", "table", "all"]).await?),
        nft: netns.nft_list("ruleset").await?,
        links: netns.ip(&["-br", "link"]).await?,
    })
}

/// Routes without the kernel's own to link-local addresses, which come when a link has looked for duplicates for a while.
fn settled(routes: &str) -> String {
    let own = |line: &&str| line.contains("fe80::") && line.contains("proto kernel");
    routes.lines().filter(|line| !own(line)).collect::<Vec<_>>().join("\n")
}

/// The rules, one line each, as `ip rule` prints them.
pub(crate) async fn rules(netns: &Netns) -> Result<Vec<String>> {
    Ok(netns.ip(&["rule"]).await?.lines().map(str::to_owned).collect())
}

/// The addresses that the node's kernel routes to pods: its main table has each as a /32 on the pod's link.
pub(crate) fn pod_routes(netns: &Netns) -> Result<BTreeSet<Ipv4Addr>> {
    // Asked ten times a second while somebody watches: no process for it.
    let table = netns.within(|| std::fs::read_to_string("/proc/thread-self/net/route"))?;
    Ok(table.lines().filter_map(pod_route).collect())
}

/// `eni68caf03a5f4 0500000A 00000000 … FFFFFFFF …`: link, address, gateway, and as the eighth the mask, in network order.
fn pod_route(line: &str) -> Option<Ipv4Addr> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [link, address, _, _, _, _, _, "FFFFFFFF", ..] = fields.as_slice() else { return None };
    let address = u32::from_str_radix(address, 16).ok()?;
    link.starts_with("eni").then(|| Ipv4Addr::from(address.to_ne_bytes()))
}

/// Traces of a pod on its node, each in words: its host link, and rules, routes and neighbours with its address.
///
/// # Errors
/// When the node's kernel cannot be asked.
pub async fn traces(netns: &Netns, address: Ipv4Addr, host_link: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for link in json(netns, &["-j", "link"]).await? {
        if text(&link, "ifname") == host_link {
            found.push(format!("link {host_link}"));
        }
    }
    let address = address.to_string();
    for rule in json(netns, &["-j", "rule"]).await? {
        if text(&rule, "src") == address || text(&rule, "dst") == address {
            found.push(format!("rule {rule}"));
        }
    }
    for route in json(netns, &["-j", "route", "show", "table", "all"]).await? {
        if text(&route, "dst") == address || text(&route, "dev") == host_link {
            found.push(format!("route {route}"));
        }
    }
    for neighbour in json(netns, &["-j", "neigh"]).await? {
        if text(&neighbour, "dst") == address && text(&neighbour, "dev") == host_link {
            found.push(format!("neighbour {neighbour}"));
        }
    }
    Ok(found)
}

async fn json(netns: &Netns, arguments: &[&str]) -> Result<Vec<Value>> {
    let printed = netns.ip(arguments).await?;
    if printed.trim().is_empty() {
        return Ok(Vec::new()); // iproute2 prints nothing for an empty list of some kinds
    }
    serde_json::from_str(&printed).with_context(|| format!("`ip {}` printed no JSON", arguments.join(" ")))
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_that_settles_is_no_change() {
        let routes = "default via 10.0.0.1 dev eth0\nlocal fe80::1 dev eth0 table local proto kernel metric 0\n10.0.0.9 dev x";
        assert_eq!(settled(routes), "default via 10.0.0.1 dev eth0\n10.0.0.9 dev x");
    }
}
