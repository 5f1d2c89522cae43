//! The ends of calls for whole ENIs, as a test says.

use crate::desk::*;
use contract::causes::Cause;
use contract::mail::eni_manager::{EniMail, Gone};
use contract::model::{AttachmentId, EniId, Leaving};
use contract::ports::ec2::{AttachmentState, EniDescription};
use contract::ports::intents::{Intent, IntentImage, LoadedIntents};
use eni_manager::EniOutcome;
use kernel::Event;
use std::net::Ipv4Addr;
use tokio::sync::oneshot;

/// ENI `n` as Create gives it: in the node's subnet, with so many addresses.
pub(crate) fn born(n: u8, count: u8) -> EniDescription {
    let addresses = (0..count).map(|host| at(0, 20 * n + host)).collect();
    EniDescription {
        subnet: subnet(0),
        primary_address: at(0, 200 + n),
        attachment: None,
        ..described(n, addresses)
    }
}

/// The same, attached at device `device` and bound.
pub(crate) fn attached_at(eni: EniDescription, device: u8, state: AttachmentState) -> EniDescription {
    let mut at = attachment(device);
    at.state = state;
    EniDescription { attachment: Some(at), ..eni }
}

pub(crate) fn refusal(action: &'static str, code: &str) -> Cause {
    Cause::Ec2Refused { action, code: code.into(), detail: "no".into() }
}

/// EC2's refusal of an index that somebody has.
pub(crate) fn index_taken() -> Cause {
    Cause::Ec2Refused {
        action: "AttachNetworkInterface",
        code: "InvalidParameterValue".into(),
        detail: "Instance 'i-1' already has an interface attached at device index '1'.".into(),
    }
}

/// What a disk of this instance holds.
pub(crate) fn found(intents: Vec<Intent>) -> LoadedIntents {
    let image = IntentImage { instance: node("m5.large").instance, intents };
    LoadedIntents { image: Some(image), set_aside: None }
}

impl Desk {
    /// The oldest Create ends.
    pub(crate) fn created(&mut self, result: Result<EniDescription, Cause>) {
        let order = self.creates.remove(0);
        self.outcome(EniOutcome::Created { token: order.token, result });
    }

    pub(crate) fn attach_ends(&mut self, result: Result<(), Cause>) -> u32 {
        let (token, _, device) = self.attaches.remove(0);
        let result = result.map(|()| AttachmentId::new(format!("eni-attach-{device}")));
        self.outcome(EniOutcome::Attached { token, result });
        device
    }

    pub(crate) fn bind_ends(&mut self, result: Result<(), Cause>) {
        let (token, _) = self.binds.remove(0);
        self.outcome(EniOutcome::Bound { token, result });
    }

    pub(crate) fn looked(&mut self, result: Result<Option<EniDescription>, Cause>) {
        let eni = self.looks.remove(0);
        self.outcome(EniOutcome::Looked { eni, result });
    }

    pub(crate) fn unassign_ends(&mut self, result: Result<(), Cause>) {
        let (eni, _) = self.unassigns.remove(0);
        self.outcome(EniOutcome::Unassigned { eni, result });
    }

    /// Lets go addresses of ENI `n`, or all of it; gives where the answer will come.
    pub(crate) fn let_go(
        &mut self,
        n: u8,
        addresses: Vec<Ipv4Addr>,
        whole: bool,
    ) -> oneshot::Receiver<Result<Gone, Cause>> {
        let (reply, answer) = oneshot::channel();
        let leaving = Leaving { eni: eni(n), addresses, whole };
        self.event(Event::Mail(EniMail::LetGo { leaving, reply }));
        answer
    }

    pub(crate) fn detach_ends(&mut self, result: Result<(), Cause>) {
        let eni = self.detaches.remove(0);
        self.outcome(EniOutcome::Detached { eni, result });
    }

    pub(crate) fn delete_ends(&mut self, result: Result<(), Cause>) {
        let eni = self.deletes.remove(0);
        self.outcome(EniOutcome::Deleted { eni, result });
    }

    /// The metadata service shows these ENIs from now on.
    pub(crate) fn metadata_shows(&mut self, enis: &[EniDescription]) {
        let shown = enis.iter().map(|eni| {
            let mut told = seen(0, eni.secondary_addresses.clone());
            (told.mac, told.id) = (eni.mac, eni.id.clone());
            told.device = eni.attachment.as_ref().map_or(0, |at| at.device);
            told
        });
        let shown = metadata(shown.collect());
        while !self.interfaces_asked {
            self.pass(std::time::Duration::from_millis(50));
        }
        self.interfaces_are(Ok(shown));
    }

    /// All that a new ENI needs, in one go.
    pub(crate) fn comes_into_service(&mut self, eni: EniDescription) {
        self.created(Ok(eni.clone()));
        let device = u8::try_from(self.attach_ends(Ok(()))).unwrap();
        self.metadata_shows(&[attached_at(eni, device, AttachmentState::Attached)]);
        self.bind_ends(Ok(()));
    }

    /// Orders under way, as (ENI, addresses); nameless as "".
    pub(crate) fn on_disk(&self) -> Vec<String> {
        let intents = self.disk.iter().flat_map(|image| &image.intents);
        let told = intents.map(|intent| match intent {
            Intent::Coming { eni, .. } => format!("coming {}", eni.as_ref().map_or("", EniId::as_str)),
            Intent::Going { eni } => format!("going {eni}"),
        });
        told.collect()
    }

    /// Nothing of a whole ENI is under way.
    pub(crate) fn is_idle(&self) -> bool {
        let enis = self.looks.is_empty()
            && self.unassigns.is_empty()
            && self.detaches.is_empty()
            && self.deletes.is_empty();
        enis && self.creates.is_empty() && self.attaches.is_empty() && self.binds.is_empty()
    }
}
