//! What is to be done now: who in line is served, what goes to disk, what is taken down, what the others are told, and when
//! to look again. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::mail::eni_manager::Demand;
use contract::mail::warm_pool::LeaseGrant;
use contract::model::{AttachmentKey, Eni, LeasePhase, LeaseView, PoolCounts};
use contract::ports::checkpoint::{CheckpointImage, Cooling};
use kernel::Plan;
use std::cmp::Reverse;
use std::net::Ipv4Addr;

use crate::actor::PoolAction;
use crate::state::{Answer, Pool};
use crate::targets::Stock;

/// Host sides taken down at a time: each is one short netlink transaction in RouteProgrammer.
const UNWIRES_MAX: usize = 16;

impl Pool {
    pub(crate) fn plan_at(&mut self, now: Boottime) -> Plan<PoolAction> {
        let cooling = &self.cooling;
        self.last_of.retain(|_, address| cooling.contains_key(address));
        self.undo_the_abandoned(now);
        // An address that is there is handed out, however late we come to it: a node that stood still refuses nobody for it.
        self.serve_the_line(now);
        self.give_up_on_the_disk(now);
        self.turn_away_the_late(now);
        self.plan_departures(now);
        let mut actions = Vec::new();
        self.plan_unwires(now, &mut actions);
        self.plan_sweeps(&mut actions);
        self.plan_write(now, &mut actions);
        self.plan_asks(now, &mut actions);
        self.plan_reading(now, &mut actions);
        actions.extend(self.ready.drain(..).map(PoolAction::Answer));
        self.plan_publication(now, &mut actions);
        Plan { actions, wake_at: self.next_wake(now), restart: None }
    }

    fn turn_away_the_late(&mut self, now: Boottime) {
        for waiter in self.line.too_late(now) {
            let waited_seconds = now.saturating_sub(waiter.request.arrived_at).as_secs();
            let cause = Cause::WaitedTooLong { waited_seconds, because: Box::new(self.why_waiting()) };
            self.ready.push(Answer::Lease(waiter.reply, Err(cause)));
        }
    }

