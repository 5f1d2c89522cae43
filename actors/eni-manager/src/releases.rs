//! The addresses on their way out, of all ENIs. Pure.

use contract::causes::Cause;
use contract::mail::eni_manager::Gone;
use contract::model::{EniId, InstanceId, Leaving};
use contract::ports::ec2::EniDescription;
use contract::{Boottime, Reply};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::actor::EniAction;
use crate::looking::may_begin;
use crate::release::{Release, Step, Turn};
use crate::state::{Done, EniManager, LAG};

impl EniManager {
    pub(crate) fn let_addresses_go(&mut self, leaving: Leaving, reply: Reply<Done>) {
        let Leaving { eni, addresses, .. } = leaving;
        let addresses: BTreeSet<Ipv4Addr> = addresses.into_iter().collect();
        if let Some(release) = self.releases.get_mut(&eni) {
            // Asked again: the newest asker is told. Something else is asked for again by whoever wants it.
            if release.addresses.is_subset(&addresses) {
                release.reply = Some(reply);
            }
            return self.tell_what_came_again(&eni);
        }
        if self.partings.get(&eni).is_some_and(|parting| parting.may_serve()) {
            return;
        }
        let carried = match self.attached.as_ref().and_then(|attached| attached.get(&eni)) {
            None => BTreeSet::new(),
            Some(known) if addresses.contains(&known.primary_address) => {
                let problem = format!("{eni}: its own address cannot go");
                return self.answer(reply, Err(Cause::BadRequest { field: "leaving", problem }));
            }
            Some(known) => {
                addresses.into_iter().filter(|address| known.secondary_addresses.contains(address)).collect()
            }
        };
        if carried.is_empty() {
            return self.answer(reply, Ok(Gone::Wholly));
        }
        self.releases.insert(eni, Release::of(carried, reply));
    }

    pub(crate) fn take_ended(&mut self, eni: &EniId, result: Result<(), Cause>, now: Boottime) {
        let seed = self.config.seed;
        if let Some(release) = self.releases.get_mut(eni) {
            release.taken(result, now, seed);
        }
    }

    /// EC2's word on an ENI that addresses were taken from.
    pub(crate) fn looked_after_taking(
        &mut self,
        eni: &EniId,
        instance: &InstanceId,
        result: Result<Option<EniDescription>, Cause>,
        now: Boottime,
    ) {
        let seed = self.config.seed;
        let Some(release) = self.releases.get_mut(eni) else { return };
        let here = |eni: &EniDescription| eni.attachment.as_ref().is_some_and(|at| &at.instance == instance);
        let elsewhere = matches!(&result, Ok(told) if !told.as_ref().is_some_and(here));
        let turn = release.looked(result.map(|told| told.filter(here)), now, seed);
        self.read_back |= elsewhere;
        match turn {
            Turn::On => {}
            Turn::Gone(gone) => self.lose(eni, &gone, now),
            Turn::Stay(gone, cause) => {
                self.lose(eni, &gone, now);
                if let Some(reply) = self.releases.remove(eni).and_then(|release| release.reply) {
                    self.answer(reply, Err(cause));
                }
            }
        }
    }

    /// The ENI carries these no more, whatever lags behind.
    fn lose(&mut self, eni: &EniId, gone: &BTreeSet<Ipv4Addr>, now: Boottime) {
        if let Some(known) = self.attached.as_mut().and_then(|attached| attached.get_mut(eni)) {
            known.secondary_addresses.retain(|address| !gone.contains(address));
        }
        let growing = self.growing.entry(eni.clone()).or_default();
        growing.fresh.retain(|address, _| !gone.contains(address));
        growing.shed.retain(|_, until| *until > now);
        growing.shed.extend(gone.iter().map(|address| (*address, now + LAG)));
    }

    /// EC2 gives again what it had taken: that is not on its way out any more, nobody has to forget it, and whoever let it go is told
    /// at once.
    pub(crate) fn comes_again(&mut self, eni: &EniId, addresses: &[Ipv4Addr]) {
        if let Some(release) = self.releases.get_mut(eni).filter(|release| release.fades_since().is_some()) {
            let again = release.addresses.extract_if(.., |address| addresses.contains(address));
            release.given_again.extend(again);
        }
        self.tell_what_came_again(eni);
    }

    fn tell_what_came_again(&mut self, eni: &EniId) {
        let told = self.releases.get_mut(eni).filter(|release| !release.given_again.is_empty());
        if let Some((release, reply)) =
            told.and_then(|release| release.reply.take().map(|reply| (release, reply)))
        {
            let again = std::mem::take(&mut release.given_again);
            self.answer(reply, Ok(Gone::GivenAgain(again)));
        }
    }

    /// Whoever let something go is told once the metadata service has forgotten it, too, or has had a minute for it: by then no
    /// later life of the daemon can see it there.
    pub(crate) fn fade(&mut self, now: Boottime) {
        let shows = |eni: &EniId, address: &Ipv4Addr| {
            let mut shown = self.seen.interfaces.iter().filter(|interface| interface.id == *eni);
            shown.any(|interface| interface.secondary_addresses.contains(address))
        };
        let faded = |(eni, release): &(&EniId, &Release)| match release.step {
            Step::Fade(since) => {
                let forgotten = !release.addresses.iter().any(|address| shows(eni, address));
                let over = release.addresses.is_empty() || (self.seen_at > since && forgotten);
                since + LAG <= now || (over && release.given_again.is_empty())
            }
            Step::Take | Step::Look => false,
        };
        let faded: Vec<EniId> = self.releases.iter().filter(faded).map(|(eni, _)| eni.clone()).collect();
        for eni in faded {
            if let Some(reply) = self.releases.remove(&eni).and_then(|release| release.reply) {
                self.answer(reply, Ok(Gone::Wholly));
            }
        }
    }

    /// What is next for each. Nothing is taken from an ENI while something is bought for it, and the other way round: EC2 may
    /// give what it has just taken.
    pub(crate) fn plan_releases(&mut self, now: Boottime, actions: &mut Vec<EniAction>) {
        self.fade(now);
        for (id, release) in &mut self.releases {
            let buying = self.growing.get(id).is_some_and(|growing| growing.asked.is_some());
            if buying || !release.call.may_start(now) {
                continue;
            }
            let eni = id.clone();
            let action = match release.step {
                Step::Take => {
                    EniAction::Unassign { eni, addresses: release.addresses.iter().copied().collect() }
                }
                Step::Look => EniAction::Look { eni },
                Step::Fade(_) => continue,
            };
            if may_begin(&mut self.looking, &action) {
                release.call.under_way = true;
                actions.push(action);
            }
        }
    }

    /// Addresses of an ENI that are on their way out and still shown.
    pub(crate) fn is_leaving(&self, eni: &EniId, address: &Ipv4Addr) -> bool {
        self.releases.get(eni).is_some_and(|release| release.addresses.contains(address))
    }

    /// When the ends of releases are to be looked at next.
    pub(crate) fn releases_wake_at(&self, now: Boottime) -> Option<Boottime> {
        let at = |release: &Release| match release.step {
            Step::Fade(since) => Some(since + LAG),
            Step::Take | Step::Look => release.call.next_at(),
        };
        self.releases.values().filter_map(at).filter(|at| *at > now).min()
    }
}
