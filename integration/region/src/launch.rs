//! Instances come and go: by plain calls, or by what a node group asks over the wire. A launch happens whole or not at all.

use std::time::Duration;

use crate::attachment::Place;
use crate::effect::Effect;
use crate::eni::AttachmentState;
use crate::error::{ApiError, RegionError};
use crate::ids::{EniId, InstanceId, SubnetId};
use crate::instance::{Instance, InstanceSpec, InstanceState, InterfaceSpec};
use crate::interface::NewInterface;
use crate::knobs::ImdsLag;
use crate::limits::limits_of;
use crate::region::Region;
use crate::tags::Tags;
use crate::transition::linked;
use crate::want::{Want, Want6};

/// A launched instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Its id.
    pub instance: InstanceId,
    /// Its ENIs, the primary one first, then as they were named.
    pub enis: Vec<EniId>,
    /// What the fabric has to do, with all that was due before.
    pub effects: Vec<Effect>,
}

/// An instance to launch, whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) instance_type: String,
    pub(crate) role: Option<String>,
    pub(crate) tags: Tags,
    /// The primary one first.
    pub(crate) interfaces: Vec<PlannedInterface>,
}

/// An ENI that is there from the start.
#[derive(Debug, Clone)]
pub(crate) struct PlannedInterface {
    pub(crate) new: NewInterface,
    pub(crate) card: u32,
    pub(crate) device_index: u32,
    pub(crate) delete_on_termination: bool,
}

impl Region {
    /// Launches an instance: running, its ENIs attached and fully shown by its metadata service, at once.
    ///
    /// # Errors
    /// An unknown type, or whatever EC2 would refuse: no room in a subnet, more ENIs or addresses than the type has. Nothing is
    /// changed then.
    pub fn launch_instance(&mut self, spec: InstanceSpec, now: Duration) -> Result<Launch, RegionError> {
        self.settle(now);
        let (instance, enis) = self.launch(spec.into(), None)?;
        Ok(Launch { instance, enis, effects: std::mem::take(&mut self.effects) })
    }

