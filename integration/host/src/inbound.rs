//! Where a packet that came in would go: forwarding, and what rp_filter makes of its source.

use std::net::Ipv4Addr;

use contract::ports::host::{RouteAnswer, RouteQuestion};

use crate::link::Device;
use crate::lookup::Kind;
use crate::namespace::{LOOPBACK, Namespace};

/// A packet that came in by a link.
#[derive(Clone, Copy)]
pub(crate) struct Inbound<'a> {
    pub(crate) in_by: u32,
    pub(crate) link: &'a Device,
    pub(crate) from: Ipv4Addr,
    pub(crate) question: RouteQuestion,
}

impl Namespace {
    pub(crate) fn inbound(&self, packet: Inbound<'_>) -> Option<RouteAnswer> {
        let to = packet.question.to;
        if packet.from.is_loopback() || to.is_loopback() {
            return None;
        }
        let (found, table) = self.find(packet.question)?;
        let (out_by, via, reverse) = match found.kind {
            Kind::Local => (LOOPBACK, None, to),
            Kind::Broadcast => (LOOPBACK, None, Ipv4Addr::UNSPECIFIED),
            Kind::Unicast if packet.link.settings.forwarding == 0 => return None,
            Kind::Unicast => (found.ifindex, found.via, to),
        };
        let forwarded = (found.kind == Kind::Unicast).then_some(found.ifindex);
        self.believes(packet, reverse, forwarded).then_some(RouteAnswer { out_by, via, table })
    }

    /// Whether the source may have come in by this link: an answer to it, from `reverse`, would go out by it. `forwarded` is
    /// the link the packet would leave by.
    fn believes(&self, packet: Inbound<'_>, reverse: Ipv4Addr, forwarded: Option<u32>) -> bool {
        let settings = packet.link.settings;
        let rp_filter = settings.rp_filter.max(self.settings_of_all.rp_filter);
        let back_where_it_came_from = forwarded == Some(packet.in_by);
        if rp_filter == 0 && !back_where_it_came_from && !self.has_custom_rules {
            return !self.has_address(packet.from);
        }
        let marked = settings.source_valid_mark.max(self.settings_of_all.source_valid_mark) == 1;
        let back = self.find(RouteQuestion {
            to: packet.from,
            from: Some(reverse),
            in_by: None,
            mark: packet.question.mark.filter(|_| marked),
        });
        match back.map(|(found, _)| found) {
            Some(found) if found.kind != Kind::Unicast => false,
            Some(found) if found.ifindex == packet.in_by => true,
            Some(_) if !packet.link.addresses.is_empty() => rp_filter != 1,
            _ => rp_filter == 0,
        }
    }

    fn has_address(&self, address: Ipv4Addr) -> bool {
        self.links.values().flat_map(|link| &link.addresses).any(|known| known.address == address)
    }
}
