//! Whether the node can have more addresses, and if not, why: as whoever waits is told. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{Eni, Growth};

use crate::birth::Step;
use crate::device::subnet_for;
use crate::state::EniManager;
use crate::view::{count, room_on};

impl EniManager {
    pub(crate) fn growth(&self, enis: &[Eni], now: Boottime) -> Growth {
        let buying = self.growing.values().any(|growing| growing.asked.is_some());
        let coming = |birth: &crate::birth::Birth| !matches!(birth.step, Step::Bind { .. });
        let mut coming = self.births.values().filter(|birth| coming(birth)).peekable();
        if buying || coming.peek().is_some() && coming.all(|birth| birth.trouble().is_none()) {
            return Growth::UnderWay;
        }
        if self.attached.is_none() {
            return match self.trouble() {
                Some(cause) => Growth::Held(cause),
                None => Growth::UnderWay,
            };
        }
        let Some(limits) = self.limits else {
            let instance_type =
                self.node.as_ref().map(|node| node.instance_type.to_string()).unwrap_or_default();
            return Growth::Held(Cause::LimitsUnknown { instance_type });
        };
        if let Some(cause) = self.births.values().find_map(|birth| birth.call.trouble.clone()) {
            return Growth::Held(cause);
        }
        let room: Vec<&Eni> = enis.iter().filter(|eni| room_on(eni) > 0 && !eni.leaving).collect();
        let held = if room.is_empty() {
            if self.eni_room() == 0 {
                return self.at_limit(enis, limits.addresses_per_eni.saturating_sub(1));
            }
            self.creation_held(now)
        } else {
            self.purchase_held(&room, now)
        };
        held.map_or(Growth::Possible, Growth::Held)
    }

    fn at_limit(&self, enis: &[Eni], per_eni: u32) -> Growth {
        let total = count(enis.iter().map(|eni| eni.addresses.len()).sum());
        let max = per_eni.saturating_mul(self.enis_at_most());
        let in_use = self.demand.needed.saturating_sub(self.demand.waiting).min(total);
        Growth::AtLimit(Cause::NodeAddressLimit { max, in_use })
    }

    /// Why no ENI is made now.
    fn creation_held(&self, now: Boottime) -> Option<Cause> {
        let disk = self.notes.trouble().cloned();
        let subnet = || {
            let own = &self.node.as_ref()?.subnet;
            subnet_for(own, &self.subnets, now).err()
        };
        disk.or_else(|| self.create.trouble.clone()).or_else(subnet)
    }

    /// Why nothing is bought now on ENIs that have room.
    fn purchase_held(&self, room: &[&Eni], now: Boottime) -> Option<Cause> {
        if let Some(cause) = &self.assign.trouble {
            return Some(cause.clone());
        }
        let marks = room.iter().map(|eni| self.subnets.mark(&eni.subnet, now));
        marks.collect::<Option<Vec<_>>>()?.first().map(|mark| mark.cause.clone())
    }

    /// What is wrong now with EC2, the metadata service or the disk.
    pub(crate) fn trouble(&self) -> Option<Cause> {
        let calls = [
            &self.assign,
            &self.create,
            &self.describe,
            &self.ask_limits,
            &self.read_node,
            &self.read_interfaces,
        ];
        let calls = calls.into_iter().filter_map(|call| call.trouble.as_ref());
        let births = self.births.values().filter_map(|birth| birth.trouble());
        let partings = self.partings.values().filter_map(|parting| parting.call.trouble.as_ref());
        calls.chain(births).chain(partings).chain(self.notes.trouble()).next().cloned()
    }
}
