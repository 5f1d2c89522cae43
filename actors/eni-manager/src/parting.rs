//! An ENI on its way out: written down, looked at, detached, seen detached, deleted. Never by force, never the primary one, and
//! never with an address that whoever lets it go did not name. What each answer means; what is done next is the plan's. Pure.

use contract::causes::Cause;
use contract::model::{AttachmentId, EniId, InstanceId};
use contract::ports::ec2::{AttachmentState, EniDescription, EniOrder};
use contract::ports::intents::Intent;
use contract::{Boottime, Reply};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::birth::SETTLED_AFTER;
use crate::call::{Call, Failure, Looks};
use crate::state::Done;

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Not surely on disk yet.
    Note,
    /// EC2 must say what is so.
    Look,
    /// To be detached.
    Detach(AttachmentId),
    /// Attached to nothing, and to be deleted.
    Delete,
    /// Gone since then, and perhaps still shown by the metadata service: no later life must believe that.
    Fade(Boottime),
}

/// Who lets a whole ENI go.
#[derive(Debug)]
pub(crate) struct Asked {
    /// All that it is believed to carry.
    pub(crate) addresses: BTreeSet<Ipv4Addr>,
    pub(crate) reply: Reply<Done>,
}

/// An ENI on its way out.
#[derive(Debug)]
pub(crate) struct Parting {
    pub(crate) step: Step,
    pub(crate) call: Call,
    /// `None`: it carries nothing of anybody's, or an earlier life began it.
    pub(crate) asked: Option<Asked>,
    /// By which it was made, if it was never seen attached: until it is gone that is what is under way.
    pub(crate) order: Option<EniOrder>,
    /// It was asked to be detached, last at that time.
    detached_at: Option<Boottime>,
    /// EC2 refused to detach it.
    refused: Option<Cause>,
    since: Boottime,
    looks: Looks,
}

/// What an answer comes to.
#[derive(Debug)]
pub(crate) enum Turn {
    /// It goes on.
    On,
    /// It is attached no more.
    Detached,
    /// It stays, as it is; whoever let it go is told why.
    Stays(Cause),
    /// It is gone, or not ours any more.
    Over,
}

impl Parting {
    /// Of one that serves, let go by its owner.
    pub(crate) fn asked(asked: Asked, now: Boottime) -> Self {
        Self::at(Step::Note, Some(asked), now)
    }

    /// Of one that was made and cannot be attached.
    pub(crate) fn unattached(order: EniOrder, now: Boottime) -> Self {
        Self { order: Some(order), ..Self::at(Step::Delete, None, now) }
    }

    pub(crate) fn intent(&self, eni: &EniId) -> Intent {
        let eni = eni.clone();
        match &self.order {
            Some(order) => Intent::Coming { order: order.clone(), eni: Some(eni) },
            None => Intent::Going { eni },
        }
    }

    /// As an earlier life left it.
    pub(crate) fn found(now: Boottime) -> Self {
        Self::at(Step::Look, None, now)
    }

    fn at(step: Step, asked: Option<Asked>, now: Boottime) -> Self {
        let call = Call::default();
        Self {
            step,
            call,
            asked,
            order: None,
            detached_at: None,
            refused: None,
            since: now,
            looks: Looks::default(),
        }
    }

    /// It may still be attached.
    pub(crate) fn may_serve(&self) -> bool {
        !matches!(self.step, Step::Delete | Step::Fade(_))
    }

    /// It is gone by EC2's word.
    pub(crate) fn is_gone(&mut self, now: Boottime) {
        self.step(Step::Fade(now));
    }

    fn step(&mut self, step: Step) {
        self.step = step;
        self.call = Call::default();
    }

    /// It is on disk.
    pub(crate) fn noted(&mut self) {
        self.step(Step::Look);
    }

    /// The answer to a detach. Only a reading tells what became of it.
    pub(crate) fn detached(&mut self, result: Result<(), Cause>, now: Boottime, seed: u64) {
        self.call.under_way = false;
        match result {
            Ok(()) => {
                self.detached_at = Some(now);
                self.step(Step::Look);
                self.look_soon(now);
            }
            Err(cause) => match Failure::of(&cause) {
                Failure::NotYet => self.call.failed(cause, now, seed),
                Failure::Refused => {
                    self.step(Step::Look);
                    self.refused = Some(cause);
                }
                Failure::Unknown => {
                    self.detached_at = Some(now);
                    self.step(Step::Look);
                    self.call.failed(cause, now, seed);
                }
            },
        }
    }

