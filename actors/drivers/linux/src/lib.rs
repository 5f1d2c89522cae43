//! The host port, by netlink and nft.
