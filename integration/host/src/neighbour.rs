//! Permanent neighbour entries: they live as long as their link is up, keeps its MAC, and has an address if it had one.

use std::net::Ipv4Addr;

use contract::model::Mac;

use crate::event::Event;
use crate::machine::{Errno, Linux, NamespaceId};
use crate::namespace::{LOOPBACK, Namespace};

/// A permanent entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbour {
    /// On which link.
    pub ifindex: u32,
    /// Whose address.
    pub address: Ipv4Addr,
    /// At which MAC.
    pub mac: Mac,
}

impl Namespace {
    pub(crate) fn put_neighbour(&mut self, neighbour: Neighbour) -> Result<(), Errno> {
        let link = self.link(neighbour.ifindex)?;
        if neighbour.ifindex == LOOPBACK {
            return Err(Errno::OPNOTSUPP);
        }
        let before = link.neighbours.insert(neighbour.address, neighbour.mac);
        if before != Some(neighbour.mac) {
            self.events.tell(Event::Neighbour(neighbour));
        }
        Ok(())
    }

    pub(crate) fn remove_neighbour(&mut self, ifindex: u32, address: Ipv4Addr) -> Result<(), Errno> {
        let mac = self.link(ifindex)?.neighbours.remove(&address).ok_or(Errno::NOENT)?;
        self.events.tell(Event::NeighbourGone(Neighbour { ifindex, address, mac }));
        Ok(())
    }

    /// All of a link's, as when it goes down.
    pub(crate) fn forget_neighbours(&mut self, ifindex: u32) {
        let Some(link) = self.links.get_mut(&ifindex) else {
            return;
        };
        for (address, mac) in std::mem::take(&mut link.neighbours) {
            self.events.tell(Event::NeighbourGone(Neighbour { ifindex, address, mac }));
        }
    }
}

impl Linux {
    /// Adds a permanent neighbour entry, or replaces the one of this address. The link may be down.
    ///
    /// # Errors
    /// `NODEV` for the link, `OPNOTSUPP` for `lo`.
    pub fn put_neighbour(&mut self, id: NamespaceId, neighbour: Neighbour) -> Result<(), Errno> {
        self.namespace(id)?.put_neighbour(neighbour)
    }

    /// Removes an entry.
    ///
    /// # Errors
    /// `NODEV` for the link, `NOENT` for the entry.
    pub fn remove_neighbour(
        &mut self,
        id: NamespaceId,
        ifindex: u32,
        address: Ipv4Addr,
    ) -> Result<(), Errno> {
        self.namespace(id)?.remove_neighbour(ifindex, address)
    }

    /// Every entry of a namespace, by link and address; none for one that is not there.
    #[must_use]
    pub fn neighbours(&self, id: NamespaceId) -> Vec<Neighbour> {
        let links = self.namespaces.get(&id).into_iter().flat_map(|namespace| &namespace.links);
        links
            .flat_map(|(ifindex, link)| {
                let entries = link.neighbours.iter();
                entries.map(|(address, mac)| Neighbour { ifindex: *ifindex, address: *address, mac: *mac })
            })
            .collect()
    }
}
