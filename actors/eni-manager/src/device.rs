//! Where an ENI can go: how many more the node may have, and which device index the next one gets. Counted over everything that is
//! attached, whoever's it is. Pure.

use std::collections::BTreeSet;

use contract::Boottime;
use contract::model::{EniId, SubnetId, SubnetView};

use contract::causes::Cause;

use crate::state::EniManager;
use crate::view::count;

impl EniManager {
    /// How many ENIs the node may have on card 0: what the settings allow, and never more than the type does.
    fn enis_max(&self) -> Option<u32> {
        let limit = self.limits?.enis;
        Some(self.config.max_enis.map_or(limit, |max| max.min(limit)))
    }

    /// How many more ENIs may be made: those on their way in have their places, and those on their way out have theirs still.
    pub(crate) fn eni_room(&self) -> u32 {
        let known: BTreeSet<&EniId> = self
            .occupied
            .keys()
            .chain(self.attached.iter().flatten().map(|(id, _)| id))
            .chain(self.births.values().filter_map(|birth| birth.eni()))
            .collect();
        let nameless = self.births.values().filter(|birth| birth.eni().is_none()).count();
        let taken = count(known.len() + nameless);
        self.enis_max().unwrap_or(0).saturating_sub(taken)
    }

    /// How many ENIs of ours there can be, those that are there included.
    pub(crate) fn enis_at_most(&self) -> u32 {
        let others = self.occupied.keys().filter(|id| self.not_ours.contains(id)).count();
        let ours = count(self.attached.as_ref().map_or(0, |attached| attached.len()));
        self.enis_max().unwrap_or(0).saturating_sub(count(others)).max(ours)
    }

    /// The lowest device index on card 0 that nobody has or is about to have.
    pub(crate) fn free_device(&self, now: Boottime) -> u32 {
        let attached =
            self.attached.iter().flatten().filter_map(|(_, eni)| Some(eni.attachment.as_ref()?.device));
        let taken: BTreeSet<u32> = self
            .occupied
            .values()
            .copied()
            .chain(attached)
            .chain(self.births.values().filter_map(|birth| birth.device))
            .chain(self.busy_devices.iter().filter(|(_, until)| **until > now).map(|(device, _)| *device))
            .collect();
        (1..).find(|device| !taken.contains(device)).unwrap_or(1)
    }
}

/// The subnet to make an ENI in: the node's own, unless it is believed to have no room.
pub(crate) fn subnet_for(own: &SubnetId, subnets: &SubnetView, now: Boottime) -> Result<SubnetId, Cause> {
    match subnets.mark(own, now) {
        Some(mark) => Err(mark.cause.clone()),
        None => Ok(own.clone()),
    }
}
