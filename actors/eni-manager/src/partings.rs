//! The ENIs on their way out, together. Pure.

use contract::causes::Cause;
use contract::mail::eni_manager::Gone;
use contract::model::{EniId, Leaving};
use contract::{Boottime, Reply};

use crate::actor::EniAction;
use crate::birth::{Birth, Step as Incoming};
use crate::looking::may_begin;
use crate::parting::{Asked, Parting, Step, Turn};
use crate::state::{Done, EniManager, LAG};

impl EniManager {
    pub(crate) fn let_go(&mut self, leaving: Leaving, reply: Reply<Done>, now: Boottime) {
        // Before EC2 was heard, and while it comes into service, nobody knows what the ENI carries: whoever asks, asks again.
        let coming =
            |birth: &Birth| birth.eni() == Some(&leaving.eni) && !matches!(birth.step, Incoming::Bind { .. });
        let taking = self.releases.get(&leaving.eni).is_some_and(|release| release.fades_since().is_none());
        let going = self.partings.contains_key(&leaving.eni);
        let busy = if leaving.whole { taking } else { going };
        if self.attached.is_none() || self.births.values().any(coming) || busy {
            return;
        }
        if leaving.whole {
            self.let_eni_go(leaving, reply, now);
        } else {
            self.let_addresses_go(leaving, reply);
        }
    }

    fn let_eni_go(&mut self, leaving: Leaving, reply: Reply<Done>, now: Boottime) {
        let Leaving { eni, addresses, .. } = leaving;
        let asked = Asked { addresses: addresses.into_iter().collect(), reply };
        if let Some(parting) = self.partings.get_mut(&eni) {
            // Detached already: that it is still to be deleted concerns nobody else.
            if parting.may_serve() {
                parting.asked = Some(asked);
            } else {
                self.answer(asked.reply, Ok(Gone::Wholly));
            }
            return;
        }
        if !self.attached.as_ref().is_some_and(|attached| attached.contains_key(&eni)) {
            return self.answer(asked.reply, Ok(Gone::Wholly));
        }
        self.partings.insert(eni, Parting::asked(asked, now));
    }

    /// Answers are given with the next view, in that order: whoever hears that it is gone sees it gone.
    pub(crate) fn answer(&mut self, reply: Reply<Done>, result: Done) {
        self.answers.push((reply, result));
    }

    pub(crate) fn detach_ended(&mut self, eni: &EniId, result: Result<(), Cause>, now: Boottime) {
        let seed = self.config.seed;
        if let Some(parting) = self.partings.get_mut(eni) {
            parting.detached(result, now, seed);
        }
    }

    pub(crate) fn delete_ended(&mut self, eni: &EniId, result: Result<(), Cause>, now: Boottime) {
        let seed = self.config.seed;
        if let Some(parting) = self.partings.get_mut(eni) {
            parting.deleted(result, now, seed);
        }
    }

    pub(crate) fn turn_parting(&mut self, eni: &EniId, turn: Turn, now: Boottime) {
        match turn {
            Turn::On => {}
            Turn::Detached | Turn::Over => {
                self.forget(eni, now);
                let Some(parting) = self.partings.get_mut(eni) else { return };
                if matches!(turn, Turn::Over) {
                    parting.is_gone(now);
                }
                if let Some(asked) = parting.asked.take() {
                    self.answer(asked.reply, Ok(Gone::Wholly));
                }
            }
            Turn::Stays(cause) => {
                self.read_back = true;
                let Some(parting) = self.partings.remove(eni) else { return };
                if let Some(asked) = parting.asked {
                    self.answer(asked.reply, Err(cause));
                }
                if let Some(order) = parting.order {
                    self.births.insert(order.token.clone(), Birth::found(order, Some(eni.clone()), now));
                }
            }
        }
    }

    /// It is attached here no more, whatever lags behind.
    fn forget(&mut self, eni: &EniId, now: Boottime) {
        if let Some(attached) = &mut self.attached {
            attached.remove(eni);
        }
        self.births.retain(|_, birth| birth.eni() != Some(eni));
        self.occupied.remove(eni);
        self.since.remove(eni);
        self.growing.remove(eni);
        self.gone.insert(eni.clone(), now + LAG);
    }

    /// Those that EC2 and the metadata service have both forgotten are under way no more.
    pub(crate) fn end_partings(&mut self) {
        let (seen, seen_at) = (&self.seen, self.seen_at);
        self.partings.retain(|eni, parting| match parting.step {
            Step::Fade(since) => since >= seen_at || seen.interfaces.iter().any(|shown| shown.id == *eni),
            _ => true,
        });
    }

    /// What is next for each. Nothing is taken from an ENI while something is bought for it.
    pub(crate) fn plan_partings(&mut self, now: Boottime, actions: &mut Vec<EniAction>) {
        for (id, parting) in &mut self.partings {
            let buying = self.growing.get(id).is_some_and(|growing| growing.asked.is_some());
            if buying || !parting.call.may_start(now) {
                continue;
            }
            let eni = id.clone();
            let action = match &parting.step {
                Step::Note | Step::Fade(_) => continue,
                Step::Look => EniAction::Look { eni },
                Step::Detach(attachment) => EniAction::Detach { eni, attachment: attachment.clone() },
                Step::Delete => EniAction::Delete { eni },
            };
            if may_begin(&mut self.looking, &action) {
                parting.call.under_way = true;
                actions.push(action);
            }
        }
    }
}
