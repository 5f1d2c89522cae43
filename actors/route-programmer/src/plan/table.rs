//! The node's nft table: which connections leave by the primary ENI, and under the node's address. Pure: settings and the
//! VPC's blocks in, text out.
//!
//! One bit of the connection's mark says "by the primary ENI"; the rule `fwmark 0x80/0x80 lookup main` (1024) stands before
//! the pods' own (1536). Every other bit is somebody else's, and stays as it is. Each packet's way, by its connection:
//!
//! - *Pod → VPC* (or an excluded block): not marked. It leaves by the table of the pod's ENI, with the pod's address.
//! - *Pod → outside*: the first packet is marked in `decide`, leaves by the main table, and `translate` gives it the node's
//!   address. Later packets get the mark back in `restore`. Answers come in by the primary ENI to the node's address, and the
//!   translation is undone before they are routed to the pod; the pod's own way out is another ENI, so that a strict rp_filter
//!   would drop them: it is loose there.
//! - *Pod → Service*: `decide` stands behind the Service's own translation, and sees the endpoint. In the VPC, on this node or
//!   on another: as "pod → VPC". Outside: as "pod → outside". It is a chain of type filter that looks at a connection's first
//!   packet, because the kernel asks no further nat chain once one has translated a packet: a nat chain at this place never
//!   sees a Service's connection.
//! - *Pod → itself by a Service*, and whatever else a proxy masquerades: its own translation comes first (srcnat is before
//!   srcnat + 10), and then the kernel does not ask `translate`.
//! - *Outside → NodePort or host port*: comes in by the primary ENI to an address of the node, and is marked in `restore`
//!   before it is translated; the pod's answers get the mark, and leave by the primary ENI though the pod lives on another.
//!   Only there is the translation undone and the source the node's again. If the proxy masqueraded it, the answer goes to the
//!   node first: the kernel undoes that before routing, so that it is the client who is routed to, with the same mark.
//! - *Node → anywhere*: not marked; its packets leave by the route that chose their source. What has the node's address already
//!   is not translated, which could only change its port: the kernel takes a connection that nothing tracked before the table
//!   for a new one in its middle, and its other end would not know it again. Another source becomes the node's address.
//! - *Connections from before the table*: those that the kernel tracked are past their first packet. None is marked or
//!   translated in its middle; one that came in by a NodePort is marked with its next packet, since without the mark its
//!   answers go nowhere. Of a pod's that nothing tracked, the next packet is the first.

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

use contract::model::Fwmark;
use contract::ports::host::NftTable;

use crate::state::{RouteConfig, SourcePorts};

/// The table's family and name.
pub(crate) const FAMILY: &str = "ip";
/// Not the name of any agent's we know.
pub(crate) const NAME: &str = "enid";

/// The set of destinations that see a pod's own address.
const OWN_ADDRESS: &str = "own-address";

/// The primary ENI as the table names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uplink {
    /// The name of its link.
    pub(crate) link: String,
    /// The node's address.
    pub(crate) address: Ipv4Addr,
}

/// A table, in the lines the host port reads it back in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// Networks that neither overlap nor touch a network that together with them is one.
    own_address: Vec<Ipv4Net>,
    /// By name: the hook, and the rules in order.
    chains: Vec<(&'static str, String, Vec<String>)>,
}

impl Table {
    /// What the host port shows of it; no lines mean that there need be no table.
    pub(crate) fn lines(&self) -> Vec<String> {
        let set = (!self.own_address.is_empty()).then(|| {
            let mut elements = self.elements();
            elements.sort();
            format!("set {OWN_ADDRESS}: type ipv4_addr flags interval {{ {} }}", elements.join(", "))
        });
        let chains = self.chains.iter().flat_map(|(name, hook, rules)| {
            std::iter::once(hook).chain(rules).map(move |line| format!("{name}: {line}"))
        });
        set.into_iter().chain(chains).collect()
    }

    /// The same for the host port to make.
    pub(crate) fn to_make(&self) -> NftTable {
        let mut body = String::new();
        if !self.own_address.is_empty() {
            let elements = self.elements().join(", ");
            body = format!(
                "set {OWN_ADDRESS} {{ type ipv4_addr; flags interval; elements = {{ {elements} }}\n}}\n"
            );
        }
        for (name, hook, rules) in &self.chains {
            body += &format!("chain {name} {{\n{hook}\n{}\n}}\n", rules.join("\n"));
        }
        NftTable { family: FAMILY, name: NAME, body }
    }

    fn elements(&self) -> Vec<String> {
        let one = |network: &Ipv4Net| match network.prefix_len() {
            32 => network.addr().to_string(),
            _ => network.to_string(),
        };
        self.own_address.iter().map(one).collect()
    }
}

/// The table for a node; `None` while it is not known what is in the VPC: better the table that stands than one that
/// translates what must not be.
pub(crate) fn table(config: &RouteConfig, uplink: &Uplink, vpc_cidrs: &[Ipv4Net]) -> Option<Table> {
    // A VPC's blocks hold the node's own address; a list that lacks it is not the list.
    if !vpc_cidrs.iter().any(|block| block.contains(&uplink.address)) || !is_plain(&uplink.link) {
        return None;
    }
    let bit = Fwmark::DEFAULT.0;
    let (set, clear) = (format!("{bit:#x}"), format!("{:#x}", !bit));
    let pods = format!("iifname \"{}*\"", config.veth_prefix.as_str());
    let mut table = Table::default();
    let own_address = Ipv4Net::aggregate(&[vpc_cidrs, &config.snat_excluded].concat());
    let everything = own_address.iter().any(|network| network.prefix_len() == 0);
    let snat = config.snat.filter(|_| !everything);
    if snat.is_some() {
        let first =
            format!("{pods} ct status ! confirmed ip daddr != @{OWN_ADDRESS} fib daddr type != local");
        let mark = format!("ct mark set ct mark | {set} meta mark set meta mark | {set}");
        table.base("decide", "filter", "prerouting", -90, vec![format!("{first} {mark}")]);
        table.own_address = own_address;
    }
    if config.needs_mark() {
        let incoming = format!("iifname \"{}\" fib daddr . iif type local", uplink.link);
        let noted = format!("{incoming} ct mark set ct mark | {set}");
        let marked = format!("{pods} ct mark & {set} == {set} meta mark set meta mark | {set}");
        let bare = format!("{pods} ct mark & {set} != {set} meta mark set meta mark & {clear}");
        let noted = config.node_ports.then_some(noted);
        table.base(
            "restore",
            "filter",
            "prerouting",
            -150,
            noted.into_iter().chain([marked, bare]).collect(),
        );
    }
    if let Some(ports) = snat {
        let node = uplink.address;
        let to = format!("ip daddr != @{OWN_ADDRESS} fib daddr type != local snat to {node}");
        let ports = match ports {
            SourcePorts::FullyRandom => " fully-random",
            SourcePorts::Random => " random",
            SourcePorts::Kept => "",
        };
        table.base(
            "translate",
            "nat",
            "postrouting",
            110,
            vec![format!("oifname != \"vlan*\" ip saddr != {node} {to}{ports}")],
        );
    }
    Some(table)
}

impl Table {
    /// Chains are added in the order of their names.
    fn base(&mut self, name: &'static str, kind: &str, hook: &str, priority: i32, rules: Vec<String>) {
        let hook = format!("type {kind} hook {hook} priority {priority}; policy accept");
        self.chains.push((name, hook, rules));
    }
}

/// A name that means itself in nft's language: the kernel allows others, and no ENI has one.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte))
}

#[cfg(test)]
mod tests;
