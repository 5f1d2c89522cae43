//! An ENI on its way in: written down, made, attached, shown by EC2 or the metadata service, and bound to the instance's end. What
//! each answer means; what is done next is the plan's. `grow_pool` is told here. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{AttachmentId, EniId, InstanceId};
use contract::ports::ec2::{AttachmentState, EniAttachment, EniDescription, EniOrder};
use contract::ports::intents::Intent;
use std::time::Duration;

use crate::call::Call;

/// EC2 may not know an ENI that it has just made, or show where it has just attached it; after this its word counts.
pub(crate) const SETTLED_AFTER: Duration = Duration::from_secs(60);

/// An attachment shows in the metadata service within a second or two; after this EC2 itself is asked.
const ASK_EC2_AFTER: Duration = Duration::from_secs(10);

/// An attach that EC2 refuses for a reason of its own is not asked for more often.
const REFUSALS_MAX: u32 = 3;

/// How far an ENI is.
#[derive(Debug)]
pub(crate) enum Step {
    /// Its order is not surely on disk yet.
    Note,
    /// To be made; `perhaps`: an attempt had no answer, so that it may be there.
    Make { perhaps: bool },
    /// EC2 must say what is so: an answer was lost, or an earlier life began it.
    Look { eni: EniId },
    /// To be attached.
    Attach { made: Box<EniDescription> },
    /// Attached by EC2's answer, and not shown yet.
    Show { made: Box<EniDescription> },
    /// In service, and to be bound to the instance's end.
    Bind { eni: EniId, attachment: AttachmentId },
}

/// An ENI on its way in.
#[derive(Debug)]
pub(crate) struct Birth {
    pub(crate) order: EniOrder,
    pub(crate) step: Step,
    /// The call of the step.
    pub(crate) call: Call,
    /// Binding, which may be done as soon as it is attached.
    pub(crate) bind: Call,
    pub(crate) bound: bool,
    /// The index it is to have, once that is chosen.
    pub(crate) device: Option<u32>,
    /// The step began.
    pub(crate) since: Boottime,
    refusals: u32,
}

/// What an answer comes to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It goes on.
    On,
    /// It carries addresses from now on.
    Serves(Box<EniDescription>),
    /// It is not there, or not ours any more.
    Over,
    /// It was never made.
    Unmade(Cause),
    /// It cannot be attached, and is to be deleted.
    Unwanted(EniId, Cause),
    /// Its device index is another's.
    Occupied(u32),
}

impl Birth {
    pub(crate) fn of(order: EniOrder, now: Boottime) -> Self {
        Self::at(order, Step::Note, now)
    }

    /// As an earlier life left it.
    pub(crate) fn found(order: EniOrder, eni: Option<EniId>, now: Boottime) -> Self {
        let step = eni.map_or(Step::Make { perhaps: true }, |eni| Step::Look { eni });
        Self::at(order, step, now)
    }

    fn at(order: EniOrder, step: Step, now: Boottime) -> Self {
        let (call, bind) = (Call::default(), Call::default());
        Self { order, step, call, bind, bound: false, device: None, since: now, refusals: 0 }
    }

    pub(crate) fn intent(&self) -> Intent {
        Intent::Coming { order: self.order.clone(), eni: self.eni().cloned() }
    }

    /// Which it is, once EC2 has said so.
    pub(crate) fn eni(&self) -> Option<&EniId> {
        match &self.step {
            Step::Note | Step::Make { .. } => None,
            Step::Look { eni } | Step::Bind { eni, .. } => Some(eni),
            Step::Attach { made } | Step::Show { made } => Some(&made.id),
        }
    }

    /// Addresses that it will bring, beyond those that are counted already.
    pub(crate) fn brings(&self) -> u32 {
        if matches!(self.step, Step::Bind { .. }) { 0 } else { self.order.secondary_addresses }
    }

    /// Its attachment, while it is to be bound.
    pub(crate) fn to_bind(&self) -> Option<(&EniId, &AttachmentId)> {
        match &self.step {
            _ if self.bound => None,
            Step::Show { made } => Some((&made.id, &made.attachment.as_ref()?.id)),
            Step::Bind { eni, attachment } => Some((eni, attachment)),
            _ => None,
        }
    }

