//! Routes: put and removed, the refusals of both, and which of a table's fits best.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use contract::model::TableId;
use contract::ports::host::Route;

use crate::address::network;
use crate::event::Event;
use crate::machine::Errno;
use crate::namespace::{MAIN, Namespace};

/// Every route, by table, prefix length and destination; of equal ones, which only subnets of two links make, the first is
/// in force.
#[derive(Debug, Clone, Default)]
pub(crate) struct Routes(BTreeMap<(TableId, u8, Ipv4Addr), Vec<Route>>);

impl Routes {
    fn place(route: &Route) -> (TableId, u8, Ipv4Addr) {
        (route.table, route.prefix_length, route.to)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.values().flatten()
    }

    /// Behind those to the same destination.
    pub(crate) fn add(&mut self, route: Route) {
        self.0.entry(Self::place(&route)).or_default().push(route);
    }

    /// In place of the first to the same destination; whether that changed anything.
    fn put(&mut self, route: Route) -> bool {
        let equal = self.0.entry(Self::place(&route)).or_default();
        match equal.first_mut() {
            Some(first) => std::mem::replace(first, route) != route,
            None => {
                equal.push(route);
                true
            }
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, route: &Route) -> bool {
        let place = Self::place(route);
        let Some(equal) = self.0.get_mut(&place) else {
            return false;
        };
        let before = equal.len();
        equal.retain(|known| known != route);
        let removed = equal.len() < before;
        if equal.is_empty() {
            self.0.remove(&place);
        }
        removed
    }

    pub(crate) fn forget_link(&mut self, ifindex: u32) {
        self.0.retain(|_, equal| {
            equal.retain(|route| route.ifindex != ifindex);
            !equal.is_empty()
        });
    }

    /// The route of a table with the longest prefix that fits.
    pub(crate) fn longest(&self, table: TableId, to: Ipv4Addr) -> Option<&Route> {
        let mut length = 32;
        loop {
            let fitting = (table, length, network(to, length));
            let (place, equal) = self.0.range((table, 0, Ipv4Addr::UNSPECIFIED)..=fitting).next_back()?;
            if *place == fitting {
                return equal.first();
            }
            // Straight to the next length that the table has.
            length = if place.1 == length { length.checked_sub(1)? } else { place.1 };
        }
    }
}

impl Namespace {
    pub(crate) fn put_route(&mut self, route: Route) -> Result<(), Errno> {
        check(route)?;
        if !self.link(route.ifindex)?.up {
            return Err(Errno::NETDOWN);
        }
        if let Some(via) = route.via {
            // A next hop that is an address of any link here, up or down, or a broadcast address, is none.
            if self.local(via).is_some() || !self.has_local {
                return Err(Errno::INVAL);
            }
        }
        self.keep_route(route);
        Ok(())
    }

    fn keep_route(&mut self, route: Route) {
        if self.routes.put(route) {
            self.events.tell(Event::Route(route));
        }
    }

    /// A default route as the shim puts it: unlike the port's, its next hop must be reached by a route that stands.
    pub(crate) fn put_default_route(&mut self, ifindex: u32, via: Ipv4Addr) -> Result<(), Errno> {
        self.link(ifindex)?;
        if self.routes.longest(MAIN, via).is_none_or(|route| route.ifindex != ifindex || route.via.is_some())
        {
            return Err(Errno::NETUNREACH);
        }
        let to = Ipv4Addr::UNSPECIFIED;
        self.keep_route(Route { table: MAIN, to, prefix_length: 0, via: Some(via), ifindex });
        Ok(())
    }

    pub(crate) fn remove_route(&mut self, route: Route) -> Result<(), Errno> {
        check(route)?;
        if self.routes.remove(&route) {
            self.events.tell(Event::RouteGone(route));
        }
        Ok(())
    }
}

fn check(route: Route) -> Result<(), Errno> {
    if route.prefix_length > 32 || network(route.to, route.prefix_length) != route.to {
        return Err(Errno::INVAL);
    }
    Ok(())
}
