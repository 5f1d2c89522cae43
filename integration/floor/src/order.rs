//! What the worker is told, and what it answers: one JSON line each, over its stdin and stdout.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;

/// One thing to time. The jobs of an order begin at the same moment, each on a thread of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// A program, from exec to exit.
    Execute(Program),
    /// The floor of an ADD.
    FloorAdd(FloorPod),
    /// The floor of a DEL, of a pod whose floor of an ADD was done before.
    FloorDel(FloorPod),
}

/// A program and what it is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Program {
    /// Its path.
    pub path: PathBuf,
    /// Its whole environment.
    pub environment: BTreeMap<String, String>,
    /// Its stdin.
    pub input: String,
}

/// What the floor needs for one pod.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FloorPod {
    /// The empty program, with what the real one is given.
    pub empty: Program,
    /// Directory of the echo's socket.
    pub echo_directory: PathBuf,
    /// The pod's namespace.
    pub netns: PathBuf,
    /// Name of the host's end of its link.
    pub host_veth: String,
    /// Its address.
    pub address: Ipv4Addr,
    /// The address that proves the way out of the pod: the node's router.
    pub gateway: Ipv4Addr,
    /// The file that is replaced durably.
    pub checkpoint: PathBuf,
    /// How long it is, bytes.
    pub checkpoint_bytes: usize,
}

/// How long a job took.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Took {
    /// From its beginning to its end.
    pub nanoseconds: u64,
    /// The parts of a floor, by name.
    pub parts: BTreeMap<String, u64>,
    /// Exit status of the program; `None` if a signal ended it.
    pub exit_code: Option<i32>,
    /// What the program printed.
    pub stdout: String,
    /// What it said beside, or why the job failed.
    pub said: String,
}
