//! The settings as the daemon uses them: typed, complete, checked. Field names are the TOML keys of the table, so that
//! what is written, what is explained and what is used carry one name.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::Ipv4Net;
use serde::Deserialize;

/// Every setting, by section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// How many addresses are held, and how long they rest.
    pub pool: Pool,
    /// The node and its ENIs.
    pub node: Node,
    /// Where new ENIs come from.
    pub subnets: Subnets,
    /// What the kernel is told.
    pub dataplane: Dataplane,
    /// Calls to EC2.
    pub ec2: Ec2,
    /// What the container runtime sees.
    pub cni: Cni,
    /// The process itself.
    pub daemon: Daemon,
    /// What tests may do to it.
    #[serde(default)]
    pub fault: Fault,
}

/// `[pool]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Whole ENIs' worth of addresses in reserve. Has no effect when one of the next two is set.
    pub warm_eni_target: u32,
    /// Addresses in reserve. Never `Some(0)`: 0 is unset, as in the agent we replace.
    pub warm_ip_target: Option<u32>,
    /// Addresses the node has at least. Never `Some(0)`.
    pub minimum_ip_target: Option<u32>,
    /// An address rests this long after use.
    pub cooldown_seconds: u32,
    /// ADDs that may stand in line.
    pub waiting_line_max: u32,
    /// Demand of new waiters is gathered this long.
    pub gather_milliseconds: u32,
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Name of the Kubernetes node.
    pub name: Option<String>,
    /// Name of the pod the daemon runs in.
    pub pod_name: Option<String>,
    /// Name of the cluster, for tags and filters.
    pub cluster_name: Option<String>,
    /// MTU of the ENIs.
    pub eni_mtu_bytes: u32,
    /// MTU of the pods' links; `None` follows the ENIs. See [`Settings::pod_mtu_bytes`].
    pub pod_mtu_bytes: Option<u32>,
    /// At most so many ENIs, and never more than the instance type allows. Never `Some(0)`.
    pub max_enis: Option<u32>,
    /// ENIs without our instance tag belong to us too.
    pub manage_untagged_enis: bool,
}

/// `[subnets]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subnets {
    /// Tagged subnets of the zone may be used beside the node's own.
    pub discovery: bool,
}

/// `[dataplane]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataplane {
    /// First characters of the names of the pods' host-side links.
    pub veth_prefix: String,
    /// NodePort traffic returns by the primary ENI.
    pub node_port_support: bool,
    /// Somebody else does the SNAT.
    pub external_snat: bool,
    /// Destinations that are never behind SNAT, beside the VPC's own.
    pub exclude_snat_cidrs: Vec<Ipv4Net>,
    /// Service ranges outside the cluster that are reached by the main table.
    pub external_service_cidrs: Vec<Ipv4Net>,
    /// How SNAT chooses source ports.
    pub randomize_snat: RandomizeSnat,
    /// The mark of a connection that came in by the primary ENI, its own mask.
    pub connection_mark: u32,
    /// What the network policy agent is asked to enforce; `None`: it is not asked.
    pub network_policy_mode: Option<NetworkPolicyMode>,
}

/// `[ec2]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ec2 {
    /// One call is given up after this.
    pub call_timeout_seconds: u32,
    /// Further tags for created ENIs, as (key, value), by key.
    pub additional_eni_tags: Vec<(String, String)>,
}

/// `[cni]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cni {
    /// An ADD may wait this long for its address.
    pub add_deadline_seconds: u32,
    /// Where the conflist is written, as the daemon sees it.
    pub configuration_directory: PathBuf,
    /// Where the shim is installed, as the daemon sees it.
    pub binary_directory: PathBuf,
}

/// `[daemon]`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daemon {
    /// The socket the shim speaks to.
    pub socket_path: PathBuf,
    /// The lock, and what is lost at a reboot.
    pub state_directory: PathBuf,
    /// The leases.
    pub checkpoint_path: PathBuf,
    /// What survives a reboot.
    pub persistent_directory: PathBuf,
    /// DELs that came while the daemon was away.
    pub spool_directory: PathBuf,
    /// Serve `/metrics`.
    pub metrics: bool,
    /// Where.
    pub metrics_bind: SocketAddr,
    /// Serve the introspection pages.
    pub introspection: bool,
    /// Where.
    pub introspection_bind: SocketAddr,
    /// Where `/livez` and `/readyz` are served.
    pub health_bind: SocketAddr,
    /// The least severe lines that are logged.
    pub log_level: LogLevel,
    /// Where the log goes.
    pub log_destination: LogDestination,
}

/// `[fault]`
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where orders to harm the daemon's own actors are taken, in the state directory. Always `None` in a build for shipping.
    pub socket: Option<PathBuf>,
}

/// How SNAT chooses source ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RandomizeSnat {
    /// By a random number generator (nft `fully-random`).
    Prng,
    /// By a hash (nft `random`).
    Hashrandom,
    /// As the kernel does by itself.
    None,
}

/// What the network policy agent enforces on a new pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkPolicyMode {
    /// Nothing, but the agent is asked.
    None,
    /// Allow until the pod's policies are in force.
    Standard,
    /// Deny until the pod's policies are in force.
    Strict,
}

/// The least severe lines that are logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// All there is.
    Debug,
    /// What changes.
    Info,
    /// What degrades.
    Warn,
    /// What fails.
    Error,
}

/// Where the log goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogDestination {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Settings {
    /// The MTU of the pods' links: their own, or the ENIs'.
    #[must_use]
    pub fn pod_mtu_bytes(&self) -> u32 {
        self.node.pod_mtu_bytes.unwrap_or(self.node.eni_mtu_bytes)
    }
}

impl LogLevel {
    /// The word, as `tracing` spells it too.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}
