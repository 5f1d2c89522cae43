//! What conditions of scripted faults may know: the region, as one call meets it. It only looks.

use crate::eni::{AttachmentState, Eni};
use crate::handle::QueryRequest;
use crate::ids::{EniId, InstanceId, SubnetId};
use crate::instance::{Instance, InstanceState};
use crate::region::Region;
use crate::when::{Facts, State};

/// The region as a call of this caller meets it.
pub(crate) struct Met<'a> {
    pub(crate) region: &'a Region,
    pub(crate) caller: Option<&'a InstanceId>,
    /// None for the metadata service.
    pub(crate) request: Option<&'a QueryRequest>,
}

impl Facts for Met<'_> {
    fn is_full(&self, subnet: &SubnetId) -> bool {
        self.region.subnets.get(subnet).is_some_and(|subnet| subnet.free() == 0)
    }

    fn holds(&self, state: State) -> bool {
        match state {
            State::SubnetFull => self.subnet().is_some_and(|subnet| self.is_full(&subnet)),
            State::EniAttaching => self.has_eni(AttachmentState::Attaching),
            State::EniDetaching => self.has_eni(AttachmentState::Detaching),
            State::InstanceStopping => {
                self.callers().any(|instance| instance.state == InstanceState::Stopping)
            }
            State::NoCredentials => self.callers().any(|instance| {
                instance.state.is_up() && self.region.credentials_of(instance, self.region.clock).is_none()
            }),
        }
    }
}

impl Met<'_> {
    fn callers(&self) -> impl Iterator<Item = &Instance> {
        let instances = self.region.instances.values();
        instances.filter(|instance| self.caller.is_none_or(|caller| *caller == instance.id))
    }

    fn has_eni(&self, state: AttachmentState) -> bool {
        let of_caller = |eni: &&Eni| self.caller.is_none_or(|caller| eni.attached_to(caller).is_some());
        let mut enis = self.region.enis.values().filter(of_caller);
        enis.any(|eni| eni.attachment.as_ref().is_some_and(|attachment| attachment.state == state))
    }

    fn subnet(&self) -> Option<SubnetId> {
        let named = |name| self.request.and_then(|request| request.param(name));
        if let Some(id) = named("SubnetId").and_then(|id| SubnetId::parse(id).ok()) {
            return Some(id);
        }
        let eni = named("NetworkInterfaceId").and_then(|id| EniId::parse(id).ok());
        let of_eni = eni.and_then(|id| Some(self.region.enis.get(&id)?.subnet.clone()));
        of_eni.or_else(|| Some(self.region.instances.get(self.caller?)?.subnet.clone()))
    }
}
