//! What others in the account do by hand, behind the callers' backs. It is done by EC2's own rules, but no fault, bucket or
//! credential stands in its way, and the journal keeps it apart.

use std::time::Duration;

use ipnet::Ipv4Net;

use crate::delivery::Delivery;
use crate::effect::Effect;
use crate::eni::InterfaceKind;
use crate::error::ApiError;
use crate::handle::{QueryRequest, known};
use crate::ids::{EniId, SecurityGroupId, SubnetId};
use crate::interface::NewInterface;
use crate::journal::Entry;
use crate::region::Region;
use crate::tags::Tags;
use crate::want::{Want, Want6};

/// Length of a single address, as a block.
const SINGLE: u8 = 32;

impl Region {
    /// Makes a call as somebody else, for what has no method of its own here.
    ///
    /// # Errors
    /// EC2 refuses it.
    pub fn by_hand(&mut self, request: QueryRequest, now: Duration) -> Result<Vec<Effect>, ApiError> {
        self.settle(now);
        let action = request.param("Action").unwrap_or_default().to_owned();
        let result = known(&request, &action).and_then(|action| self.run(&request, action));
        self.settle(now);
        let entry = Entry {
            at: self.clock,
            action,
            params: request.params,
            caller: None,
            outcome: result.as_ref().map_or_else(|error| error.code.clone(), |_| "OK".to_owned()),
            mutated: result.as_ref().is_ok_and(|done| done.mutated),
            delivery: Delivery::Deliver,
            request_id: self.mint.request_id(),
        };
        self.journal.record_external(entry);
        result?;
        Ok(std::mem::take(&mut self.effects))
    }

    /// Adds a secondary address (/32) or a prefix (/28) to an ENI, by hand.
    ///
    /// # Errors
    /// EC2 refuses it.
    pub fn add_address_by_hand(
        &mut self,
        eni: &EniId,
        address: Ipv4Net,
        now: Duration,
    ) -> Result<Vec<Effect>, ApiError> {
        self.by_hand(naming("AssignPrivateIpAddresses", eni, address), now)
    }

    /// Takes a secondary address (/32) or a prefix (/28) from an ENI, by hand.
    ///
    /// # Errors
    /// EC2 refuses it.
    pub fn remove_address_by_hand(
        &mut self,
        eni: &EniId,
        address: Ipv4Net,
        now: Duration,
    ) -> Result<Vec<Effect>, ApiError> {
        self.by_hand(naming("UnassignPrivateIpAddresses", eni, address), now)
    }

    /// Puts an ENI into other groups, by hand.
    ///
    /// # Errors
    /// EC2 refuses it.
    pub fn set_groups_by_hand(
        &mut self,
        eni: &EniId,
        groups: &[SecurityGroupId],
        now: Duration,
    ) -> Result<Vec<Effect>, ApiError> {
        let request = QueryRequest::new("ModifyNetworkInterfaceAttribute").with("NetworkInterfaceId", eni);
        let named = groups.iter().zip(1..).fold(request, |request, (group, index): (_, u32)| {
            request.with(format!("SecurityGroupId.{index}"), group)
        });
        self.by_hand(named, now)
    }

    /// Takes an ENI off its instance at once, by hand. One that is attached to nothing stays so.
    ///
    /// # Errors
    /// EC2 refuses it.
    pub fn detach_by_hand(&mut self, eni: &EniId, now: Duration) -> Result<Vec<Effect>, ApiError> {
        self.settle(now);
        let Some(attachment) = self.visible_eni(eni)?.attachment.clone() else {
            return Ok(std::mem::take(&mut self.effects));
        };
        let request = QueryRequest::new("DetachNetworkInterface").with("AttachmentId", &attachment.id);
        self.by_hand(request.with("Force", true), now)
    }

    /// Deletes an ENI, by hand; one that is attached is taken off first.
    ///
    /// # Errors
    /// EC2 refuses it.
    pub fn delete_by_hand(&mut self, eni: &EniId, now: Duration) -> Result<Vec<Effect>, ApiError> {
        let mut effects = self.detach_by_hand(eni, now)?;
        let request = QueryRequest::new("DeleteNetworkInterface").with("NetworkInterfaceId", eni);
        effects.extend(self.by_hand(request, now)?);
        Ok(effects)
    }

    /// An ENI that somebody made and never attached, as a crash between the two leaves it: available, with this description and
    /// these tags.
    ///
    /// # Errors
    /// EC2 would not make it.
    pub fn leak_interface(
        &mut self,
        subnet: &SubnetId,
        description: &str,
        tags: Tags,
        now: Duration,
    ) -> Result<(EniId, Vec<Effect>), ApiError> {
        self.settle(now);
        let new = NewInterface {
            kind: InterfaceKind::Interface,
            subnet: subnet.clone(),
            primary: None,
            more: Want::default(),
            more6: Want6::default(),
            groups: Vec::new(),
            description: description.to_owned(),
            tags,
        };
        let eni = self.create_interface(new, self.clock)?;
        Ok((eni, std::mem::take(&mut self.effects)))
    }
}

/// A call that names one block of an ENI.
fn naming(action: &str, eni: &EniId, address: Ipv4Net) -> QueryRequest {
    let request = QueryRequest::new(action).with("NetworkInterfaceId", eni);
    if address.prefix_len() == SINGLE {
        request.with("PrivateIpAddress.1", address.addr())
    } else {
        request.with("Ipv4Prefix.1", address)
    }
}
