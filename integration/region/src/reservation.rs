//! A part of a subnet set aside: for prefixes, or for addresses that are named. Counted addresses never come out of one.

use ipnet::Ipv4Net;

use crate::bitmap::Span;
use crate::error::RegionError;
use crate::ids::SubnetId;
use crate::region::Region;
use crate::vpc;

/// What a reservation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationKind {
    /// Prefixes that are counted come from here first.
    Prefix,
    /// Only what is named is given.
    Explicit,
}

/// A reservation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CidrReservation {
    /// The part of the subnet.
    pub cidr: Ipv4Net,
    /// What it is for.
    pub kind: ReservationKind,
}

impl Region {
    /// Sets a part of a subnet aside. What is held in it already stays held.
    ///
    /// # Errors
    /// No such subnet, a block with host bits or outside it, one that overlaps another reservation, or one for prefixes that
    /// holds none.
    pub fn add_cidr_reservation(
        &mut self,
        subnet: &SubnetId,
        cidr: Ipv4Net,
        kind: ReservationKind,
    ) -> Result<(), RegionError> {
        let home = self.subnets.get_mut(subnet).ok_or_else(|| subnet.not_found())?;
        if cidr.trunc() != cidr || kind == ReservationKind::Prefix && cidr.prefix_len() > 28 {
            return Err(RegionError::Reservation { cidr });
        }
        if !home.cidr.contains(&cidr) {
            return Err(RegionError::OutsideSubnet { cidr, subnet: subnet.to_string() });
        }
        let mut there = home.reservations().iter().map(|reservation| reservation.cidr);
        if let Some(other) = there.find(|other| vpc::overlap(&(*other).into(), &cidr.into())) {
            return Err(RegionError::Overlap { cidr: cidr.into(), other: other.into() });
        }
        home.reserve(CidrReservation { cidr, kind });
        Ok(())
    }
}

impl CidrReservation {
    /// Its offsets in a subnet that begins there.
    pub(crate) fn span(&self, subnet: Ipv4Net) -> Span {
        let first = u32::from(self.cidr.network()) - u32::from(subnet.network());
        first..first + (u32::from(self.cidr.broadcast()) - u32::from(self.cidr.network())) + 1
    }
}
