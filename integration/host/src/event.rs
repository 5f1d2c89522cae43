//! What a netlink watcher of a namespace hears. Routes of the table `local`, and news of a link's flags, are left out: the
//! kernel tells the latter once or several times for one change.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use contract::ports::host::{Route, Rule};

use crate::machine::{Linux, NamespaceId};
use crate::neighbour::Neighbour;

/// What waits for a watcher at most: about what a socket of the kernel's default size (208 KiB, 768 bytes each) holds.
const EVENTS_MAX: usize = 256;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// RTM_DELLINK: index.
    LinkGone(u32),
    /// RTM_NEWADDR: index of the link, address, prefix length.
    Address(u32, Ipv4Addr, u8),
    /// RTM_DELADDR.
    AddressGone(u32, Ipv4Addr, u8),
    /// RTM_NEWROUTE, of a new route or of one in place of another.
    Route(Route),
    /// RTM_DELROUTE. The kernel is silent on routes that go with their link, or with its last address.
    RouteGone(Route),
    /// RTM_NEWRULE.
    Rule(Rule),
    /// RTM_DELRULE.
    RuleGone(Rule),
    /// RTM_NEWNEIGH.
    Neighbour(Neighbour),
    /// RTM_DELNEIGH.
    NeighbourGone(Neighbour),
}

/// What happened since the last reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// In order.
    pub events: VecDeque<Event>,
    /// How many came when the buffer was full, and are lost: ENOBUFS of a real socket.
    pub lost: u64,
}

impl Events {
    pub(crate) fn tell(&mut self, event: Event) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        } else {
            self.lost += 1;
        }
    }
}

impl Linux {
    /// Takes what happened in a namespace since the last call; nothing for one that is not there.
    pub fn take_events(&mut self, id: NamespaceId) -> Events {
        self.namespace(id).map(|namespace| std::mem::take(&mut namespace.events)).unwrap_or_default()
    }
}
