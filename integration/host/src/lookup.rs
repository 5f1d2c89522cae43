//! Where a packet made here would go: rules in order, tables, the longest prefix.

use std::net::Ipv4Addr;

use contract::model::TableId;
use contract::ports::host::{RouteAnswer, RouteQuestion, Rule};

use crate::address::network;
use crate::inbound::Inbound;
use crate::machine::{Errno, Linux, NamespaceId};
use crate::namespace::{DEFAULT, LOCAL, LOOPBACK, MAIN, Namespace};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Local,
    Broadcast,
    Unicast,
}

/// A route that fits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) kind: Kind,
    pub(crate) ifindex: u32,
    pub(crate) via: Option<Ipv4Addr>,
    prefix_length: u8,
}

impl Linux {
    /// Where a packet would go; `None` is nowhere, also for one made here whose source is not an address of the namespace,
    /// and for one that came in with a source that could not have come that way.
    ///
    /// # Errors
    /// `NODEV` for a link that is not there, `INVAL` for a packet that came in without a source.
    pub fn route(&self, id: NamespaceId, question: RouteQuestion) -> Result<Option<RouteAnswer>, Errno> {
        let namespace = self.namespaces.get(&id).ok_or(Errno::NODEV)?;
        let Some(in_by) = question.in_by else {
            return Ok(namespace.outbound(question));
        };
        let from = question.from.ok_or(Errno::INVAL)?;
        let link = namespace.links.get(&in_by).ok_or(Errno::NODEV)?;
        Ok(namespace.inbound(Inbound { in_by, link, from, question }))
    }
}

impl Namespace {
    fn outbound(&self, question: RouteQuestion) -> Option<RouteAnswer> {
        if let Some(from) = question.from {
            self.local(from).filter(|found| found.kind == Kind::Local)?;
        }
        let (found, table) = self.find(question)?;
        Some(RouteAnswer {
            out_by: match found.kind {
                Kind::Local => LOOPBACK,
                Kind::Broadcast | Kind::Unicast => found.ifindex,
            },
            via: found.via,
            table,
        })
    }

    /// The route that rules and tables give, and its table.
    pub(crate) fn find(&self, question: RouteQuestion) -> Option<(Found, TableId)> {
        if !self.has_custom_rules {
            return self.without_rules(question.to);
        }
        let mut rules = self.rules.iter().filter(|rule| selects(rule, question));
        rules.find_map(|rule| Some((self.in_table(rule.table, question.to)?, rule.table)))
    }

    /// `local` and `main` as one, then `default`.
    fn without_rules(&self, to: Ipv4Addr) -> Option<(Found, TableId)> {
        let both = [self.local(to), self.unicast(MAIN, to)];
        let merged = both.into_iter().flatten().reduce(longer);
        merged.map(|found| (found, MAIN)).or_else(|| Some((self.unicast(DEFAULT, to)?, DEFAULT)))
    }

    fn in_table(&self, table: TableId, to: Ipv4Addr) -> Option<Found> {
        if table == LOCAL { self.local(to) } else { self.unicast(table, to) }
    }

    fn unicast(&self, table: TableId, to: Ipv4Addr) -> Option<Found> {
        self.routes.longest(table, to).map(|route| Found {
            kind: Kind::Unicast,
            ifindex: route.ifindex,
            via: route.via,
            prefix_length: route.prefix_length,
        })
    }

    /// The table `local`: every address, also of a link that is down; the broadcast addresses of links that are up; on `lo`
    /// the whole subnets.
    pub(crate) fn local(&self, to: Ipv4Addr) -> Option<Found> {
        let mut all = Vec::new();
        for (ifindex, link) in &self.links {
            for address in &link.addresses {
                let (prefix_length, network_of) = (address.prefix_length, network(to, address.prefix_length));
                let found = |kind, prefix_length| Found { kind, ifindex: *ifindex, via: None, prefix_length };
                if address.address == to {
                    all.push((Some(address.added), found(Kind::Local, 32)));
                }
                if network_of != address.network() || address.secondary {
                    continue;
                }
                let host_bits = u32::MAX.checked_shr(u32::from(prefix_length)).unwrap_or(0);
                if link.up && prefix_length < 31 && to.to_bits() == address.network().to_bits() | host_bits {
                    all.push((address.connected, found(Kind::Broadcast, 32)));
                }
                if *ifindex == LOOPBACK && address.connected.is_some() {
                    all.push((address.connected, found(Kind::Local, prefix_length)));
                }
            }
        }
        all.sort_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, found)| found).reduce(longer)
    }
}

/// Of two equally long the first.
fn longer(first: Found, second: Found) -> Found {
    if second.prefix_length > first.prefix_length { second } else { first }
}

fn selects(rule: &Rule, question: RouteQuestion) -> bool {
    let marked = |mark: u32| question.mark.is_some_and(|given| given.0 & mark == mark);
    rule.from.is_none_or(|from| question.from == Some(from))
        && rule.to.is_none_or(|to| to.contains(&question.to))
        && rule.mark.is_none_or(|mark| marked(mark.0))
}
