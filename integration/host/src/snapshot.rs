//! What the host port shows of a namespace.

use contract::ports::host::{HostSnapshot, Link};

use crate::link::Device;
use crate::machine::{Linux, NamespaceId};

impl Linux {
    /// Links by index, routes by table and destination, rules in the order they are looked at; `None` for a namespace that is
    /// not there.
    #[must_use]
    pub fn snapshot(&self, id: NamespaceId) -> Option<HostSnapshot> {
        let namespace = self.namespaces.get(&id)?;
        let links = namespace.links.iter();
        Some(HostSnapshot {
            complete: true,
            links: links.map(|(ifindex, link)| self.shown(id, *ifindex, link)).collect(),
            routes: namespace.routes.iter().copied().collect(),
            rules: namespace.rules.clone(),
        })
    }

    fn shown(&self, id: NamespaceId, ifindex: u32, link: &Device) -> Link {
        let elsewhere = link.peer.filter(|(namespace, _)| *namespace != id);
        let behind = elsewhere.and_then(|(namespace, other_end)| {
            let there = self.namespaces.get(&namespace)?.links.get(&other_end)?;
            let global = there.addresses.iter().filter(|address| address.global);
            Some(global.map(|address| address.address).collect())
        });
        let addresses = link.addresses.iter();
        Link {
            ifindex,
            name: link.name.clone(),
            mac: link.mac,
            mtu_bytes: link.mtu_bytes,
            up: link.up,
            veth_to_elsewhere: elsewhere.is_some(),
            rp_filter: Some(link.settings.rp_filter),
            addresses: addresses.map(|address| (address.address, address.prefix_length)).collect(),
            behind,
        }
    }
}
