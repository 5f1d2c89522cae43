//! A stand-in for kube-proxy and for the portmap plugin: given Services and host ports it writes rules of the real ones' shape into
//! a node, in one of the three forms a node may have. What is written is in `proxy/iptables`, `proxy/host_port` and
//! `proxy/nftables`.
//!
//! As on EKS nobody tells it which addresses are pods' (`clusterCIDR` is empty), so that traffic to a ClusterIP is masqueraded
//! only on its way back to the pod it came from. Services speak UDP: the lab's probes do.

mod host_port;
mod iptables;
mod names;
mod nftables;

use anyhow::Result;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;

use crate::netns::Netns;

/// Which tool's rules a node has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `iptables-legacy`: the kernel's old tables, each replaced whole under a lock of the machine.
    IptablesLegacy,
    /// `iptables-nft`: the same rules in nft tables `ip nat` and `ip filter`.
    IptablesNft,
    /// kube-proxy's own nft table `ip kube-proxy`; host ports by `iptables-nft`, which portmap takes where it is there.
    Nftables,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IptablesLegacy => "iptables-legacy",
            Self::IptablesNft => "iptables-nft",
            Self::Nftables => "nftables",
        })
    }
}

/// Where traffic that comes to a node from outside may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum TrafficPolicy {
    /// To any endpoint, masqueraded.
    #[default]
    Cluster,
    /// To endpoints of this node, with its source kept.
    Local,
}

/// One port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its name, in the namespace `default`.
    pub name: String,
    /// Its address.
    pub cluster_ip: Ipv4Addr,
    /// The port there.
    pub port: u16,
    /// The port on every node.
    pub node_port: Option<u16>,
    /// `externalTrafficPolicy`.
    pub policy: TrafficPolicy,
    /// Pods that serve it.
    pub endpoints: Vec<Endpoint>,
}

/// A pod that serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its address.
    pub address: Ipv4Addr,
    /// The port there.
    pub port: u16,
    /// On the node whose rules these are.
    pub local: bool,
}

/// A port of the node that is one pod's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPort {
    /// The pod's sandbox, of which portmap makes the name of its chain.
    pub container_id: String,
    /// The pod's address.
    pub address: Ipv4Addr,
    /// The pod's port.
    pub port: u16,
    /// The node's port.
    pub host_port: u16,
}

/// What one node's proxy has written.
#[derive(Debug)]
pub struct Proxy {
    netns: Netns,
    form: Form,
    /// The node's own address: NodePorts are on it alone.
    node: Ipv4Addr,
    /// Chains of the last sync, so that those nobody needs any more go.
    chains: BTreeSet<String>,
    host_ports: BTreeSet<String>,
}

impl Form {
    /// The command for everything that is written as iptables rules in this form.
    pub(crate) fn iptables(self) -> &'static str {
        match self {
            Self::IptablesLegacy => "iptables-legacy",
            Self::IptablesNft | Self::Nftables => "iptables-nft",
        }
    }
}

impl Proxy {
    /// A proxy for a node that has written nothing yet.
    #[must_use]
    pub fn new(netns: Netns, form: Form, node: Ipv4Addr) -> Self {
        Self { netns, form, node, chains: BTreeSet::new(), host_ports: BTreeSet::new() }
    }

    /// Its form.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
    }

    /// Writes everything anew, as a full sync does: what is not given any more goes, in the same transaction.
    ///
    /// # Errors
    /// When a tool refuses the rules.
    pub async fn sync(&mut self, services: &[Service], host_ports: &[HostPort]) -> Result<()> {
        if self.form == Form::Nftables {
            self.netns.nft(&nftables::rules(services, self.node)).await?;
        } else {
            let wanted = iptables::chains(services);
            let stale: Vec<&String> = self.chains.difference(&wanted).collect();
            let text = iptables::rules(services, self.node, &stale);
            self.restore(&text).await?;
            self.jump(&iptables::jumps()).await?;
            self.chains = wanted;
        }
        if !host_ports.is_empty() || !self.host_ports.is_empty() {
            let wanted = host_port::chains(host_ports);
            let stale: Vec<&String> = self.host_ports.difference(&wanted).collect();
            self.restore(&host_port::rules(host_ports, &stale)).await?;
            self.jump(&host_port::jumps()).await?;
            self.host_ports = wanted;
        }
        Ok(())
    }

    /// Takes away everything it wrote, and nothing else.
    ///
    /// # Errors
    /// When a tool refuses.
    pub async fn remove(&mut self) -> Result<()> {
        if self.form == Form::Nftables {
            self.netns.nft("add table ip kube-proxy\ndelete table ip kube-proxy\n").await?;
        } else if !self.chains.is_empty() {
            self.unjump(&iptables::jumps()).await?;
            self.restore(&iptables::removal(&self.chains)).await?;
        }
        if !self.host_ports.is_empty() {
            self.unjump(&host_port::jumps()).await?;
            self.restore(&host_port::removal(&self.host_ports)).await?;
        }
        self.chains.clear();
        self.host_ports.clear();
        Ok(())
    }

    async fn restore(&self, text: &str) -> Result<()> {
        let program = format!("{}-restore", self.form.iptables());
        self.netns.run(&program, &["-w", "--noflush"], text).await.map(drop)
    }

    /// Sees to it that each jump is there, once.
    async fn jump(&self, jumps: &[Jump]) -> Result<()> {
        for jump in jumps {
            if self.rule("-C", jump).await.is_err() {
                self.rule(if jump.first { "-I" } else { "-A" }, jump).await?;
            }
        }
        Ok(())
    }

    async fn unjump(&self, jumps: &[Jump]) -> Result<()> {
        for jump in jumps {
            self.rule("-D", jump).await?;
        }
        Ok(())
    }

    async fn rule(&self, verb: &str, jump: &Jump) -> Result<String> {
        let mut arguments = vec!["-w", "-t", jump.table, verb, jump.from];
        arguments.extend(jump.matches);
        arguments.extend(["-m", "comment", "--comment", jump.comment, "-j", jump.to]);
        self.netns.run(self.form.iptables(), &arguments, "").await
    }
}

/// A rule in a chain of the kernel's own that leads into ours.
#[derive(Debug, Clone, Copy)]
struct Jump {
    table: &'static str,
    from: &'static str,
    to: &'static str,
    comment: &'static str,
    matches: &'static [&'static str],
    /// Before everybody else's rules, or behind them.
    first: bool,
}

/// Services that the tests of all forms share.
#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn endpoint(last: u8, local: bool) -> Endpoint {
        Endpoint { address: Ipv4Addr::new(10, 0, 0, last), port: 7, local }
    }

    pub(super) fn service(policy: TrafficPolicy, endpoints: Vec<Endpoint>) -> Service {
        Service {
            name: "web".into(),
            cluster_ip: Ipv4Addr::new(172, 20, 0, 10),
            port: 80,
            node_port: Some(30_080),
            policy,
            endpoints,
        }
    }
}
