//! Routes: put and removed, and the refusals of both.

use contract::ports::host::Route;

use crate::address::network;
use crate::namespace::{Errno, Namespace};

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
        let place = |route: &Route| (route.table, route.to, route.prefix_length);
        match self.routes.iter_mut().find(|known| place(known) == place(&route)) {
            Some(known) => *known = route,
            None => self.routes.push(route),
        }
        Ok(())
    }

    pub(crate) fn remove_route(&mut self, route: Route) -> Result<(), Errno> {
        check(route)?;
        self.routes.retain(|known| *known != route);
        Ok(())
    }
}

fn check(route: Route) -> Result<(), Errno> {
    if route.prefix_length > 32 || network(route.to, route.prefix_length) != route.to {
        return Err(Errno::INVAL);
    }
    Ok(())
}
