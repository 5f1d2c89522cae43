//! Namespaces, and the machine that has them: each one's links, routes, rules and tables. It owns the numbering.

use std::collections::BTreeMap;

use contract::model::{RulePriority, TableId};
use contract::ports::host::{HostChange, Route, Rule};

use crate::link::{Device, End};

/// The kernel's own tables.
pub(crate) const LOCAL: TableId = TableId(255);
pub(crate) const MAIN: TableId = TableId(254);
pub(crate) const DEFAULT: TableId = TableId(253);

/// Index of `lo`, the first link of every namespace.
pub(crate) const LOOPBACK: u32 = 1;

/// The kernel's refusal, as its positive number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// Another thing stands in the way.
    pub const BUSY: Self = Self(16);
    /// The name is taken.
    pub const EXIST: Self = Self(17);
    /// No such link or namespace.
    pub const NODEV: Self = Self(19);
    /// The request makes no sense.
    pub const INVAL: Self = Self(22);
    /// Not possible with this link, or not modelled.
    pub const OPNOTSUPP: Self = Self(95);
    /// The address is not on the link.
    pub const ADDRNOTAVAIL: Self = Self(99);
    /// The link is down.
    pub const NETDOWN: Self = Self(100);
}

/// A namespace, by the order of making. An id is not given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamespaceId(pub u32);

#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    pub(crate) links: BTreeMap<u32, Device>,
    pub(crate) routes: Vec<Route>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) nft: BTreeMap<(String, String), String>,
    /// There was an address once. Before, the kernel has no table `local` and takes every gateway for a broadcast address.
    pub(crate) has_local: bool,
    /// A rule was once added or removed. Before, the kernel keeps `local` and `main` as one, and answers `main` for both.
    pub(crate) has_custom_rules: bool,
    next_ifindex: u32,
    /// Counts the addresses ever added: of two equal ones the older is found first.
    pub(crate) addresses_added: u64,
    /// Counts how often an address got its subnet's routes.
    pub(crate) connections: u64,
}

/// The machine.
#[derive(Debug, Clone)]
pub struct Linux {
    pub(crate) namespaces: BTreeMap<NamespaceId, Namespace>,
    next_namespace: u32,
    rp_filter_default: u32,
}

// === impl Namespace ===

impl Namespace {
    fn new(rp_filter: u32) -> Self {
        let rule = |priority, table| Rule {
            priority: RulePriority(priority),
            from: None,
            to: None,
            mark: None,
            table,
        };
        Self {
            links: BTreeMap::from([(LOOPBACK, Device::loopback(rp_filter))]),
            routes: Vec::new(),
            rules: vec![rule(0, LOCAL), rule(32_766, MAIN), rule(32_767, DEFAULT)],
            nft: BTreeMap::new(),
            has_local: false,
            has_custom_rules: false,
            next_ifindex: LOOPBACK + 1,
            addresses_added: 0,
            connections: 0,
        }
    }

    fn apply(&mut self, change: &HostChange) -> Result<(), Errno> {
        match *change {
            HostChange::SetMtu { ifindex, mtu_bytes } => self.link(ifindex)?.set_mtu(mtu_bytes),
            HostChange::SetRpFilter { ifindex, value } => {
                self.link(ifindex)?.rp_filter = value;
                Ok(())
            }
            HostChange::LinkUp { ifindex } => self.link_up(ifindex),
            HostChange::AddAddress { ifindex, address, prefix_length } => {
                self.add_address(ifindex, address, prefix_length, true)
            }
            HostChange::PutRoute(route) => self.put_route(route),
            HostChange::RemoveRoute(route) => self.remove_route(route),
            HostChange::AddRule(rule) => self.add_rule(rule),
            HostChange::RemoveRule(rule) => self.remove_rule(rule),
        }
    }

    pub(crate) fn link(&mut self, ifindex: u32) -> Result<&mut Device, Errno> {
        self.links.get_mut(&ifindex).ok_or(Errno::NODEV)
    }

    fn number(&mut self) -> u32 {
        let ifindex = self.next_ifindex;
        self.next_ifindex += 1;
        ifindex
    }

    fn has_name(&self, name: &str) -> bool {
        self.links.values().any(|link| link.name == name)
    }

    /// Takes a link away, with all that stood on it.
    fn remove_link(&mut self, ifindex: u32) {
        self.links.remove(&ifindex);
        self.routes.retain(|route| route.ifindex != ifindex);
    }
}

// === impl Linux ===

impl Linux {
    /// A machine without namespaces, whose new links have this rp_filter.
    #[must_use]
    pub fn new(rp_filter_default: u32) -> Self {
        Self { namespaces: BTreeMap::new(), next_namespace: 0, rp_filter_default }
    }

    /// A new namespace, with `lo`, down, and the kernel's three rules.
    pub fn add_namespace(&mut self) -> NamespaceId {
        let id = NamespaceId(self.next_namespace);
        self.next_namespace += 1;
        self.namespaces.insert(id, Namespace::new(self.rp_filter_default));
        id
    }

    /// Ends a namespace; its veths go, and their other ends with them. One that is gone is well.
    pub fn delete_namespace(&mut self, id: NamespaceId) {
        let Some(gone) = self.namespaces.remove(&id) else {
            return;
        };
        for (namespace, ifindex) in gone.links.values().filter_map(|link| link.peer) {
            if let Some(namespace) = self.namespaces.get_mut(&namespace) {
                namespace.remove_link(ifindex);
            }
        }
    }

    /// Makes a veth pair, both ends down.
    ///
    /// # Errors
    /// `NODEV` for a namespace that is not there, `EXIST` for a name that is taken.
    pub fn veth(&mut self, one: &End, other: &End) -> Result<(), Errno> {
        for end in [one, other] {
            let namespace = self.namespace(end.namespace)?;
            if namespace.has_name(&end.name) {
                return Err(Errno::EXIST);
            }
        }
        if (one.namespace, &one.name) == (other.namespace, &other.name) {
            return Err(Errno::EXIST);
        }
        // The kernel registers the other end first.
        let there = self.namespace(other.namespace)?.number();
        let here = self.namespace(one.namespace)?.number();
        let rp_filter = self.rp_filter_default;
        let device = Device::veth(one, (other.namespace, there), rp_filter);
        self.namespace(one.namespace)?.links.insert(here, device);
        let device = Device::veth(other, (one.namespace, here), rp_filter);
        self.namespace(other.namespace)?.links.insert(there, device);
        Ok(())
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

    /// Brings a link down. Its addresses stay, every route over it goes.
    ///
    /// # Errors
    /// `NODEV` when it is not there.
    pub fn link_down(&mut self, id: NamespaceId, ifindex: u32) -> Result<(), Errno> {
        self.namespace(id)?.link_down(ifindex)
    }

    /// Takes an address from a link. With a subnet's first address go the later ones, with the last one every route over
    /// the link.
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
        self.namespaces.get_mut(&id).ok_or(Errno::NODEV)
    }
}