    /// It is in service and bound: nothing of it is under way.
    pub(crate) fn is_over(&self) -> bool {
        self.bound && matches!(self.step, Step::Bind { .. })
    }

    /// When EC2 is to be asked for it, if it must be.
    pub(crate) fn look_at(&self) -> Option<Boottime> {
        match self.step {
            Step::Look { .. } => Some(self.call.backoff.not_before()),
            Step::Show { .. } => Some(self.call.backoff.not_before().max(self.since + ASK_EC2_AFTER)),
            _ => None,
        }
    }

    fn step(&mut self, step: Step, now: Boottime) {
        self.step = step;
        self.since = now;
        self.call = Call::default();
    }

    /// The order is on disk.
    pub(crate) fn noted(&mut self, now: Boottime) {
        self.step(Step::Make { perhaps: false }, now);
    }

    /// What EC2 says to the order.
    pub(crate) fn made(&mut self, result: Result<EniDescription, Cause>, now: Boottime, seed: u64) -> Turn {
        let Step::Make { perhaps } = &mut self.step else { return Turn::On };
        let answer = match result {
            // Whatever EC2 remembers of the token, it may be of an earlier life: where it is now is read.
            Ok(made) if made.attachment.is_some() => {
                self.step(Step::Look { eni: made.id }, now);
                return Turn::On;
            }
            Ok(made) => {
                self.step(Step::Attach { made: Box::new(made) }, now);
                return Turn::On;
            }
            Err(cause) => cause,
        };
        self.call.under_way = false;
        let unmade = match &answer {
            Cause::Throttled { .. } => false,
            // A token is looked up before room and quota are: a refusal for these shows that nothing was made.
            Cause::SubnetExhausted { .. } | Cause::Ec2Refused { .. } => true,
            Cause::Unauthorized { .. } | Cause::Credentials { .. } => !*perhaps,
            _ => {
                *perhaps = true;
                false
            }
        };
        if unmade {
            return Turn::Unmade(answer);
        }
        self.call.failed(answer, now, seed);
        Turn::On
    }

    /// What EC2 says to the attach.
    pub(crate) fn attached(
        &mut self,
        instance: &InstanceId,
        result: Result<AttachmentId, Cause>,
        now: Boottime,
        seed: u64,
    ) -> Turn {
        let Step::Attach { made } = &mut self.step else { return Turn::On };
        let cause = match result {
            Ok(id) => {
                let device = self.device.unwrap_or_default();
                let attachment = EniAttachment {
                    id,
                    instance: instance.clone(),
                    card: 0,
                    device,
                    state: AttachmentState::Attaching,
                    delete_on_termination: false,
                };
                let made = Box::new(EniDescription { attachment: Some(attachment), ..(**made).clone() });
                self.step(Step::Show { made }, now);
                return Turn::On;
            }
            Err(cause) => cause,
        };
        let eni = made.id.clone();
        let refusal = refusal(&cause, now.saturating_sub(self.since) < SETTLED_AFTER);
        self.call.under_way = false;
        self.call.failed(cause.clone(), now, seed);
        match refusal {
            Refusal::Later => {}
            Refusal::Unwanted => return Turn::Unwanted(eni, cause),
            Refusal::Occupied => {
                // Another index is tried at once.
                self.call.worked();
                return self.device.take().map_or(Turn::On, Turn::Occupied);
            }
            Refusal::Look => {
                self.refusals += u32::from(matches!(cause, Cause::Ec2Refused { .. }));
                if self.refusals >= REFUSALS_MAX {
                    return Turn::Unwanted(eni, cause);
                }
                self.step = Step::Look { eni };
            }
        }
        Turn::On
    }

    /// The metadata service shows it.
    pub(crate) fn shown(&mut self, now: Boottime) -> Turn {
        let Step::Show { made } = &mut self.step else { return Turn::On };
        let Some(attachment) = &mut made.attachment else { return Turn::On };
        attachment.state = AttachmentState::Attached;
        self.bound |= attachment.delete_on_termination;
        let (attachment, serves) = (attachment.id.clone(), made.clone());
        self.step(Step::Bind { eni: serves.id.clone(), attachment }, now);
        Turn::Serves(serves)
    }