    fn undo_the_abandoned(&mut self, now: Boottime) {
        let due: Vec<AttachmentKey> = self
            .leases
            .iter()
            .filter(|(_, held)| held.undo_at.is_some_and(|at| at <= now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            self.begin_release(&key, now);
        }
    }

    /// First come, first served. Who has a lease is served from it as soon as its ENI is known, and holds up nobody.
    fn serve_the_line(&mut self, now: Boottime) {
        if self.line.is_empty() {
            return;
        }
        let keys: Vec<AttachmentKey> = self.line.keys().cloned().collect();
        for key in keys {
            let grant = match self.leases.get(&key) {
                Some(held) => self.grant_of(held.lease.address),
                None => self.next_free(),
            };
            if let Some(grant) = grant
                && let Some(waiter) = self.line.leave(&key)
            {
                self.serve(waiter, grant, now);
            }
        }
    }

    /// The next address to hand out: of the ENIs that have one that with the most in use, so that the others can empty; its
    /// lowest.
    fn next_free(&self) -> Option<LeaseGrant> {
        let has_one = |eni: &&Eni| eni.addresses.iter().any(|on| self.can_hand_out(eni, on.address));
        let in_use =
            |eni: &Eni| eni.addresses.iter().filter(|on| !self.can_hand_out(eni, on.address)).count();
        let fullest = self
            .enis
            .enis
            .iter()
            .filter(has_one)
            .min_by_key(|eni| (Reverse(in_use(eni)), eni.card, eni.device))?;
        let all = fullest.addresses.iter().map(|on| on.address);
        let address = all.filter(|address| self.can_hand_out(fullest, *address)).min()?;
        Some(grant(fullest, address))
    }

    pub(crate) fn grant_of(&self, address: Ipv4Addr) -> Option<LeaseGrant> {
        let eni = self.enis.enis.iter().find(|eni| eni.addresses.iter().any(|on| on.address == address))?;
        Some(grant(eni, address))
    }

    pub(crate) fn can_hand_out(&self, eni: &Eni, address: Ipv4Addr) -> bool {
        !self.leaves(eni, address)
            && !self.taken.contains(&address)
            && !self.cooling.contains_key(&address)
            && !self.pinned.contains_key(&address)
    }

    fn leaves(&self, eni: &Eni, address: Ipv4Addr) -> bool {
        eni.leaving || self.departures.takes(&eni.id, &address)
    }

    fn plan_unwires(&mut self, now: Boottime, actions: &mut Vec<PoolAction>) {
        let under_way = self.leases.values().filter(|held| held.unwiring).count();
        let due = self.leases.values_mut().filter(|held| {
            held.lease.phase == LeasePhase::Releasing && !held.unwiring && held.unwire_at <= now
        });
        for held in due.take(UNWIRES_MAX.saturating_sub(under_way)) {
            held.unwiring = true;
            actions.push(PoolAction::Unwire { key: held.lease.key.clone(), address: held.lease.address });
        }
    }

    /// Only an address that rests: one that is leased again has a host side that must stay.
    fn plan_sweeps(&mut self, actions: &mut Vec<PoolAction>) {
        for address in std::mem::take(&mut self.strays) {
            if self.cooling.contains_key(&address) {
                actions.push(PoolAction::Sweep { address });
            }
        }
    }

    fn plan_write(&mut self, now: Boottime, actions: &mut Vec<PoolAction>) {
        if self.disk.writing || self.disk.durable >= self.disk.revision || self.disk.retry_at > now {
            return;
        }
        self.disk.writing = true;
        let mut leases: Vec<_> = self.leases.values().map(|held| held.lease.clone()).collect();
        leases.sort_by_key(|lease| lease.address);
        let cooling = self
            .cooling
            .iter()
            .map(|(address, until)| Cooling { address: *address, until: *until })
            .collect();
        let image = CheckpointImage { leases, cooling, leaving: self.departures.image() };
        actions.push(PoolAction::Write { revision: self.disk.revision, image });
    }

    fn plan_publication(&mut self, now: Boottime, actions: &mut Vec<PoolAction>) {
        let counts = self.counts();
        let demand = self.demand(&counts);
        let view = self.view(PoolCounts { wanted: demand.wanted, ..counts });
        if self.published.as_ref() != Some(&view) {
            self.published = Some(view.clone());
            actions.push(PoolAction::PublishLeases(view));
        }
        // Nothing can be bought before an ENI is known, and how much at once hangs on what one carries.
        let too_early = self.demanded.is_none() && self.enis.enis.is_empty();
        if too_early || self.demanded == Some(demand) {
            self.gather_until = None;
            return;
        }
        let at = *self.gather_until.get_or_insert(now + self.config.gather);
        // Only who wants more gathers. Less is told at once: what is let go for it would look like a shortage, and be bought again.
        let less = self.demanded.is_none_or(|told| demand.wanted < told.wanted);
        if less || at <= now {
            self.gather_until = None;
            self.demanded = Some(demand);
            actions.push(PoolAction::PublishDemand(demand));
        }
    }

    fn view(&self, counts: PoolCounts) -> LeaseView {
        let waiting = !self.line.is_empty();
        let mut leases: Vec<_> = self.leases.values().map(|held| held.lease.clone()).collect();
        leases.sort_by_key(|lease| lease.address);
        LeaseView {
            leases,
            counts,
            waiting_since: self.line.oldest(),
            waiting_for: waiting.then(|| self.why_waiting()),
            checkpoint_trouble: self.disk.trouble.clone(),
        }
    }

    fn counts(&self) -> PoolCounts {
        let mut counts = PoolCounts {
            leased: count(self.leases.len()),
            waiting: count(self.line.len()),
            ..PoolCounts::default()
        };
        let enis = self.enis.enis.iter();
        for (eni, on_it) in enis.flat_map(|eni| eni.addresses.iter().map(move |on_it| (eni, on_it))) {
            counts.total += 1;
            if self.taken.contains(&on_it.address) {
            } else if self.leaves(eni, on_it.address) {
                counts.leaving += 1;
            } else if self.cooling.contains_key(&on_it.address) {
                counts.cooling += 1;
            } else if self.pinned.contains_key(&on_it.address) {
                counts.pinned += 1;
            } else {
                counts.free += 1;
            }
        }
        counts
    }

    /// What the targets look at.
    pub(crate) fn stock(&self) -> Stock {
        stock_of(&self.counts())
    }

    /// How many pods one ENI carries; 0 while unknown.
    pub(crate) fn addresses_per_eni(&self) -> u32 {
        let limits = self.enis.enis.iter().filter_map(|eni| eni.address_limit);
        limits.max().unwrap_or(0).saturating_sub(1)
    }

    /// Totals for the ENIs: what is in use on them, and those in line who have no address yet. What leaves counts nowhere.
    fn demand(&self, counts: &PoolCounts) -> Demand {
        let waiting = count(self.line.keys().filter(|key| !self.leases.contains_key(*key)).count());
        let stock = stock_of(counts);
        let needed = stock.used.saturating_add(waiting);
        // A reserve that nobody waits for is not bought for what a partial view merely hides.
        let wanted = match self.enis.complete || waiting > 0 {
            true => self.config.targets.wanted(Stock { used: needed, ..stock }, self.addresses_per_eni()),
            false => needed,
        };
        Demand { needed, wanted: wanted.max(needed), waiting, whole_enis: self.config.targets.whole_enis() }
    }

    fn next_wake(&self, now: Boottime) -> Option<Boottime> {
        let undo = self.leases.values().filter_map(|held| held.undo_at).min();
        let unwire = self
            .leases
            .values()
            .filter(|held| {
                held.lease.phase == LeasePhase::Releasing && !held.unwiring && held.unwire_at > now
            })
            .map(|held| held.unwire_at)
            .min();
        let write =
            (!self.disk.writing && self.disk.durable < self.disk.revision).then_some(self.disk.retry_at);
        [
            undo,
            unwire,
            write,
            self.next_reading(),
            self.line.next_deadline(),
            self.gather_until,
            self.patience_ends(),
            self.departures.look_at,
            self.departures.next_ask(self.disk.durable),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

fn grant(eni: &Eni, address: Ipv4Addr) -> LeaseGrant {
    LeaseGrant { address, table: eni.table(), device: eni.device }
}

fn stock_of(counts: &PoolCounts) -> Stock {
    let total = counts.total.saturating_sub(counts.leaving);
    Stock { total, used: total.saturating_sub(counts.free) }
}

pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
