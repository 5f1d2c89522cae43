//! What the kernel says of addresses that nobody leases: one that is carried all the same is pinned, and one that has rested is
//! free only once a reading that began after its rest shows that nobody carries it. Pure.

use contract::Boottime;
use contract::ports::host::HostSnapshot;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::actor::PoolAction;
use crate::recover::in_use;
use crate::state::Pool;

/// Pins are read again this often; a pin that stays costs an address, not correctness.
const PIN_RECHECK: Duration = Duration::from_secs(30);

/// When the kernel was asked, and is to be asked again.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// A reading is under way, since then.
    reading_since: Option<Boottime>,
    /// Not before, after a reading that told nothing.
    read_again_at: Boottime,
    pub(crate) recheck_pins_at: Boottime,
}

impl Pool {
    pub(crate) fn plan_reading(&mut self, now: Boottime, actions: &mut Vec<PoolAction>) {
        if self.next_reading().is_some_and(|at| at <= now) {
            self.usage.reading_since = Some(now);
            self.usage.recheck_pins_at = now + PIN_RECHECK;
            actions.push(PoolAction::ReadUse);
        }
    }

    /// When the kernel is to be read, if nothing is under way: for the first address that has rested, or for the pins.
    pub(crate) fn next_reading(&self) -> Option<Boottime> {
        if self.usage.reading_since.is_some() {
            return None;
        }
        let pins = (!self.pinned.is_empty()).then_some(self.usage.recheck_pins_at);
        let rested = self.cooling.values().min().map(|until| (*until).max(self.usage.read_again_at));
        [pins, rested].into_iter().flatten().min()
    }

    /// A reading has ended. Absence in a partial one means nothing.
    pub(crate) fn use_read(&mut self, snapshot: Option<&HostSnapshot>, now: Boottime) {
        let Some(since) = self.usage.reading_since.take() else {
            return;
        };
        let Some(used) = snapshot.and_then(in_use) else {
            self.usage.read_again_at = now + self.config.retry_after;
            return;
        };
        // Whoever carried a pinned address has only just left, so it rests.
        let left: Vec<Ipv4Addr> =
            self.pinned.extract_if(.., |address, _| !used.contains_key(address)).map(|(at, _)| at).collect();
        let rested: Vec<Ipv4Addr> =
            self.cooling.extract_if(.., |_, until| *until <= since).map(|(at, _)| at).collect();
        for address in rested {
            if let Some(ifindex) = used.get(&address) {
                self.pinned.insert(address, *ifindex);
            }
        }
        for address in left {
            self.cooling.insert(address, now + self.config.cooldown);
            self.strays.insert(address);
            self.disk.revision += 1;
        }
    }
}
