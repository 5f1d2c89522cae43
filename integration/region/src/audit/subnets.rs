//! The audit of addresses: what ENIs hold against what subnets gave.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use ipnet::IpNet;

use crate::bitmap::RESERVED;
use crate::eni::Eni;
use crate::ids::{EniId, SubnetId};
use crate::region::Region;
use crate::subnet::Subnet;

/// Addresses of an IPv4 prefix.
const PREFIX_SIZE: usize = 16;

impl Region {
    /// Tells of every address and prefix with two holders.
    pub(super) fn audit_holders(&self, broken: &mut Vec<String>) {
        let mut holders: BTreeMap<(&SubnetId, IpNet), &EniId> = BTreeMap::new();
        for eni in self.enis.values() {
            let singles = singles(eni).map(|address| IpNet::V4(address.into()));
            for block in singles.chain(eni.ipv6_blocks().into_iter().map(IpNet::V6)) {
                if let Some(other) = holders.insert((&eni.subnet, block), &eni.id) {
                    broken.push(format!("{} is on both {other} and {}", block.addr(), eni.id));
                }
            }
        }
    }

    /// Whether a subnet's books balance. With every held address taken, as `audit_held` sees to, as many taken as held leaves no
    /// room for a second holder but beside a leak.
    pub(super) fn audit_subnet(&self, subnet: &Subnet, broken: &mut Vec<String>) {
        let here = || self.enis.values().filter(|eni| eni.subnet == subnet.id);
        let held: usize =
            here().map(|eni| 1 + eni.secondaries.len() + PREFIX_SIZE * eni.prefixes.len()).sum();
        let (free, used, size) = (subnet.free(), subnet.map().recounted(), subnet.size());
        if used as usize != held || free + used + RESERVED != size {
            broken.push(format!(
                "{}: {free} free + {used} used + {RESERVED} kept is not {size}, with {held} held by ENIs",
                subnet.id
            ));
        }
        let held6: usize = here().map(|eni| eni.ipv6_addresses.len() + eni.ipv6_prefixes.len()).sum();
        let taken6 = subnet.ipv6().map_or(0, |space| space.taken_count());
        if taken6 != held6 {
            broken.push(format!("{}: {taken6} taken in IPv6, with {held6} held by ENIs", subnet.id));
        }
    }
}

/// Whether a subnet gave what an ENI holds.
pub(super) fn audit_held(eni: &Eni, subnet: &Subnet, broken: &mut Vec<String>) {
    for address in singles(eni) {
        if !subnet.is_taken(address) {
            broken.push(format!("{address} is held, but free in {}", subnet.id));
        }
        if subnet.offset(address).is_none_or(|offset| subnet.map().is_reserved(offset)) {
            broken.push(format!("{address} is not one that {} can give", subnet.id));
        }
    }
    for block in eni.ipv6_blocks() {
        if !subnet.ipv6().is_some_and(|space| space.is_taken(block)) {
            broken.push(format!("{block} is held, but free in {}", subnet.id));
        }
        if !subnet.ipv6().is_some_and(|space| space.can_give(block)) {
            broken.push(format!("{block} is not one that {} can give", subnet.id));
        }
    }
}

/// Every single IPv4 address of an ENI, those of its prefixes too.
fn singles(eni: &Eni) -> impl Iterator<Item = Ipv4Addr> {
    eni.blocks().into_iter().flat_map(|block| {
        let first = u32::from(block.network());
        (first..=u32::from(block.broadcast())).map(Ipv4Addr::from)
    })
}
