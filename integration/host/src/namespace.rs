//! One network namespace: its links, routes, rules and tables, and the changes of the host port.

use std::collections::BTreeMap;

use contract::model::{RulePriority, TableId};
use contract::ports::host::{HostChange, Rule};

use crate::event::{Event, Events};
use crate::link::Device;
use crate::machine::Errno;
use crate::nft::Table;
use crate::route::Routes;
use crate::setting::{Setting, Settings, Whose};

/// The kernel's own tables.
pub(crate) const LOCAL: TableId = TableId(255);
pub(crate) const MAIN: TableId = TableId(254);
pub(crate) const DEFAULT: TableId = TableId(253);

/// Index of `lo`, the first link of every namespace.
pub(crate) const LOOPBACK: u32 = 1;

#[derive(Debug, Clone)]
pub(crate) struct Namespace {
    pub(crate) links: BTreeMap<u32, Device>,
    pub(crate) routes: Routes,
    pub(crate) rules: Vec<Rule>,
    pub(crate) nft: BTreeMap<(String, String), Table>,
    pub(crate) settings_of_all: Settings,
    pub(crate) settings_of_new: Settings,
    pub(crate) events: Events,
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

impl Namespace {
    pub(crate) fn new(settings_of_new: Settings) -> Self {
        let rule = |priority, table| Rule {
            priority: RulePriority(priority),
            from: None,
            to: None,
            mark: None,
            table,
        };
        Self {
            links: BTreeMap::from([(LOOPBACK, Device::loopback(settings_of_new))]),
            routes: Routes::default(),
            rules: vec![rule(0, LOCAL), rule(32_766, MAIN), rule(32_767, DEFAULT)],
            nft: BTreeMap::new(),
            settings_of_all: Settings::FRESH,
            settings_of_new,
            events: Events::default(),
            has_local: false,
            has_custom_rules: false,
            next_ifindex: LOOPBACK + 1,
            addresses_added: 0,
            connections: 0,
        }
    }

    pub(crate) fn apply(&mut self, change: &HostChange) -> Result<(), Errno> {
        match *change {
            HostChange::SetMtu { ifindex, mtu_bytes } => self.link(ifindex)?.set_mtu(mtu_bytes),
            HostChange::SetRpFilter { ifindex, value } => {
                self.set(Whose::Link(ifindex), Setting::RpFilter, value)
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

    pub(crate) fn number(&mut self) -> u32 {
        let ifindex = self.next_ifindex;
        self.next_ifindex += 1;
        ifindex
    }

    pub(crate) fn index_of(&self, name: &str) -> Option<u32> {
        self.links.iter().find(|(_, link)| link.name == name).map(|(ifindex, _)| *ifindex)
    }

    /// Takes a link away, with all that stood on it.
    pub(crate) fn remove_link(&mut self, ifindex: u32) {
        self.forget_neighbours(ifindex);
        let Some(gone) = self.links.remove(&ifindex) else {
            return;
        };
        self.routes.forget_link(ifindex);
        for address in gone.addresses {
            self.events.tell(Event::AddressGone(ifindex, address.address, address.prefix_length));
        }
        self.events.tell(Event::LinkGone(ifindex));
    }
}
