//! Addresses, and the routes that come and go with them.

use std::net::Ipv4Addr;

use contract::ports::host::Route;

use crate::event::Event;
use crate::machine::Errno;
use crate::namespace::{LOOPBACK, MAIN, Namespace};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) address: Ipv4Addr,
    pub(crate) prefix_length: u8,
    /// Of universe scope; 127.0.0.1 is not.
    pub(crate) global: bool,
    /// Not the first of its subnet on its link: it has no subnet route, and goes with the first.
    pub(crate) secondary: bool,
    pub(crate) added: u64,
    /// Its place among the addresses whose link came up: of two equal broadcast addresses the older is found. On `lo` the
    /// whole subnet is local once it has one, up or down.
    pub(crate) connected: Option<u64>,
}

/// The first address of a network.
pub(crate) fn network(address: Ipv4Addr, prefix_length: u8) -> Ipv4Addr {
    let host_bits = u32::MAX.checked_shr(u32::from(prefix_length)).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & !host_bits)
}

impl Address {
    pub(crate) fn network(&self) -> Ipv4Addr {
        network(self.address, self.prefix_length)
    }

    fn same_subnet(&self, other: &Self) -> bool {
        (self.prefix_length, self.network()) == (other.prefix_length, other.network())
    }
}

impl Namespace {
    pub(crate) fn add_address(
        &mut self,
        ifindex: u32,
        address: Ipv4Addr,
        prefix_length: u8,
        global: bool,
    ) -> Result<(), Errno> {
        if prefix_length > 32 {
            return Err(Errno::INVAL);
        }
        let added = self.addresses_added;
        let link = self.link(ifindex)?;
        let mut new = Address { address, prefix_length, global, secondary: false, added, connected: None };
        let same = |known: &&Address| known.same_subnet(&new);
        if link.addresses.iter().filter(same).any(|known| known.address == address) {
            return Ok(());
        }
        new.secondary = link.addresses.iter().any(|known| known.same_subnet(&new));
        link.addresses.push(new);
        self.addresses_added += 1;
        self.has_local = true;
        self.events.tell(Event::Address(ifindex, address, prefix_length));
        self.connect(ifindex, new);
        Ok(())
    }

    /// As the shim adds one: what is there is put again, and told again.
    pub(crate) fn put_address(&mut self, ifindex: u32, address: Ipv4Addr) -> Result<(), Errno> {
        let mut known = self.link(ifindex)?.addresses.iter();
        if known.any(|known| (known.address, known.prefix_length) == (address, 32)) {
            self.events.tell(Event::Address(ifindex, address, 32));
            return Ok(());
        }
        self.add_address(ifindex, address, 32, true)
    }

    /// Adds the route to an address's subnet, if its link is up. On `lo` it would be a local one, which is looked up and not
    /// kept.
    pub(crate) fn connect(&mut self, ifindex: u32, address: Address) {
        let Some(link) = self.links.get_mut(&ifindex).filter(|link| link.up) else {
            return;
        };
        for known in &mut link.addresses {
            if known.added == address.added {
                known.connected = Some(self.connections);
            }
        }
        self.connections += 1;
        if ifindex != LOOPBACK && !address.secondary && address.prefix_length < 32 {
            let subnet = subnet_route(ifindex, address);
            self.routes.add(subnet);
            self.events.tell(Event::Route(subnet));
        }
    }

    pub(crate) fn remove_address(
        &mut self,
        ifindex: u32,
        address: Ipv4Addr,
        prefix_length: u8,
    ) -> Result<(), Errno> {
        let addresses = &mut self.link(ifindex)?.addresses;
        let gone = addresses
            .iter()
            .copied()
            .find(|known| (known.address, known.prefix_length) == (address, prefix_length))
            .ok_or(Errno::ADDRNOTAVAIL)?;
        let goes = |known: &Address| *known == gone || (!gone.secondary && known.same_subnet(&gone));
        let going: Vec<Address> = addresses.iter().copied().filter(goes).collect();
        addresses.retain(|known| !goes(known));
        let none_left = addresses.is_empty();
        let subnet = subnet_route(ifindex, gone);
        if !gone.secondary && prefix_length < 32 && self.routes.remove(&subnet) {
            self.events.tell(Event::RouteGone(subnet));
        }
        for address in going {
            self.events.tell(Event::AddressGone(ifindex, address.address, prefix_length));
        }
        if none_left {
            self.routes.forget_link(ifindex);
            self.forget_neighbours(ifindex);
        }
        Ok(())
    }

    /// Those of universe scope that are meant.
    pub(crate) fn remove_global_addresses(
        &mut self,
        ifindex: u32,
        meant: impl Fn(&Address) -> bool,
    ) -> Result<(), Errno> {
        for address in self.link(ifindex)?.addresses.clone() {
            if address.global && meant(&address) {
                match self.remove_address(ifindex, address.address, address.prefix_length) {
                    // With the first of its subnet.
                    Ok(()) | Err(Errno::ADDRNOTAVAIL) => {}
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(())
    }
}

fn subnet_route(ifindex: u32, address: Address) -> Route {
    Route { table: MAIN, to: address.network(), prefix_length: address.prefix_length, via: None, ifindex }
}
