//! What will happen by itself, when, and its happening. The queue holds facts; whether one still applies is checked when its
//! time has come.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::effect::Effect;
use crate::eni::{AttachmentState, Eni};
use crate::ids::{AttachmentId, EniId};
use crate::region::Region;

/// A change that waits for its time. The attachment id makes one that was overtaken harmless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Transition {
    /// The link appears in the guest.
    Attached(EniId, AttachmentId),
    /// The metadata service shows all of it.
    Visible(EniId, AttachmentId),
    /// The link leaves the guest.
    Detached(EniId, AttachmentId),
}

/// Transitions by time, those of one instant in the order they were asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Queue {
    waiting: BTreeMap<(Duration, u64), Transition>,
    asked: u64,
}

// === impl Queue ===

impl Queue {
    /// Waits until `at`; `None` is never.
    pub(crate) fn push(&mut self, at: Option<Duration>, transition: Transition) {
        if let Some(at) = at {
            self.asked += 1;
            self.waiting.insert((at, self.asked), transition);
        }
    }

    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.waiting.keys().next().map(|(at, _)| *at)
    }

    /// The first transition whose time has come.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<(Duration, Transition)> {
        let first = self.waiting.first_entry().filter(|entry| entry.key().0 <= now)?;
        Some((first.key().0, first.remove()))
    }
}

// === impl Region: what happens by itself ===

impl Region {
    /// Lets time pass: everything due by `now` happens, in order. Time does not go back.
    pub fn advance(&mut self, now: Duration) -> Vec<Effect> {
        self.settle(now);
        std::mem::take(&mut self.effects)
    }

    /// When something will next happen by itself, listeners that begin or cease to refuse included.
    #[must_use]
    pub fn next_transition(&self) -> Option<Duration> {
        let doors =
            [self.faults.refusal_turns_after(self.clock), self.imds_faults.refusal_turns_after(self.clock)];
        self.queue.next_at().into_iter().chain(doors.into_iter().flatten()).min()
    }

    pub(crate) fn settle(&mut self, now: Duration) {
        self.remember(self.clock);
        self.clock = self.clock.max(now);
        while let Some((at, transition)) = self.queue.pop_due(self.clock) {
            self.happen(&transition);
            self.remember(at);
        }
        self.imds.prune(self.clock);
    }

    fn happen(&mut self, transition: &Transition) {
        let (Transition::Attached(id, attachment_id)
        | Transition::Visible(id, attachment_id)
        | Transition::Detached(id, attachment_id)) = transition;
        self.touch(id);
        let Some(eni) = self.enis.get_mut(id) else { return };
        let Some(attachment) = eni.attachment.as_mut().filter(|attachment| attachment.id == *attachment_id)
        else {
            return;
        };
        let instance = attachment.instance.clone();
        match transition {
            Transition::Attached(..) => {
                attachment.state = AttachmentState::Attached;
                let linked = linked(eni);
                self.effects.extend(linked);
            }
            Transition::Visible(..) => self.effects.push(Effect::EniVisible { instance, eni: id.clone() }),
            Transition::Detached(..) => {
                let had_link = attachment.state != AttachmentState::Attaching;
                eni.attachment = None;
                if had_link {
                    self.effects.push(Effect::EniDetached { instance, eni: id.clone(), mac: eni.mac });
                }
            }
        }
    }
}

/// The effect of an attached ENI's link in its guest.
pub(crate) fn linked(eni: &Eni) -> Option<Effect> {
    let attachment = eni.attachment.as_ref()?;
    Some(Effect::EniAttached {
        instance: attachment.instance.clone(),
        eni: eni.id.clone(),
        mac: eni.mac,
        device_index: attachment.device_index,
        card: attachment.card,
        subnet: eni.subnet.clone(),
        addresses: eni.blocks(),
        ipv6_addresses: eni.ipv6_blocks(),
    })
}
