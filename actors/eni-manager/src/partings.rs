//! The ENIs on their way out, together. Pure.

use contract::causes::Cause;
use contract::model::{EniId, Leaving};
use contract::ports::intents::Intent;
use contract::{Boottime, Reply};

use crate::actor::EniAction;
use crate::birth::Step as Incoming;
use crate::parting::{Asked, Parting, Step, Turn};
use crate::state::{EniManager, LAG};

impl EniManager {
    pub(crate) fn let_go(&mut self, leaving: Leaving, reply: Reply<Result<(), Cause>>, now: Boottime) {
        if leaving.whole {
            self.let_eni_go(leaving, reply, now);
        } else {
            self.answer(
                reply,
                Err(Cause::RoomUnavailable { room: "eni-manager", detail: format!("{leaving:?}") }),
            );
        }
    }

    fn let_eni_go(&mut self, leaving: Leaving, reply: Reply<Result<(), Cause>>, now: Boottime) {
        let Leaving { eni, addresses, .. } = leaving;
        let asked = Asked { addresses: addresses.into_iter().collect(), reply };
        if let Some(parting) = self.partings.get_mut(&eni) {
            // Detached already: that it is still to be deleted concerns nobody else.
            if parting.may_serve() {
                parting.asked = Some(asked);
            } else {
                self.answer(asked.reply, Ok(()));
            }
            return;
        }
        let coming = self.births.iter().find(|(_, birth)| birth.eni() == Some(&eni));
        if let Some((token, birth)) = coming {
            if !matches!(birth.step, Incoming::Bind { .. }) {
                let cause =
                    Cause::BadRequest { field: "leaving", problem: format!("{eni} is not in service yet") };
                return self.answer(asked.reply, Err(cause));
            }
            let token = token.clone();
            self.births.remove(&token);
        }
        let unknown = self.attached.as_ref().is_some_and(|attached| !attached.contains_key(&eni));
        if unknown {
            return self.answer(asked.reply, Ok(()));
        }
        self.partings.insert(eni, Parting::asked(asked, now));
    }

    /// Answers are given with the next view, in that order: whoever hears that it is gone sees it gone.
    pub(crate) fn answer(&mut self, reply: Reply<Result<(), Cause>>, result: Result<(), Cause>) {
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
        if self.partings.get_mut(eni).is_some_and(|parting| parting.deleted(result, now, seed)) {
            self.partings.remove(eni);
        }
    }

    pub(crate) fn turn_parting(&mut self, eni: &EniId, turn: Turn, now: Boottime) {
        match turn {
            Turn::On => {}
            Turn::Detached => {
                self.forget(eni, now);
                let asked = self.partings.get_mut(eni).and_then(|parting| parting.asked.take());
                if let Some(asked) = asked {
                    self.answer(asked.reply, Ok(()));
                }
            }
            Turn::Over => {
                self.forget(eni, now);
                if let Some(asked) = self.partings.remove(eni).and_then(|parting| parting.asked) {
                    self.answer(asked.reply, Ok(()));
                }
            }
            Turn::Stays(cause) => {
                self.read_back = true;
                if let Some(asked) = self.partings.remove(eni).and_then(|parting| parting.asked) {
                    self.answer(asked.reply, Err(cause));
                }
            }
        }
    }

    /// It is attached here no more, whatever lags behind.
    fn forget(&mut self, eni: &EniId, now: Boottime) {
        if let Some(attached) = &mut self.attached {
            attached.remove(eni);
        }
        self.occupied.remove(eni);
        self.since.remove(eni);
        self.growing.remove(eni);
        self.gone.insert(eni.clone(), now + LAG);
    }

    /// What is next for each. Nothing is taken from an ENI while something is bought for it.
    pub(crate) fn plan_partings(&mut self, now: Boottime, actions: &mut Vec<EniAction>) {
        for (id, parting) in &mut self.partings {
            if parting.step == Step::Note && self.notes.has(&Intent::Going { eni: id.clone() }) {
                parting.noted();
            }
            let buying = self.growing.get(id).is_some_and(|growing| growing.asked.is_some());
            if buying || !parting.call.may_start(now) {
                continue;
            }
            let eni = id.clone();
            actions.push(match &parting.step {
                Step::Note => continue,
                Step::Look => EniAction::Look { eni },
                Step::Detach(attachment) => EniAction::Detach { eni, attachment: attachment.clone() },
                Step::Delete => EniAction::Delete { eni },
            });
            parting.call.under_way = true;
        }
    }
}