    /// Detaching takes a second or two, or for ever: it is looked at ever less often.
    fn look_soon(&mut self, now: Boottime) {
        const LONGEST: Duration = Duration::from_secs(60);
        self.call.backoff.not_before_at(now + self.looks.next_pause(LONGEST));
    }

    /// What EC2 says about it.
    pub(crate) fn looked(
        &mut self,
        instance: &InstanceId,
        result: Result<Option<EniDescription>, Cause>,
        now: Boottime,
        seed: u64,
    ) -> Turn {
        // Another asked, for its own reasons, before this was known.
        if self.step != Step::Look || !self.call.under_way {
            return Turn::On;
        }
        self.call.under_way = false;
        let eni = match result {
            Err(cause) => {
                self.call.failed(cause, now, seed);
                return Turn::On;
            }
            Ok(None) => return Turn::Over,
            Ok(Some(eni)) => eni,
        };
        let Some(at) = eni.attachment.as_ref() else {
            self.step(Step::Delete);
            return Turn::Detached;
        };
        if &at.instance != instance {
            return Turn::Over;
        }
        match at.state {
            AttachmentState::Attached => self.is_attached(&eni, &at.id, now),
            AttachmentState::Attaching | AttachmentState::Detaching | AttachmentState::Detached => {
                self.is_stuck(&eni.id, now);
                self.look_soon(now);
                Turn::On
            }
        }
    }

    fn is_attached(&mut self, eni: &EniDescription, attachment: &AttachmentId, now: Boottime) -> Turn {
        let refused = self.refused.take();
        let Some(asked) = &self.asked else {
            // Begun in an earlier life, and not done: who wants it done asks again. What was just done may not show yet.
            if now.saturating_sub(self.since) >= SETTLED_AFTER {
                return Turn::Stays(refused.unwrap_or(Cause::PoolEmpty));
            }
            self.look_soon(now);
            return Turn::On;
        };
        if let Some(cause) = refused {
            return Turn::Stays(cause);
        }
        if let Some(cause) = keeps(eni, &asked.addresses) {
            return Turn::Stays(cause);
        }
        if self.detached_at.is_some_and(|at| now.saturating_sub(at) < SETTLED_AFTER) {
            self.look_soon(now);
        } else {
            self.step(Step::Detach(attachment.clone()));
        }
        Turn::On
    }

    fn is_stuck(&mut self, eni: &EniId, now: Boottime) {
        let begun = self.detached_at.unwrap_or(self.since);
        if now.saturating_sub(begun) >= SETTLED_AFTER {
            let minutes = now.saturating_sub(begun).as_secs() / 60;
            let detail = format!("{eni} has been detaching for {minutes} min");
            self.call.trouble = Some(Cause::Ec2Unavailable { action: "DetachNetworkInterface", detail });
        }
    }

    /// The answer to a delete.
    pub(crate) fn deleted(&mut self, result: Result<(), Cause>, now: Boottime, seed: u64) {
        let refused = matches!(result, Err(Cause::Ec2Refused { .. }));
        if self.call.ended(result, now, seed).is_some() {
            self.is_gone(now);
        } else if refused {
            // It is in use, says EC2: where, is looked at, in no hurry.
            self.step = Step::Look;
        }
    }
}

/// Why this ENI must not go: it is the primary one, or carries what whoever lets it go does not know of.
fn keeps(eni: &EniDescription, leaving: &BTreeSet<Ipv4Addr>) -> Option<Cause> {
    let primary = eni.attachment.as_ref().is_some_and(|at| at.card == 0 && at.device == 0);
    let unknown = eni.secondary_addresses.iter().find(|address| !leaving.contains(address));
    let problem = match unknown {
        _ if primary => "it is the primary ENI".to_owned(),
        Some(address) => format!("EC2 shows {address} on it, which was not let go"),
        None => return None,
    };
    Some(Cause::BadRequest { field: "leaving", problem: format!("{}: {problem}", eni.id) })
}
