//! What the kernel tells whoever listens: two sockets, one for links, addresses, routes, rules and settings, one for nft. It
//! never decides what matters.

use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use contract::ports::host::{HostError, HostEvent};
use netlink_proto::sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use netlink_proto::sys::{AsyncSocket, SocketAddr, TokioSocket};
use rustix::io::Errno;
use tokio::time::{Instant, timeout_at};

use super::event;
use crate::error::{lost, refused, unreadable};

/// `RTNLGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV4_RULE`, `_IPV4_NETCONF` of linux/rtnetlink.h.
const ROUTE_GROUPS: [u32; 5] = [1, 5, 7, 8, 24];

/// `NFNLGRP_NFTABLES` of linux/netfilter/nfnetlink.h.
const NFT_GROUPS: [u32; 1] = [7];

/// What comes so soon after the first is told with it: a pod that comes or goes is a dozen messages within a few milliseconds.
const GATHERED_FOR: Duration = Duration::from_millis(50);

/// Told at once at most: a few times what a socket's buffer of the usual size holds.
const EVENTS_MAX: usize = 2048;

/// The ears.
pub(crate) struct Watch {
    route: TokioSocket,
    nft: TokioSocket,
    /// Who is asked first next time, so that a busy one does not drown the other.
    nft_first: AtomicBool,
}

impl Watch {
    /// Listens from now on, in the network namespace of this thread. nft tells only a holder of CAP_NET_ADMIN.
    pub(crate) fn open() -> Result<Self, HostError> {
        Ok(Self {
            route: listen("listen to rtnetlink", NETLINK_ROUTE, &ROUTE_GROUPS)?,
            nft: listen("listen to nftables", NETLINK_NETFILTER, &NFT_GROUPS)?,
            nft_first: AtomicBool::new(false),
        })
    }

    /// What happened, in order; nothing if nothing did for as long as `patience`.
    pub(crate) async fn news(&self, table: &str, patience: Duration) -> Result<Vec<HostEvent>, HostError> {
        let mut events = Vec::new();
        let mut until = Instant::now() + patience;
        while events.len() < EVENTS_MAX {
            let Ok(heard) = timeout_at(until, self.hear(table)).await else {
                break;
            };
            let first = events.is_empty();
            events.extend(heard.map_err(|why| lost(format!("listen to the kernel: {why}")))?);
            if first && !events.is_empty() {
                until = Instant::now() + GATHERED_FOR;
            }
        }
        Ok(events)
    }

    /// The next datagram of either socket.
    async fn hear(&self, table: &str) -> io::Result<Vec<HostEvent>> {
        let nft_first = self.nft_first.fetch_xor(true, Ordering::Relaxed);
        poll_fn(|cx| {
            let mut ears = [Ear::Route, Ear::Nft];
            if nft_first {
                ears.reverse();
            }
            for ear in ears {
                let socket = if ear == Ear::Nft { &self.nft } else { &self.route };
                if let Poll::Ready(heard) = socket.poll_recv_from_full(cx) {
                    return Poll::Ready(told(heard, ear, table));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// One of the sockets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ear {
    Route,
    Nft,
}

fn listen(what: &str, protocol: isize, groups: &[u32]) -> Result<TokioSocket, HostError> {
    let open = || {
        let mut socket = TokioSocket::new(protocol)?;
        socket.socket_mut().bind_auto()?;
        groups.iter().try_for_each(|group| socket.socket_ref().add_membership(*group))?;
        Ok(socket)
    };
    open().map_err(|why: io::Error| match why.raw_os_error() {
        Some(errno) => refused(what, errno, None),
        None => unreadable(what, why.to_string()),
    })
}

/// A full buffer lost what came after it; what it holds is still told. Only the kernel is listened to.
fn told(heard: io::Result<(Vec<u8>, SocketAddr)>, ear: Ear, table: &str) -> io::Result<Vec<HostEvent>> {
    match (heard, ear) {
        (Ok((_, sender)), _) if sender.port_number() != 0 => Ok(Vec::new()),
        (Ok((bytes, _)), Ear::Route) => Ok(event::of_route(&bytes)),
        (Ok((bytes, _)), Ear::Nft) => Ok(event::of_nft(&bytes, table)),
        (Err(why), Ear::Route) if is_overrun(&why) => Ok(vec![HostEvent::Lost]),
        // Of nft nothing else is told anyway.
        (Err(why), Ear::Nft) if is_overrun(&why) => Ok(vec![HostEvent::NftTable]),
        (Err(why), _) => Err(why),
    }
}

fn is_overrun(why: &io::Error) -> bool {
    why.raw_os_error() == Some(Errno::NOBUFS.raw_os_error())
}
