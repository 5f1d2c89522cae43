//! A subnet and who-knows-whose addresses: it owns the bitmap and answers what can be had, all or nothing. It never knows which
//! ENI holds an address.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

use crate::bitmap::{Bitmap, Span};
use crate::error::ApiError;
use crate::ids::{SubnetId, VpcId};
use crate::ipv6_space::Ipv6Space;
use crate::reservation::{CidrReservation, ReservationKind};
use crate::tags::Tags;
use crate::want::{Granted, Granted6, Want, Want6};

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
    reservations: Vec<CidrReservation>,
    ipv6: Option<Ipv6Space>,
}

// === impl Subnet ===

impl Subnet {
    pub(crate) fn new(id: SubnetId, vpc: VpcId, cidr: Ipv4Net, zone: String) -> Self {
        let size = 1 << (32 - u32::from(cidr.prefix_len()));
        Self {
            id,
            vpc,
            cidr,
            zone,
            tags: Tags::new(),
            map: Bitmap::new(size),
            reservations: Vec::new(),
            ipv6: None,
        }
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

    /// What of it is set aside, in the order it was.
    #[must_use]
    pub fn reservations(&self) -> &[CidrReservation] {
        &self.reservations
    }

    pub(crate) fn reserve(&mut self, reservation: CidrReservation) {
        self.map.close(reservation.span(self.cidr));
        self.reservations.push(reservation);
    }

    /// Its IPv6 block, if it has one.
    #[must_use]
    pub fn ipv6_cidr(&self) -> Option<Ipv6Net> {
        self.ipv6.as_ref().map(Ipv6Space::cidr)
    }

    pub(crate) fn ipv6(&self) -> Option<&Ipv6Space> {
        self.ipv6.as_ref()
    }

    pub(crate) fn set_ipv6(&mut self, cidr: Ipv6Net) {
        self.ipv6 = Some(Ipv6Space::new(cidr));
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
            let reserved = self.prefix_spans().find_map(|span| map.take_lowest_block_in(span));
            let offset = reserved.or_else(|| map.take_lowest_block()).ok_or_else(ApiError::no_free_block)?;
            granted.prefixes.push(self.block(offset));
        }
        for _ in 0..want.address_count {
            let offset = map.take_lowest().ok_or_else(ApiError::no_free_address)?;
            granted.addresses.push(self.address(offset));
        }
        self.map = map;
        Ok(granted)
    }

    /// Takes everything that is wanted in IPv6, or nothing.
    pub(crate) fn allocate6(&mut self, want: &Want6) -> Result<Granted6, ApiError> {
        if want.ways() == 0 {
            return Ok(Granted6::default());
        }
        self.ipv6.as_mut().ok_or_else(ApiError::no_ipv6_block)?.allocate(want)
    }

    /// Takes what is wanted in both families, or nothing.
    pub(crate) fn allocate_both(
        &mut self,
        want: &Want,
        want6: &Want6,
    ) -> Result<(Granted, Granted6), ApiError> {
        let before = self.ipv6.clone();
        let granted6 = self.allocate6(want6)?;
        match self.allocate(want) {
            Ok(granted) => Ok((granted, granted6)),
            Err(refusal) => {
                self.ipv6 = before;
                Err(refusal)
            }
        }
    }

    pub(crate) fn release6(&mut self, addresses: &[Ipv6Addr], prefixes: &[Ipv6Net]) {
        if let Some(space) = &mut self.ipv6 {
            space.release(addresses, prefixes);
        }
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

    /// Where counted prefixes come from first.
    fn prefix_spans(&self) -> impl Iterator<Item = Span> {
        let kept = self.reservations.iter().filter(|kept| kept.kind == ReservationKind::Prefix);
        kept.map(|kept| kept.span(self.cidr))
    }

    fn take_named(&self, map: &mut Bitmap, address: Ipv4Addr) -> Result<(), ApiError> {
        let Some(offset) = self.offset(address) else {
            return Err(ApiError::outside_subnet());
        };
        if map.is_reserved(offset) {
            return Err(ApiError::reserved_address());
        }
        if map.take(offset) { Ok(()) } else { Err(ApiError::address_in_use(address)) }
    }

    fn take_prefix(&self, map: &mut Bitmap, prefix: Ipv4Net) -> Result<(), ApiError> {
        let inside = prefix.prefix_len() == PREFIX_LENGTH && prefix.trunc() == prefix;
        match self.offset(prefix.network()) {
            Some(offset) if inside && map.take_block(offset) => Ok(()),
            Some(_) if inside => Err(ApiError::no_free_block()),
            _ => Err(ApiError::prefix_outside_subnet(prefix)),
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
