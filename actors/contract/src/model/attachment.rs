//! A CNI attachment: which container's interface on which network, and whose pod it is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The identity of one ADD: (network name, container id, interface name), as in the checkpoint of the agent we replace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttachmentKey {
    /// The `name` of the network configuration list, `aws-cni` on an EKS node.
    pub network: String,
    /// The sandbox id that the container runtime chose.
    pub container_id: String,
    /// The interface inside the sandbox, `eth0`.
    pub ifname: String,
}

impl fmt::Display for AttachmentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.network, self.container_id, self.ifname)
    }
}

/// The pod behind an attachment. Empty texts where the runtime did not say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Pod {
    /// Kubernetes namespace.
    pub namespace: String,
    /// Pod name.
    pub name: String,
    /// Pod UID; it tells two pods of one name apart (a StatefulSet's pod comes back under its old name).
    pub uid: String,
}

impl fmt::Display for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
