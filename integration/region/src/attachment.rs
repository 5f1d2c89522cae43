//! Attaching and detaching: what EC2 checks before it does either, and what it sets going. When it has happened is the
//! transitions' to say.

use crate::eni::{Attachment, AttachmentState, InterfaceKind};
use crate::error::ApiError;
use crate::ids::{AttachmentId, EniId, InstanceId};
use crate::instance::{Instance, InstanceState};
use crate::knobs::{after, after_or_never};
use crate::region::Region;
use crate::transition::Transition;

/// Where an ENI is to be attached.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) instance: InstanceId,
    pub(crate) card: u32,
    pub(crate) device_index: u32,
}

// === impl Region: attaching and detaching ===

impl Region {
    pub(crate) fn attach_interface(&mut self, id: &EniId, place: &Place) -> Result<AttachmentId, ApiError> {
        self.check_attach(id, place)?;
        let (now, attach, lag) = (self.clock, self.knobs.attach_milliseconds, self.knobs.imds.clone());
        let attachment = self.fasten(id, place, AttachmentState::Attaching);
        let linked_at = after_or_never(now, attach);
        let queue = &mut self.queue;
        queue.push(after(now, attach), Transition::Attached(id.clone(), attachment.clone()));
        let shown = lag.readable_milliseconds.max(lag.addresses_milliseconds).max(lag.listed_milliseconds);
        let shown_at = after(now, attach).and_then(|linked_at| after(linked_at, shown));
        queue.push(shown_at, Transition::Visible(id.clone(), attachment.clone()));
        if let Some(eni) = self.enis.get(id) {
            self.imds.attached(eni, place, linked_at, &lag);
        }
        Ok(attachment)
    }

    /// What EC2 checks before it attaches anything.
    pub(crate) fn check_attach(&self, id: &EniId, place: &Place) -> Result<(), ApiError> {
        let eni = self.visible_eni(id)?;
        let instance = self.instances.get(&place.instance).ok_or_else(|| place.instance.not_found())?;
        if instance.state != InstanceState::Running {
            return Err(instance.not_valid_for_this());
        }
        if eni.attachment.is_some() {
            return Err(ApiError::interface_in_use(id));
        }
        match eni.kind {
            InterfaceKind::Interface => {}
            InterfaceKind::Trunk => self.check_trunk(instance)?,
            InterfaceKind::Branch => return Err(ApiError::branch_attached(id)),
        }
        if eni.zone != instance.zone {
            return Err(ApiError::combination(
                "You may not attach a network interface to an instance if they are not in the same availability zone",
            ));
        }
        self.check_room(instance, place)?;
        if eni.slots() > instance.limits.ipv4_per_eni {
            return Err(ApiError::address_limit());
        }
        if eni.ipv6_slots() > instance.limits.ipv6_per_eni(&instance.instance_type) {
            return Err(ApiError::ipv6_limit());
        }
        Ok(())
    }

    fn check_room(&self, instance: &Instance, place: &Place) -> Result<(), ApiError> {
        let on_card = instance.limits.enis_on_card(place.card).ok_or_else(|| {
            let message = format!("Value ({}) for parameter NetworkCardIndex is invalid.", place.card);
            ApiError::invalid_value(message)
        })?;
        let attached = self.enis_of(&instance.id);
        let places = attached.iter().filter_map(|eni| eni.attachment.as_ref());
        let neighbours: Vec<u32> =
            places.filter(|other| other.card == place.card).map(|other| other.device_index).collect();
        if neighbours.contains(&place.device_index) {
            return Err(ApiError::invalid_value(format!(
                "Instance '{}' already has an interface attached at device index '{}'.",
                instance.id, place.device_index
            )));
        }
        if neighbours.len() >= on_card as usize {
            return Err(ApiError::new(
                "AttachmentLimitExceeded",
                format!(
                    "Interface count {} exceeds the limit for {}",
                    attached.len() + 1,
                    instance.instance_type
                ),
            ));
        }
        Ok(())
    }

    /// Writes the attachment down, in the state given.
    pub(crate) fn fasten(&mut self, id: &EniId, place: &Place, state: AttachmentState) -> AttachmentId {
        let attachment = Attachment {
            id: AttachmentId::mint(&mut self.mint),
            instance: place.instance.clone(),
            device_index: place.device_index,
            card: place.card,
            delete_on_termination: false,
            attach_time: self.clock,
            state,
        };
        let made = attachment.id.clone();
        if let Some(eni) = self.enis.get_mut(id) {
            eni.attachment = Some(attachment);
        }
        self.touch(id);
        made
    }

    pub(crate) fn detach_interface(
        &mut self,
        attachment_id: &AttachmentId,
        force: bool,
    ) -> Result<(), ApiError> {
        let (now, lag) = (self.clock, self.knobs.imds.clone());
        let detach = if force { 0 } else { self.knobs.detach_milliseconds };
        let id = self.enis.values().find(|eni| eni.is_attached_by(attachment_id)).map(|eni| eni.id.clone());
        let id = id.ok_or_else(|| attachment_id.not_found())?;
        if self.branches_of(&id).next().is_some() {
            return Err(ApiError::trunk_has_branches(&id));
        }
        let eni = self.enis.get_mut(&id).ok_or_else(|| attachment_id.not_found())?;
        let mac = eni.mac;
        let attachment = eni.attachment.as_mut().ok_or_else(|| attachment_id.not_found())?;
        if (attachment.card, attachment.device_index) == (0, 0) {
            return Err(ApiError::new(
                "OperationNotPermitted",
                "The network interface at device index 0 and networkCard index 0 cannot be detached.",
            ));
        }
        if attachment.state == AttachmentState::Detaching && !force {
            let message =
                format!("Network interface attachment '{attachment_id}' is already being detached.");
            return Err(ApiError::new("IncorrectState", message));
        }
        if attachment.state == AttachmentState::Attaching && !force {
            let message = format!("Network interface attachment '{attachment_id}' is not attached yet.");
            return Err(ApiError::new("IncorrectState", message));
        }
        // One forced away while attaching never had a link: it keeps its state until it is gone in this very instant.
        if attachment.state == AttachmentState::Attached {
            attachment.state = AttachmentState::Detaching;
        }
        let instance = attachment.instance.clone();
        self.imds.detached(&instance, mac, now, after_or_never(now, detach), &lag);
        self.queue.push(after(now, detach), Transition::Detached(id, attachment_id.clone()));
        Ok(())
    }
}
