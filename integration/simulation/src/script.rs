//! What happens to the node, as data: written by a seed or by hand, read back to replay.

use fakes::Weather;
use serde::{Deserialize, Serialize};

/// A script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The seed of the weather and of every pause.
    pub seed: u64,
    /// The node.
    pub node: NodePart,
    /// What happens, in order.
    #[serde(default)]
    pub step: Vec<Step>,
}

/// The node of a script.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodePart {
    /// Decides the limits.
    pub instance_type: String,
    /// Secondary addresses of its primary ENI from the start.
    pub secondary_addresses: u32,
    /// The same for each further ENI.
    #[serde(default)]
    pub more_enis: Vec<u32>,
    /// `WARM_IP_TARGET`; 0 is unset.
    pub warm_ip_target: u32,
    /// `MINIMUM_IP_TARGET`; 0 is unset.
    #[serde(default)]
    pub minimum_ip_target: u32,
    /// `WARM_ENI_TARGET`.
    #[serde(default)]
    pub warm_eni_target: u32,
    /// `MAX_ENI`; unset: what the type allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_enis: Option<u32>,
    /// An ENI's link shows so long after its attach, milliseconds, and ends so long after its detach.
    #[serde(default)]
    pub attach_milliseconds: u64,
    /// The metadata service is behind EC2 by so much, milliseconds.
    #[serde(default)]
    pub imds_lag_milliseconds: u64,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Step {
    /// Time passes.
    Pass {
        /// So much of it.
        milliseconds: u64,
    },
    /// The runtime makes a sandbox for a pod and executes ADD; nothing if it has one.
    Add {
        /// The pod.
        pod: u32,
    },
    /// The runtime takes a pod's sandbox away: its shim is killed if it still works, DEL, the namespace goes, DEL again.
    Delete {
        /// The pod.
        pod: u32,
    },
    /// The same, but the namespace is out of the runtime's hands: DEL without it, and it lingers on with all it carries.
    Leak {
        /// The pod.
        pod: u32,
    },
    /// A pod's namespace is gone, and nobody says so.
    Vanish {
        /// The pod.
        pod: u32,
    },
    /// The daemon is killed, and started again after a while.
    Kill {
        /// After so long.
        back_after_milliseconds: u64,
    },
    /// The daemon is told to stop, and started again after a while.
    Stop {
        /// After so long.
        back_after_milliseconds: u64,
    },
    /// One room dies, or what it waits for does.
    Die {
        /// Its name.
        room: String,
        /// How.
        how: How,
    },
    /// The weather changes.
    Weather {
        /// To this.
        weather: Weather,
    },
    /// Others take the subnet's free addresses, all but so many.
    SubnetTaken {
        /// Left over.
        left: u32,
    },
    /// What others took of the subnet is free again.
    SubnetFreed,
    /// Somebody takes a rule or route of a pod away.
    Drift {
        /// The pod.
        pod: u32,
        /// Which one, counted over all it has.
        which: u64,
    },
    /// The power goes and comes back.
    PowerLoss {
        /// The state directory is on a disk, not in memory.
        state_stays: bool,
        /// The daemon starts so long after the kernel.
        back_after_milliseconds: u64,
    },
}

/// How a room dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It panics before it has taken its next event in.
    PanicBefore,
    /// It panics after that, with its state torn.
    PanicAfter,
    /// It gives itself up.
    GiveUp,
    /// Its next effect finds its connection broken.
    Break,
    /// Its next effect is done, and never answers.
    Stall,
}

/// Why a script cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("not a script: {0}")]
pub struct ScriptError(#[from] toml::de::Error);

impl Script {
    /// Reads a script.
    ///
    /// # Errors
    /// A text that is none, with the place and what is wrong there.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        Ok(toml::from_str(text)?)
    }

    /// Writes it, so that [`Script::parse`] reads the same.
    #[must_use]
    pub fn text(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
    }
}