    /// What EC2 says about it.
    pub(crate) fn looked(
        &mut self,
        instance: &InstanceId,
        result: Result<Option<EniDescription>, Cause>,
        now: Boottime,
        seed: u64,
    ) -> Turn {
        // An answer that comes after its step is nobody's.
        if !matches!(self.step, Step::Look { .. } | Step::Show { .. }) || !self.call.under_way {
            return Turn::On;
        }
        self.call.under_way = false;
        let young = now.saturating_sub(self.since) < SETTLED_AFTER;
        let waits_to_show = matches!(self.step, Step::Show { .. });
        match (result, &self.step) {
            (_, Step::Note | Step::Make { .. } | Step::Attach { .. } | Step::Bind { .. }) => {}
            (Err(cause), _) => self.call.failed(cause, now, seed),
            (Ok(None), _) if young => self.call.backoff.failed(now, seed),
            (Ok(None), _) => return Turn::Over,
            (Ok(Some(eni)), _) => match eni.attachment.clone() {
                None if waits_to_show && young => self.call.backoff.failed(now, seed),
                None => {
                    let (refusals, failures) = (self.refusals, std::mem::take(&mut self.call));
                    self.step(Step::Attach { made: Box::new(eni) }, now);
                    self.call.backoff = failures.backoff;
                    self.refusals = refusals;
                    self.device = None;
                }
                Some(at) if &at.instance != instance || at.card != 0 => return Turn::Over,
                Some(at) => return self.is_at(eni, &at, now, seed),
            },
        }
        Turn::On
    }

    /// It is attached here, or about to be, or no more.
    fn is_at(&mut self, eni: EniDescription, at: &EniAttachment, now: Boottime, seed: u64) -> Turn {
        self.device = Some(at.device);
        match at.state {
            AttachmentState::Attached => {
                self.step(Step::Show { made: Box::new(eni) }, now);
                self.shown(now)
            }
            AttachmentState::Attaching => {
                let since = self.since;
                if !matches!(self.step, Step::Show { .. }) {
                    self.step(Step::Show { made: Box::new(eni) }, now);
                } else if now.saturating_sub(since) >= SETTLED_AFTER {
                    let detail = format!("{} has been attaching for a minute", eni.id);
                    let action = "AttachNetworkInterface";
                    self.call.trouble = Some(Cause::Ec2Unavailable { action, detail });
                }
                self.call.backoff.failed(now, seed);
                Turn::On
            }
            AttachmentState::Detaching | AttachmentState::Detached => {
                self.call.backoff.failed(now, seed);
                Turn::On
            }
        }
    }

    /// When something is to be done for it next, if that is known.
    pub(crate) fn wake_at(&self) -> Option<Boottime> {
        let step = match self.step {
            Step::Look { .. } | Step::Show { .. } => self.look_at().filter(|_| !self.call.under_way),
            Step::Make { .. } | Step::Attach { .. } => self.call.next_at(),
            Step::Note | Step::Bind { .. } => None,
        };
        let bind = self.to_bind().and_then(|_| self.bind.next_at());
        step.into_iter().chain(bind).min()
    }

    pub(crate) fn trouble(&self) -> Option<&Cause> {
        self.call.trouble.as_ref().or(self.bind.trouble.as_ref())
    }
}

/// What a failed attach asks for.
enum Refusal {
    /// The same again.
    Later,
    /// Another device index.
    Occupied,
    /// A look at what is so.
    Look,
    /// Nothing: it will not be attached.
    Unwanted,
}

fn refusal(cause: &Cause, young: bool) -> Refusal {
    match cause {
        Cause::Throttled { .. } | Cause::Credentials { .. } => Refusal::Later,
        Cause::Unauthorized { .. } => Refusal::Unwanted,
        Cause::Ec2Refused { code, detail, .. } => match code.as_str() {
            "InvalidNetworkInterfaceID.NotFound" if young => Refusal::Later,
            "AttachmentLimitExceeded"
            | "IncorrectInstanceState"
            | "IncorrectState"
            | "InvalidInstanceID.NotFound" => Refusal::Unwanted,
            _ if detail.contains("already has an interface attached at device index") => Refusal::Occupied,
            _ => Refusal::Look,
        },
        _ => Refusal::Look,
    }
}
