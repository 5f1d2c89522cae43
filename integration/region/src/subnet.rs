//! A subnet and who-knows-whose addresses: it owns the bitmap and answers what can be had, all or nothing. It never knows which
//! ENI holds an address.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::bitmap::Bitmap;
use crate::error::ApiError;
use crate::ids::{SubnetId, VpcId};
use crate::tags::Tags;

/// Length of a prefix handed to an ENI.
const PREFIX_LENGTH: u8 = 28;

/// A subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subnet {
    /// Its id.
    pub id: SubnetId,
    /// Its VPC.
    pub vpc: VpcId,
    /// Its block.
    pub cidr: Ipv4Net,
    /// Its availability zone, by name (`eu-west-1a`).
    pub zone: String,
    /// Its tags.
    pub tags: Tags,
    map: Bitmap,
}

/// What is asked of a subnet. Named addresses and prefixes come first, then counted prefixes, then counted addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Want {
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) address_count: u32,
    pub(crate) prefixes: Vec<Ipv4Net>,
    pub(crate) prefix_count: u32,
}

/// What a subnet gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) addresses: Vec<Ipv4Addr>,
    pub(crate) prefixes: Vec<Ipv4Net>,
}

// === impl Want ===

impl Want {
    /// Slots of an ENI this would fill: a prefix fills one.
    pub(crate) fn slots(&self) -> u32 {
        let named = u32::try_from(self.addresses.len() + self.prefixes.len()).unwrap_or(u32::MAX);
        named.saturating_add(self.address_count).saturating_add(self.prefix_count)
    }
}

// === impl Subnet ===

impl Subnet {
    pub(crate) fn new(id: SubnetId, vpc: VpcId, cidr: Ipv4Net, zone: String) -> Self {
        let size = 1 << (32 - u32::from(cidr.prefix_len()));
        Self { id, vpc, cidr, zone, tags: Tags::new(), map: Bitmap::new(size) }
    }

    /// Addresses in all.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.map.size()
    }

    /// Addresses nobody holds and EC2 does not keep: `AvailableIpAddressCount`.
    #[must_use]
    pub fn free(&self) -> u32 {
        self.map.free()
    }

    /// Addresses held by ENIs; a prefix counts 16.
    #[must_use]
    pub fn used(&self) -> u32 {
        self.map.used()
    }

    /// Whether an address is held by an ENI or kept by EC2. An address outside the subnet is not.
    #[must_use]
    pub fn is_taken(&self, address: Ipv4Addr) -> bool {
        self.offset(address).is_some_and(|offset| self.map.is_taken(offset))
    }

    pub(crate) fn map(&self) -> &Bitmap {
        &self.map
    }

    /// Takes everything that is wanted, or nothing.
    pub(crate) fn allocate(&mut self, want: &Want) -> Result<Granted, ApiError> {
        let counted = want.address_count.saturating_add(want.prefix_count);
        if counted > self.size() {
            return Err(ApiError::no_free_address());
        }
        let mut map = self.map.clone();
        let mut granted = Granted::default();
        for address in &want.addresses {
            self.take_named(&mut map, *address)?;
            granted.addresses.push(*address);
        }
        for prefix in &want.prefixes {
            self.take_prefix(&mut map, *prefix)?;
            granted.prefixes.push(*prefix);
        }
        for _ in 0..want.prefix_count {
            let offset = map.take_lowest_block().ok_or_else(ApiError::no_free_block)?;
            granted.prefixes.push(self.block(offset));
        }
        for _ in 0..want.address_count {
            let offset = map.take_lowest().ok_or_else(ApiError::no_free_address)?;
            granted.addresses.push(self.address(offset));
        }
        self.map = map;
        Ok(granted)
    }

    /// Takes addresses and prefixes back. One that was not taken is told by the audit, not here.
    pub(crate) fn release(&mut self, addresses: &[Ipv4Addr], prefixes: &[Ipv4Net]) {
        for offset in addresses.iter().filter_map(|address| self.offset(*address)).collect::<Vec<_>>() {
            self.map.release(offset);
        }
        for offset in prefixes.iter().filter_map(|prefix| self.offset(prefix.network())).collect::<Vec<_>>() {
            self.map.release_block(offset);
        }
    }

    fn take_named(&self, map: &mut Bitmap, address: Ipv4Addr) -> Result<(), ApiError> {
        let Some(offset) = self.offset(address) else {
            return Err(ApiError::invalid_value("Address does not fall within the subnet's address range"));
        };
        if map.is_reserved(offset) {
            return Err(ApiError::invalid_value("Address is in subnet's reserved address range"));
        }
        if map.take(offset) { Ok(()) } else { Err(ApiError::address_in_use(address)) }
    }

    fn take_prefix(&self, map: &mut Bitmap, prefix: Ipv4Net) -> Result<(), ApiError> {
        let inside = prefix.prefix_len() == PREFIX_LENGTH && prefix.trunc() == prefix;
        match self.offset(prefix.network()) {
            Some(offset) if inside && map.take_block(offset) => Ok(()),
            Some(_) if inside => Err(ApiError::no_free_block()),
            _ => Err(ApiError::invalid_value(format!(
                "Prefix {prefix} does not fall within the subnet's address range"
            ))),
        }
    }

    pub(crate) fn offset(&self, address: Ipv4Addr) -> Option<u32> {
        self.cidr.contains(&address).then(|| u32::from(address) - u32::from(self.cidr.network()))
    }

    fn address(&self, offset: u32) -> Ipv4Addr {
        Ipv4Addr::from(u32::from(self.cidr.network()) + offset)
    }

    fn block(&self, offset: u32) -> Ipv4Net {
        let address = self.address(offset);
        Ipv4Net::new(address, PREFIX_LENGTH).unwrap_or_else(|_| address.into())
    }
}
