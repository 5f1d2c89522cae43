//! The IPv6 block of a subnet and who-knows-whose addresses in it: it answers what can be had, all or nothing. A /64 has no
//! bitmap; what is taken is a set. It never knows which ENI holds an address.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;

use ipnet::Ipv6Net;

use crate::error::ApiError;
use crate::want::{Granted6, Want6};

/// Length of a prefix handed to an ENI.
const PREFIX_LENGTH: u8 = 80;
/// Addresses of a prefix.
const PREFIX_SIZE: u128 = 1 << (128 - PREFIX_LENGTH as u32);
/// Addresses EC2 keeps at the start of a subnet; it keeps the last one too.
const RESERVED_FIRST: u128 = 4;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ipv6Space {
    cidr: Ipv6Net,
    addresses: BTreeSet<Ipv6Addr>,
    prefixes: BTreeSet<Ipv6Net>,
}

/// Whether EC2 takes a block of this size for a VPC.
pub(crate) fn allowed_vpc_block(cidr: Ipv6Net) -> bool {
    (44..=60).contains(&cidr.prefix_len()) && in_steps(cidr)
}

/// Whether EC2 takes a block of this size for a subnet.
pub(crate) fn allowed_subnet_block(cidr: Ipv6Net) -> bool {
    (44..=64).contains(&cidr.prefix_len()) && in_steps(cidr)
}

/// Lengths go in steps of 4, and a block begins where it says.
fn in_steps(cidr: Ipv6Net) -> bool {
    cidr.prefix_len().is_multiple_of(4) && cidr.trunc() == cidr
}

impl Ipv6Space {
    pub(crate) fn new(cidr: Ipv6Net) -> Self {
        Self { cidr, addresses: BTreeSet::new(), prefixes: BTreeSet::new() }
    }

    pub(crate) fn cidr(&self) -> Ipv6Net {
        self.cidr
    }

    /// Addresses and prefixes that are held.
    pub(crate) fn taken_count(&self) -> usize {
        self.addresses.len() + self.prefixes.len()
    }

    /// Whether this very address (/128) or prefix is held.
    pub(crate) fn is_taken(&self, block: Ipv6Net) -> bool {
        self.addresses.contains(&block.addr()) && block.prefix_len() == 128 || self.prefixes.contains(&block)
    }

    /// Whether an ENI may hold this address or prefix at all.
    pub(crate) fn can_give(&self, block: Ipv6Net) -> bool {
        let length = block.prefix_len();
        self.cidr.contains(&block)
            && block.trunc() == block
            && [PREFIX_LENGTH, 128].contains(&length)
            && !self.holds_reserved(block)
    }

    /// Takes everything that is wanted, or nothing.
    pub(crate) fn allocate(&mut self, want: &Want6) -> Result<Granted6, ApiError> {
        let mut next = self.clone();
        let mut granted = Granted6::default();
        for address in &want.addresses {
            next.take_named(*address)?;
            granted.addresses.push(*address);
        }
        for prefix in &want.prefixes {
            next.take_prefix(*prefix)?;
            granted.prefixes.push(*prefix);
        }
        for _ in 0..want.prefix_count {
            granted.prefixes.push(next.take_lowest_prefix().ok_or_else(ApiError::no_free_block)?);
        }
        for _ in 0..want.address_count {
            granted.addresses.push(next.take_lowest().ok_or_else(ApiError::no_free_address)?);
        }
        *self = next;
        Ok(granted)
    }

    /// Takes addresses and prefixes back. One that was not taken is told by the audit, not here.
    pub(crate) fn release(&mut self, addresses: &[Ipv6Addr], prefixes: &[Ipv6Net]) {
        for address in addresses {
            self.addresses.remove(address);
        }
        for prefix in prefixes {
            self.prefixes.remove(prefix);
        }
    }

    fn take_named(&mut self, address: Ipv6Addr) -> Result<(), ApiError> {
        if !self.cidr.contains(&address) {
            return Err(ApiError::outside_subnet());
        }
        if self.holds_reserved(address.into()) {
            return Err(ApiError::reserved_address());
        }
        if self.prefixes.contains(&around(address)) || !self.addresses.insert(address) {
            return Err(ApiError::address_in_use(address));
        }
        Ok(())
    }

    fn take_prefix(&mut self, prefix: Ipv6Net) -> Result<(), ApiError> {
        let aligned = prefix.prefix_len() == PREFIX_LENGTH && prefix.trunc() == prefix;
        if !aligned || !self.cidr.contains(&prefix) {
            return Err(ApiError::prefix_outside_subnet(prefix));
        }
        if !self.is_free(prefix) {
            return Err(ApiError::no_free_block());
        }
        self.prefixes.insert(prefix);
        Ok(())
    }

    fn take_lowest_prefix(&mut self) -> Option<Ipv6Net> {
        let (first, last) = (u128::from(self.cidr.network()), u128::from(self.cidr.broadcast()));
        let mut candidates = (first..=last).step_by(usize::try_from(PREFIX_SIZE).ok()?);
        let prefix =
            candidates.find_map(|at| Some(around(at.into())).filter(|prefix| self.is_free(*prefix)))?;
        self.prefixes.insert(prefix);
        Some(prefix)
    }

    /// The first prefix of a subnet holds reserved addresses and is never given whole: it is all that counting needs.
    fn take_lowest(&mut self) -> Option<Ipv6Addr> {
        let (first, last) = (u128::from(self.cidr.network()), u128::from(self.cidr.broadcast()));
        let mut candidates = (first + RESERVED_FIRST..last).map(Ipv6Addr::from);
        candidates.find(|address| self.addresses.insert(*address))
    }

    fn is_free(&self, prefix: Ipv6Net) -> bool {
        !self.holds_reserved(prefix)
            && !self.prefixes.contains(&prefix)
            && self.addresses.range(prefix.network()..=prefix.broadcast()).next().is_none()
    }

    fn holds_reserved(&self, block: Ipv6Net) -> bool {
        u128::from(block.network()) < u128::from(self.cidr.network()) + RESERVED_FIRST
            || block.broadcast() == self.cidr.broadcast()
    }
}

/// The prefix an address would be in.
fn around(address: Ipv6Addr) -> Ipv6Net {
    Ipv6Net::new_assert(address, PREFIX_LENGTH).trunc()
}
