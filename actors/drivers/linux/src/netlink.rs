//! Netlink, one file per kind of object. Each file turns the port's words into messages and messages into the port's words.

pub(crate) mod address;
pub(crate) mod channel;
pub(crate) mod event;
pub(crate) mod link;
pub(crate) mod packet;
pub(crate) mod route;
pub(crate) mod rp_filter;
pub(crate) mod rule;
pub(crate) mod watch;
