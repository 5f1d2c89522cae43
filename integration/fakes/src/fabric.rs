//! The node's links as the region's effects have them: an ENI that is attached is a link in the node's namespace, whose other
//! end is in the VPC's.

use contract::model::Mac;
use contract::model::TableId;
use contract::ports::host::{HostChange, Link, Route};
use host::{End, Linux, NamespaceId, Setting, Whose};
use region::{AttachmentState, Effect};
use std::net::Ipv4Addr;

use crate::world::World;

/// What EC2 gives ENIs inside one VPC.
const MTU_BYTES: u32 = 9001;

/// What the fabric knows.
#[derive(Debug, Clone)]
pub(crate) struct Fabric {
    vpc: NamespaceId,
    /// Ports are numbered, and no number is given twice.
    ports: u32,
}

impl Fabric {
    pub(crate) fn new(vpc: NamespaceId) -> Self {
        Self { vpc, ports: 0 }
    }
}

/// A node's own namespace as kubelet wants it: it forwards.
pub(crate) fn new_host(linux: &mut Linux) -> NamespaceId {
    let host = linux.add_namespace();
    for whose in [Whose::All, Whose::Default] {
        // Neither can be refused in a namespace that is there.
        let _ = linux.set(host, whose, Setting::Forwarding, 1);
    }
    host
}

impl World {
    /// Makes the node's kernel as these effects say.
    pub(crate) fn follow(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::EniAttached { instance, mac, device_index, .. } if instance == self.instance => {
                    self.plug(&mac.to_string(), device_index);
                }
                Effect::EniDetached { instance, mac, .. } if instance == self.instance => {
                    self.unplug(&mac.to_string());
                }
                // Which addresses an ENI has is EC2's own; the node's kernel sees links.
                _ => {}
            }
        }
    }

    /// Brings the primary ENI up as an instance's boot does.
    pub(crate) fn boot_network(&mut self) {
        let own = self.region.enis_of(&self.instance).first().map(|eni| (eni.mac.to_string(), eni.primary));
        let Some((mac, address)) = own else {
            return self.trouble("the node has no primary ENI");
        };
        let prefix_length = self.region.subnet(&self.subnet).map_or(24, |subnet| subnet.cidr.prefix_len());
        let router = self
            .region
            .subnet(&self.subnet)
            .map_or(address, |subnet| Ipv4Addr::from(u32::from(subnet.cidr.network()).saturating_add(1)));
        let Some(ifindex) = self.link(&mac).map(|link| link.ifindex) else {
            return self.trouble("the primary ENI has no link");
        };
        let default = Route {
            table: TableId::MAIN,
            to: Ipv4Addr::UNSPECIFIED,
            prefix_length: 0,
            via: Some(router),
            ifindex,
        };
        for change in [
            HostChange::LinkUp { ifindex },
            HostChange::AddAddress { ifindex, address, prefix_length },
            HostChange::PutRoute(default),
        ] {
            if let Err(error) = self.linux.apply(self.host, &change) {
                self.trouble(format!("boot: {change:?}: {error:?}"));
            }
        }
    }

    /// The node as it is after a power loss and a boot: a new namespace of its own, the ENIs plugged again.
    pub(crate) fn replug(&mut self) {
        self.linux.delete_namespace(self.host);
        self.host = new_host(&mut self.linux);
        let enis: Vec<(String, u32)> = self
            .region
            .enis_of(&self.instance)
            .iter()
            .filter_map(|eni| {
                // One that is not there yet comes when the region says so.
                let here = eni.attachment.as_ref().filter(|at| at.state != AttachmentState::Attaching)?;
                Some((eni.mac.to_string(), here.device_index))
            })
            .collect();
        for (mac, device_index) in enis {
            self.plug(&mac, device_index);
        }
        self.boot_network();
    }

    fn plug(&mut self, mac: &str, device_index: u32) {
        let Ok(mac) = mac.parse::<Mac>() else {
            return self.trouble(format!("{mac} is no MAC"));
        };
        self.fabric.ports += 1;
        let Mac([_, rest @ ..]) = mac;
        let [a, b, c, d, e] = rest;
        let port = End {
            namespace: self.fabric.vpc,
            name: format!("port{}", self.fabric.ports),
            mac: Mac([0x06, a, b, c, d, e]),
            mtu_bytes: MTU_BYTES,
        };
        let device =
            End { namespace: self.host, name: format!("eth{device_index}"), mac, mtu_bytes: MTU_BYTES };
        if let Err(error) = self.linux.veth(&port, &device) {
            self.trouble(format!("eth{device_index} cannot be plugged: {error:?}"));
        }
    }

    fn unplug(&mut self, mac: &str) {
        let Some(ifindex) = self.link(mac).map(|link| link.ifindex) else {
            return self.trouble(format!("{mac} is not plugged"));
        };
        if let Err(error) = self.linux.delete_link(self.host, ifindex) {
            self.trouble(format!("{mac} cannot be unplugged: {error:?}"));
        }
    }

    fn link(&self, mac: &str) -> Option<Link> {
        let mac = mac.parse::<Mac>().ok()?;
        self.linux.snapshot(self.host)?.links.into_iter().find(|link| link.mac == Some(mac))
    }
}
