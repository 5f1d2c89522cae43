//! The real daemon, SDK, netlink and containerd, killed at will. Here is what flows stand on beside the lab: a containerd of
//! their own, an image for it, what it said to the plugin, a pod's life, and the proof that nothing of a flow is left.

pub mod buildah;
pub mod containerd;
pub mod cri;
pub mod image;
pub mod kubelet;
pub mod leftovers;
pub mod plugin;
pub mod pod;
pub mod stage;