    /// Terminates an instance: its ENIs lose their links; those marked so are deleted, the others become available.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn terminate_instance(&mut self, id: &InstanceId, now: Duration) -> Result<Vec<Effect>, RegionError> {
        self.settle(now);
        self.terminate(id)?;
        Ok(std::mem::take(&mut self.effects))
    }

    pub(crate) fn terminate(&mut self, id: &InstanceId) -> Result<(), ApiError> {
        let instance = self.instances.get_mut(id).ok_or_else(|| id.not_found())?;
        instance.state = InstanceState::Terminated;
        self.touched.instances.insert(id.clone());
        let enis: Vec<EniId> = self.enis_of(id).into_iter().map(|eni| eni.id.clone()).collect();
        for eni_id in enis {
            self.touch(&eni_id);
            self.part_branches_of(&eni_id);
            let Some(eni) = self.enis.get_mut(&eni_id) else {
                continue;
            };
            let Some(attachment) = eni.attachment.take() else {
                continue;
            };
            if attachment.state != AttachmentState::Attaching {
                self.effects.push(Effect::EniDetached {
                    instance: id.clone(),
                    eni: eni_id.clone(),
                    mac: eni.mac,
                });
            }
            if attachment.delete_on_termination {
                self.remove_interface(&eni_id);
            }
        }
        self.imds.forget_instance(id);
        Ok(())
    }

    /// Tells an instance to stop. It stays on its way down until it is terminated.
    ///
    /// # Errors
    /// There is no such instance, or it does not run.
    pub fn stop_instance(&mut self, id: &InstanceId, now: Duration) -> Result<(), ApiError> {
        self.settle(now);
        let instance = self.instances.get_mut(id).ok_or_else(|| id.not_found())?;
        if instance.state != InstanceState::Running {
            return Err(instance.not_valid_for_this());
        }
        instance.state = InstanceState::Stopping;
        self.touched.instances.insert(id.clone());
        Ok(())
    }

    /// Lets EC2 forget an instance that has terminated: nobody knows its id any more.
    ///
    /// # Errors
    /// There is no such instance, or it has not terminated.
    pub fn forget_instance(&mut self, id: &InstanceId, now: Duration) -> Result<(), ApiError> {
        self.settle(now);
        let instance = self.instances.get(id).ok_or_else(|| id.not_found())?;
        if instance.state != InstanceState::Terminated {
            return Err(instance.not_valid_for_this());
        }
        self.instances.remove(id);
        Ok(())
    }

    /// Launches what was planned, beside the first one that the same call launched, if it was not this one.
    pub(crate) fn launch(
        &mut self,
        plan: Plan,
        beside: Option<&InstanceId>,
    ) -> Result<(InstanceId, Vec<EniId>), RegionError> {
        let before = self.effects.len();
        let limits = limits_of(&plan.instance_type)
            .ok_or_else(|| RegionError::UnknownInstanceType(plan.instance_type.clone()))?;
        let home: Option<&SubnetId> = plan.interfaces.first().map(|primary| &primary.new.subnet);
        let home = home.ok_or_else(ApiError::no_primary_interface)?.clone();
        let subnet = self.subnets.get(&home).ok_or_else(|| home.not_found())?;
        let (vpc, zone) = (subnet.vpc.clone(), subnet.zone.clone());
        let id = InstanceId::mint(&mut self.mint);
        self.instances.insert(
            id.clone(),
            Instance {
                id: id.clone(),
                launched_with: beside.unwrap_or(&id).clone(),
                instance_type: plan.instance_type,
                limits,
                vpc,
                subnet: home,
                zone,
                state: InstanceState::Running,
                role: plan.role,
                launched_at: self.clock,
                credentials_since: Duration::ZERO,
                tags: plan.tags,
            },
        );
        let interfaces = plan.interfaces.into_iter();
        let enis: Result<Vec<EniId>, ApiError> =
            interfaces.map(|interface| self.launch_interface(&id, interface)).collect();
        match enis {
            Ok(enis) => Ok((id, enis)),
            Err(refusal) => {
                self.undo_launch(&id);
                self.effects.truncate(before);
                Err(refusal.into())
            }
        }
    }

    /// Takes an instance that was launched in this very call out of the world.
    pub(crate) fn undo_launch(&mut self, id: &InstanceId) {
        let enis: Vec<EniId> = self.enis_of(id).into_iter().map(|eni| eni.id.clone()).collect();
        for eni in enis {
            self.remove_interface(&eni);
        }
        self.imds.forget_instance(id);
        self.instances.remove(id);
    }

    fn launch_interface(
        &mut self,
        instance: &InstanceId,
        planned: PlannedInterface,
    ) -> Result<EniId, ApiError> {
        let now = self.clock;
        let eni_id = self.create_interface(planned.new, now)?;
        let place =
            Place { instance: instance.clone(), card: planned.card, device_index: planned.device_index };
        if let Err(refusal) = self.check_attach(&eni_id, &place) {
            self.remove_interface(&eni_id);
            return Err(refusal);
        }
        self.fasten(&eni_id, &place, AttachmentState::Attached);
        if let Some(eni) = self.enis.get_mut(&eni_id) {
            if let Some(attachment) = eni.attachment.as_mut() {
                attachment.delete_on_termination = planned.delete_on_termination;
            }
            self.imds.attached(eni, &place, now, &ImdsLag::default());
            self.effects.extend(linked(eni));
        }
        self.effects.push(Effect::EniVisible { instance: instance.clone(), eni: eni_id.clone() });
        Ok(eni_id)
    }
}

// === impl Plan ===

impl From<InstanceSpec> for Plan {
    fn from(spec: InstanceSpec) -> Self {
        let primary = InterfaceSpec {
            groups: spec.groups,
            secondary_addresses: spec.secondary_addresses,
            prefixes: spec.prefixes,
            ipv6_addresses: spec.ipv6_addresses,
            ipv6_prefixes: spec.ipv6_prefixes,
            delete_on_termination: true,
            ..InterfaceSpec::default()
        };
        let interfaces = std::iter::once(primary).chain(spec.interfaces);
        Self {
            instance_type: spec.instance_type,
            role: spec.role,
            tags: spec.tags,
            interfaces: interfaces.map(|interface| PlannedInterface::of(interface, &spec.subnet)).collect(),
        }
    }
}

// === impl PlannedInterface ===

impl PlannedInterface {
    fn of(spec: InterfaceSpec, home: &SubnetId) -> Self {
        let new = NewInterface {
            kind: spec.kind,
            subnet: spec.subnet.unwrap_or_else(|| home.clone()),
            primary: None,
            more: Want {
                address_count: spec.secondary_addresses,
                prefix_count: spec.prefixes,
                ..Want::default()
            },
            more6: Want6 {
                address_count: spec.ipv6_addresses,
                prefix_count: spec.ipv6_prefixes,
                ..Want6::default()
            },
            groups: spec.groups,
            description: spec.description,
            tags: spec.tags,
        };
        Self {
            new,
            card: spec.card,
            device_index: spec.device_index,
            delete_on_termination: spec.delete_on_termination,
        }
    }
}
