//! Links: `lo` and the ends of veth pairs, up and down.

use contract::model::Mac;

use crate::address::Address;
use crate::namespace::{Errno, LOOPBACK, Namespace, NamespaceId};

/// What a veth may carry, bytes: ETH_MIN_MTU and ETH_MAX_MTU of the kernel.
const VETH_MTU_BYTES: std::ops::RangeInclusive<u32> = 68..=65_535;

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

#[derive(Debug, Clone)]
pub(crate) struct Device {
    pub(crate) name: String,
    pub(crate) mac: Option<Mac>,
    pub(crate) mtu_bytes: u32,
    pub(crate) up: bool,
    pub(crate) rp_filter: u32,
    pub(crate) addresses: Vec<Address>,
    /// The other end; `None` for `lo`.
    pub(crate) peer: Option<(NamespaceId, u32)>,
}

impl Device {
    pub(crate) fn loopback(rp_filter: u32) -> Self {
        Self {
            name: "lo".to_owned(),
            mac: None,
            mtu_bytes: LOOPBACK_MTU_BYTES,
            up: false,
            rp_filter,
            addresses: Vec::new(),
            peer: None,
        }
    }

    pub(crate) fn veth(end: &End, peer: (NamespaceId, u32), rp_filter: u32) -> Self {
        Self {
            name: end.name.clone(),
            mac: Some(end.mac),
            mtu_bytes: end.mtu_bytes,
            up: false,
            rp_filter,
            addresses: Vec::new(),
            peer: Some(peer),
        }
    }

    pub(crate) fn set_mtu(&mut self, mtu_bytes: u32) -> Result<(), Errno> {
        let fits = match self.peer {
            Some(_) => VETH_MTU_BYTES.contains(&mtu_bytes),
            None => i32::try_from(mtu_bytes).is_ok(),
        };
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
            self.add_address(ifindex, std::net::Ipv4Addr::LOCALHOST, 8, false)?;
        }
        Ok(())
    }

    pub(crate) fn link_down(&mut self, ifindex: u32) -> Result<(), Errno> {
        self.link(ifindex)?.up = false;
        self.routes.retain(|route| route.ifindex != ifindex);
        Ok(())
    }
}
