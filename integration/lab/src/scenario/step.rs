//! The steps of a scenario, each with what is expected of it. `node` may be left out where there is only one.

use serde::Deserialize;

use super::{Conflist, Neighbour, Runtime, Services, Visit};
use std::collections::BTreeMap;

/// One step.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Step {
    /// Starts the daemon and waits until it is ready.
    Start(Start),
    /// Tells the daemon to stop, and expects it to end well.
    Stop(Stop),
    /// Kills the daemon.
    Kill(Stop),
    /// Ends the daemon one way or the other, starts it again, and waits until it is ready.
    Restart(Restart),
    /// Starts a daemon that must refuse and end, beside the running one if there is one, and touch nothing.
    DaemonRefuses(DaemonRefuses),
    /// The runtime adds a pod.
    Add(Add),
    /// The runtime stops and removes a pod: DEL, its namespace, DEL again.
    Delete(Delete),
    /// Datagrams between a pod and a host elsewhere in the VPC.
    Probe(Probe),
    /// Waits until something holds.
    Wait(Wait),
    /// Writes a file into one of the node's directories.
    WriteFile(WriteFile),
    /// Executes the plugin with any environment and stdin.
    Plugin(Plugin),
    /// The node gets another list of plugins.
    Conflist(Conflist),
    /// CHECK, GC or STATUS.
    Runtime(Runtime),
    /// The cluster's Services and host ports, in every node's rules.
    Services(Services),
    /// Somebody asks an address, and the answers are judged.
    Visit(Visit),
    /// An agent with mark bits of its own settles on a node.
    Neighbour(Neighbour),
}

/// See [`Step::Start`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// Where.
    pub node: Option<String>,
    /// Environment on top of the node's, for this start.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Content of `/etc/enid/enid.toml`.
    pub settings_file: Option<String>,
    /// Ready after at most this long.
    pub within_milliseconds: Option<u64>,
}

/// See [`Step::Stop`] and [`Step::Kill`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Where.
    pub node: Option<String>,
}

/// See [`Step::Restart`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restart {
    /// Where.
    pub node: Option<String>,
    /// SIGKILL instead of SIGTERM.
    #[serde(default)]
    pub kill: bool,
    /// Ready after at most this long, from its start.
    pub within_milliseconds: Option<u64>,
}

/// See [`Step::DaemonRefuses`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaemonRefuses {
    /// Where.
    pub node: Option<String>,
    /// What is shown, for the report.
    pub because: String,
    /// Environment on top of the node's.
    #[serde(default)]
    pub settings: BTreeMap<String, String>,
    /// Content of `/etc/enid/enid.toml`.
    pub settings_file: Option<String>,
    /// Its exit code; any but 0 if left out.
    pub exit_code: Option<i32>,
    /// Every one of these is in what it writes.
    pub says: Vec<String>,
    /// It must have ended by then, seconds.
    #[serde(default = "fifteen")]
    pub within_seconds: u64,
}

/// See [`Step::Add`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {
    /// Name of the pod; one that was deleted may come back under its name.
    pub pod: String,
    /// Where.
    pub node: Option<String>,
    /// The CNI code of a refusal; left out, ADD must succeed.
    pub code: Option<u64>,
    /// The label of the refusal's cause.
    pub cause: Option<String>,
    /// At most this long.
    pub within_milliseconds: Option<u64>,
    /// At least this long: it really had to wait.
    pub at_least_milliseconds: Option<u64>,
    /// Device index of the ENI that the region has the pod's address on.
    pub device: Option<u32>,
}

/// See [`Step::Delete`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delete {
    /// The pod.
    pub pod: String,
    /// The DEL with the namespace takes at most this long.
    pub within_milliseconds: Option<u64>,
}

/// What a probe must find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Every datagram is answered, from the VPC to the pod and from the pod to the VPC.
    #[default]
    BothWays,
    /// None is answered either way.
    Neither,
}

/// See [`Step::Probe`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// The pod.
    pub pod: String,
    /// Datagrams each way.
    #[serde(default = "ten")]
    pub count: u32,
    /// What must come of it.
    #[serde(default)]
    pub reach: Reach,
}

/// See [`Step::Wait`]: exactly one condition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Where.
    pub node: Option<String>,
    /// Until the daemon is ready.
    #[serde(default)]
    pub ready: bool,
    /// Until the journal has at least this many calls of this action.
    pub journal: Option<WaitJournal>,
    /// Until the daemon's metrics have a line that begins so.
    pub metric: Option<String>,
    /// Until `/readyz` says this, whatever its status.
    pub readyz_says: Option<String>,
    /// Until there is a file in the node's directories whose path begins so.
    pub file: Option<String>,
    /// No longer than this.
    #[serde(default = "fifteen")]
    pub within_seconds: u64,
}

/// A number of calls.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitJournal {
    /// Of this action.
    pub action: String,
    /// At least.
    pub count: u64,
}

/// See [`Step::WriteFile`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WriteFile {
    /// Where.
    pub node: Option<String>,
    /// As the node knows it, in one of its own directories.
    pub path: String,
    /// What is written.
    pub content: String,
}

/// See [`Step::Plugin`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// Where.
    pub node: Option<String>,
    /// What is shown, for the report.
    pub because: String,
    /// Its whole environment; `$NETNS` stands for the path of a namespace made for this step.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Its arguments.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Its stdin.
    #[serde(default)]
    pub stdin: String,
    /// Its exit code.
    pub exit_code: i32,
    /// The CNI code it prints.
    pub code: Option<u64>,
    /// Every one of these is in what it prints.
    #[serde(default)]
    pub says: Vec<String>,
}

fn ten() -> u32 {
    10
}

fn fifteen() -> u64 {
    15
}
