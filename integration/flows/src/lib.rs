//! The real daemon, SDK, netlink and containerd, killed at will.
