//! What the kernel says of addresses that nobody leases: one that is carried all the same is pinned, one that has rested is
//! free only once a reading that began after its rest shows that nobody carries it, and so is what is let go. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::ports::host::HostSnapshot;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::actor::PoolAction;
use crate::recover::in_use;
use crate::state::Pool;

/// Pins are read again this often; a pin that stays costs an address, not correctness.
const PIN_RECHECK: Duration = Duration::from_secs(30);

/// Between two readings, so that deletes that trickle in share them: each asks the kernel once for every pod.
const READ_PAUSE: Duration = Duration::from_millis(250);

/// When the kernel was asked, and is to be asked again.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// A reading is under way, since then.
    reading_since: Option<Boottime>,
    /// Not before: readings have a pause between them, and a longer one after one that told nothing.
    read_again_at: Boottime,
    /// Why the last reading told nothing.
    pub(crate) trouble: Option<Cause>,
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

    /// When the kernel is to be read, if nothing is under way: for the first address that has rested, for the pins, or for
    /// what could be let go.
    pub(crate) fn next_reading(&self) -> Option<Boottime> {
        if self.usage.reading_since.is_some() {
            return None;
        }
        let pins = (!self.pinned.is_empty()).then_some(self.usage.recheck_pins_at);
        let rested = self.cooling.values().min().map(|until| (*until).max(self.usage.read_again_at));
        let proof = self.departures.proof_wanted_since.map(|since| since.max(self.usage.read_again_at));
        [pins, rested, proof].into_iter().flatten().min()
    }

    /// A reading has ended. Absence in a partial one means nothing.
    pub(crate) fn use_read(&mut self, read: Result<HostSnapshot, Cause>, now: Boottime) {
        let Some(since) = self.usage.reading_since.take() else {
            return;
        };
        let used =
            read.and_then(|snapshot| in_use(&snapshot).ok_or_else(|| unreadable("it was not told whole")));
        let used = match used {
            Ok(used) => used,
            Err(cause) => {
                self.usage.trouble = Some(cause);
                self.usage.read_again_at = now + self.config.retry_after;
                return;
            }
        };
        self.usage.trouble = None;
        self.usage.read_again_at = now + READ_PAUSE;
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
        self.pin_the_free(&used);
        self.let_go(since, now);
    }

    /// What was free all through a reading and is carried all the same was handed out by somebody else.
    fn pin_the_free(&mut self, used: &BTreeMap<Ipv4Addr, u32>) {
        let enis = self.enis.enis.iter();
        let free = enis.flat_map(|eni| eni.addresses.iter().map(move |on| (eni, on.address)));
        let carried: Vec<(Ipv4Addr, u32)> = free
            .filter(|(eni, address)| self.can_hand_out(eni, *address))
            .filter_map(|(_, address)| Some((address, *used.get(&address)?)))
            .collect();
        self.pinned.extend(carried);
    }
}

/// The kernel does not say who uses what.
pub(crate) fn unreadable(detail: impl ToString) -> Cause {
    Cause::HostWiring { step: "read the kernel".to_owned(), detail: detail.to_string() }
}
