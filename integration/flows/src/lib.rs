//! The real daemon, SDK, netlink and containerd, killed at will. Here is what flows stand on beside the lab: a containerd of
//! their own, an image for it, what it said to the plugin, and the proof that nothing of a flow is left. Judges nothing itself.

pub mod containerd;
pub mod cri;
pub mod image;
pub mod leftovers;
pub mod plugin;
