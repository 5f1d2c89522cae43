//! Links: `lo` and the ends of veth pairs, up and down.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use contract::model::Mac;

use crate::address::Address;
use crate::machine::{Errno, NamespaceId};
use crate::namespace::{LOOPBACK, Namespace};
use crate::setting::Settings;

/// What a veth may carry, bytes: ETH_MIN_MTU and ETH_MAX_MTU of the kernel.
const VETH_MTU_BYTES: std::ops::RangeInclusive<u32> = 68..=65_535;

/// IFNAMSIZ of the kernel, without the zero at the end.
const NAME_BYTES_MAX: usize = 15;

const LOOPBACK_MTU_BYTES: u32 = 65_536;

/// One end of a veth pair that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Where.
    pub namespace: NamespaceId,
    /// Its name there.
    pub name: String,
    /// Its MAC.
    pub mac: Mac,
    /// Its MTU, bytes.
    pub mtu_bytes: u32,
}

impl End {
    /// What the kernel refuses whatever else stands.
    pub(crate) fn check(&self) -> Result<(), Errno> {
        let odd = |character: char| character == '/' || character == ':' || character.is_ascii_whitespace();
        let named = (1..=NAME_BYTES_MAX).contains(&self.name.len())
            && ![".", ".."].contains(&self.name.as_str())
            && !self.name.contains(odd);
        if !named || !VETH_MTU_BYTES.contains(&self.mtu_bytes) {
            return Err(Errno::INVAL);
        }
        usable(self.mac)
    }
}

/// A link's own MAC is neither zero nor of a group.
fn usable(mac: Mac) -> Result<(), Errno> {
    let Mac([first, ..]) = mac;
    if mac == Mac([0; 6]) || first & 1 == 1 { Err(Errno::ADDRNOTAVAIL) } else { Ok(()) }
}

#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) mac: Option<Mac>,
    pub(crate) mtu_bytes: u32,
    pub(crate) up: bool,
    pub(crate) settings: Settings,
    pub(crate) addresses: Vec<Address>,
    pub(crate) neighbours: BTreeMap<Ipv4Addr, Mac>,
    /// The other end; `None` for `lo`.
    pub(crate) peer: Option<(NamespaceId, u32)>,
}

impl Device {
    pub(crate) fn loopback(settings: Settings) -> Self {
        Self {
            name: "lo".to_owned(),
            mac: None,
            mtu_bytes: LOOPBACK_MTU_BYTES,
            up: false,
            settings,
            addresses: Vec::new(),
            neighbours: BTreeMap::new(),
            peer: None,
        }
    }

    pub(crate) fn veth(end: &End, peer: (NamespaceId, u32), settings: Settings) -> Self {
        Self {
            name: end.name.clone(),
            mac: Some(end.mac),
            mtu_bytes: end.mtu_bytes,
            up: false,
            settings,
            addresses: Vec::new(),
            neighbours: BTreeMap::new(),
            peer: Some(peer),
        }
    }

    pub(crate) fn set_mtu(&mut self, mtu_bytes: u32) -> Result<(), Errno> {
        let fits = match self.peer {
            Some(_) => VETH_MTU_BYTES.contains(&mtu_bytes),
            None => i32::try_from(mtu_bytes).is_ok(),
        };
        if self.peer.is_none() && mtu_bytes < *VETH_MTU_BYTES.start() {
            // `lo` would lose all that it has of IPv4.
            return Err(Errno::OPNOTSUPP);
        }
        if !fits {
            return Err(Errno::INVAL);
        }
        self.mtu_bytes = mtu_bytes;
        Ok(())
    }
}

impl Namespace {
    /// Up come the routes to the subnets of its addresses; `lo` gives itself 127.0.0.1 if it has it not.
    pub(crate) fn link_up(&mut self, ifindex: u32) -> Result<(), Errno> {
        let link = self.link(ifindex)?;
        if std::mem::replace(&mut link.up, true) {
            return Ok(());
        }
        for address in link.addresses.clone() {
            self.connect(ifindex, address);
        }
        if ifindex == LOOPBACK {
            self.add_address(ifindex, Ipv4Addr::LOCALHOST, 8, false)?;
        }
        Ok(())
    }

    pub(crate) fn link_down(&mut self, ifindex: u32) -> Result<(), Errno> {
        if !std::mem::replace(&mut self.link(ifindex)?.up, false) {
            return Ok(());
        }
        self.routes.forget_link(ifindex);
        self.forget_neighbours(ifindex);
        Ok(())
    }

    pub(crate) fn set_mac(&mut self, ifindex: u32, mac: Mac) -> Result<(), Errno> {
        let link = self.link(ifindex)?;
        let own = link.mac.as_mut().ok_or(Errno::OPNOTSUPP)?;
        usable(mac)?;
        *own = mac;
        self.forget_neighbours(ifindex);
        Ok(())
    }
}
