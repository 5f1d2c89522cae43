//! The machine: its namespaces, and what concerns two of them. It owns the numbering.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::model::Mac;
use contract::ports::host::HostChange;

use crate::event::Event;
use crate::link::{Device, End};
use crate::namespace::Namespace;
use crate::setting::Settings;

/// The kernel's refusal, as its positive number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// No such entry.
    pub const NOENT: Self = Self(2);
    /// The disk failed.
    pub const IO: Self = Self(5);
    /// Another thing stands in the way.
    pub const BUSY: Self = Self(16);
    /// The name is taken.
    pub const EXIST: Self = Self(17);
    /// No such link or namespace.
    pub const NODEV: Self = Self(19);
    /// The request makes no sense.
    pub const INVAL: Self = Self(22);
    /// The disk is full.
    pub const NOSPC: Self = Self(28);
    /// Not possible with this link, or not modelled.
    pub const OPNOTSUPP: Self = Self(95);
    /// The address is not on the link, or can be none.
    pub const ADDRNOTAVAIL: Self = Self(99);
    /// The link is down.
    pub const NETDOWN: Self = Self(100);
    /// No route to the next hop.
    pub const NETUNREACH: Self = Self(101);
}

/// A namespace, by the order of making. An id is not given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamespaceId(pub u32);

/// The machine. A clone shares every namespace that neither of the two changes.
#[derive(Debug, Clone)]
pub struct Linux {
    pub(crate) namespaces: BTreeMap<NamespaceId, Arc<Namespace>>,
    next_namespace: u32,
    settings_of_new: Settings,
}

impl Linux {
    /// A machine without namespaces, whose new links have this rp_filter.
    #[must_use]
    pub fn new(rp_filter_default: u32) -> Self {
        Self {
            namespaces: BTreeMap::new(),
            next_namespace: 0,
            settings_of_new: Settings { rp_filter: rp_filter_default, ..Settings::FRESH },
        }
    }

    /// A new namespace, with `lo`, down, and the kernel's three rules.
    pub fn add_namespace(&mut self) -> NamespaceId {
        let id = NamespaceId(self.next_namespace);
        self.next_namespace += 1;
        self.namespaces.insert(id, Arc::new(Namespace::new(self.settings_of_new)));
        id
    }

    /// Ends a namespace; its veths go, and their other ends with them. One that is gone is well.
    pub fn delete_namespace(&mut self, id: NamespaceId) {
        let Some(gone) = self.namespaces.remove(&id) else {
            return;
        };
        for (elsewhere, ifindex) in gone.links.values().filter_map(|link| link.peer) {
            if let Ok(namespace) = self.namespace(elsewhere) {
                namespace.remove_link(ifindex);
            }
        }
    }

    /// Makes a veth pair, both ends down; their indexes.
    ///
    /// # Errors
    /// `NODEV` for a namespace that is not there, `EXIST` for a name that is taken, `INVAL` for a name or an MTU that no veth
    /// can have, `ADDRNOTAVAIL` for such a MAC.
    pub fn veth(&mut self, one: &End, other: &End) -> Result<(u32, u32), Errno> {
        for end in [one, other] {
            if self.namespace(end.namespace)?.index_of(&end.name).is_some() {
                return Err(Errno::EXIST);
            }
            end.check()?;
        }
        // The kernel registers the other end first, and takes it away again when the one's name then is taken.
        let there = self.namespace(other.namespace)?.number();
        if (one.namespace, &one.name) == (other.namespace, &other.name) {
            self.namespace(other.namespace)?.events.tell(Event::LinkGone(there));
            return Err(Errno::EXIST);
        }
        let here = self.namespace(one.namespace)?.number();
        for (end, ifindex, peer) in
            [(one, here, (other.namespace, there)), (other, there, (one.namespace, here))]
        {
            let namespace = self.namespace(end.namespace)?;
            let device = Device::veth(end, peer, namespace.settings_of_new);
            namespace.links.insert(ifindex, device);
        }
        Ok((here, there))
    }

    /// Deletes a link; of a veth, both ends.
    ///
    /// # Errors
    /// `NODEV` when it is not there, `OPNOTSUPP` for `lo`.
    pub fn delete_link(&mut self, id: NamespaceId, ifindex: u32) -> Result<(), Errno> {
        let namespace = self.namespace(id)?;
        let peer = namespace.link(ifindex)?.peer;
        let (elsewhere, other_end) = peer.ok_or(Errno::OPNOTSUPP)?;
        namespace.remove_link(ifindex);
        self.namespace(elsewhere)?.remove_link(other_end);
        Ok(())
    }

    /// Brings a link down. Its addresses stay; every route over it and every neighbour on it goes.
    ///
    /// # Errors
    /// `NODEV` when it is not there.
    pub fn link_down(&mut self, id: NamespaceId, ifindex: u32) -> Result<(), Errno> {
        self.namespace(id)?.link_down(ifindex)
    }

    /// Gives a link another MAC, up or down; every neighbour on it goes, also when it is the MAC it has.
    ///
    /// # Errors
    /// `NODEV` when it is not there, `OPNOTSUPP` for `lo`, `ADDRNOTAVAIL` for a MAC that no link can have.
    pub fn set_mac(&mut self, id: NamespaceId, ifindex: u32, mac: Mac) -> Result<(), Errno> {
        self.namespace(id)?.set_mac(ifindex, mac)
    }

    /// Takes an address from a link. With a subnet's first address go the later ones, with the last one every route over
    /// the link, and every neighbour on it.
    ///
    /// # Errors
    /// `NODEV` for the link, `ADDRNOTAVAIL` for the address.
    pub fn remove_address(
        &mut self,
        id: NamespaceId,
        ifindex: u32,
        address: std::net::Ipv4Addr,
        prefix_length: u8,
    ) -> Result<(), Errno> {
        self.namespace(id)?.remove_address(ifindex, address, prefix_length)
    }

    /// Does a change, with the driver's meaning: what is already so is a success.
    ///
    /// # Errors
    /// What the kernel, or the driver before it, refuses.
    pub fn apply(&mut self, id: NamespaceId, change: &HostChange) -> Result<(), Errno> {
        self.namespace(id)?.apply(change)
    }

    pub(crate) fn namespace(&mut self, id: NamespaceId) -> Result<&mut Namespace, Errno> {
        self.namespaces.get_mut(&id).map(Arc::make_mut).ok_or(Errno::NODEV)
    }
}
