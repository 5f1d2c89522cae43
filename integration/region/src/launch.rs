//! Instances come and go by plain calls: what a node group does, not what a node may. A launch happens whole or not at all.

use std::time::Duration;

use crate::attachment::Place;
use crate::effect::Effect;
use crate::eni::AttachmentState;
use crate::error::{ApiError, RegionError};
use crate::ids::{EniId, InstanceId};
use crate::instance::{Instance, InstanceSpec, InstanceState, InterfaceSpec};
use crate::interface::NewInterface;
use crate::knobs::ImdsLag;
use crate::limits::limits_of;
use crate::region::Region;
use crate::subnet::Want;
use crate::transition::linked;

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

impl Region {
    /// Launches an instance: running, its ENIs attached and fully shown by its metadata service, at once.
    ///
    /// # Errors
    /// An unknown type, or whatever EC2 would refuse: no room in a subnet, more ENIs or addresses than the type has. Nothing is
    /// changed then.
    pub fn launch_instance(&mut self, spec: InstanceSpec, now: Duration) -> Result<Launch, RegionError> {
        self.settle(now);
        let before = self.clone();
        match self.try_launch(spec) {
            Ok((instance, enis)) => Ok(Launch { instance, enis, effects: std::mem::take(&mut self.effects) }),
            Err(error) => {
                *self = before;
                Err(error)
            }
        }
    }

    /// Terminates an instance: its ENIs lose their links; those marked so are deleted, the others become available.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn terminate_instance(&mut self, id: &InstanceId, now: Duration) -> Result<Vec<Effect>, RegionError> {
        self.settle(now);
        let instance = self.instances.get_mut(id).ok_or_else(|| id.not_found())?;
        instance.state = InstanceState::Terminated;
        let enis: Vec<EniId> = self.enis_of(id).into_iter().map(|eni| eni.id.clone()).collect();
        for eni_id in enis {
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
        Ok(std::mem::take(&mut self.effects))
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

    fn try_launch(&mut self, spec: InstanceSpec) -> Result<(InstanceId, Vec<EniId>), RegionError> {
        let limits = limits_of(&spec.instance_type)
            .ok_or_else(|| RegionError::UnknownInstanceType(spec.instance_type.clone()))?;
        let subnet = self.subnets.get(&spec.subnet).ok_or_else(|| spec.subnet.not_found())?;
        let (vpc, zone) = (subnet.vpc.clone(), subnet.zone.clone());
        let id = InstanceId::mint(&mut self.mint);
        let primary = InterfaceSpec {
            groups: spec.groups.clone(),
            secondary_addresses: spec.secondary_addresses,
            prefixes: spec.prefixes,
            delete_on_termination: true,
            ..InterfaceSpec::default()
        };
        self.instances.insert(
            id.clone(),
            Instance {
                id: id.clone(),
                instance_type: spec.instance_type,
                limits,
                vpc,
                subnet: spec.subnet,
                zone,
                state: InstanceState::Running,
                role: spec.role,
                launched_at: self.clock,
                credentials_since: Duration::ZERO,
                tags: spec.tags,
            },
        );
        let interfaces = std::iter::once(primary).chain(spec.interfaces);
        let enis =
            interfaces.map(|interface| self.launch_interface(&id, interface)).collect::<Result<_, _>>()?;
        Ok((id, enis))
    }

    fn launch_interface(&mut self, instance: &InstanceId, spec: InterfaceSpec) -> Result<EniId, ApiError> {
        let home = self.instances.get(instance).ok_or_else(|| instance.not_found())?;
        let new = NewInterface {
            subnet: spec.subnet.unwrap_or_else(|| home.subnet.clone()),
            primary: None,
            more: Want {
                address_count: spec.secondary_addresses,
                prefix_count: spec.prefixes,
                ..Want::default()
            },
            groups: spec.groups,
            description: spec.description,
            tags: spec.tags,
        };
        let now = self.clock;
        let eni_id = self.create_interface(new, now)?;
        let place = Place { instance: instance.clone(), card: spec.card, device_index: spec.device_index };
        self.check_attach(&eni_id, &place)?;
        self.fasten(&eni_id, &place, AttachmentState::Attached);
        if let Some(eni) = self.enis.get_mut(&eni_id) {
            if let Some(attachment) = eni.attachment.as_mut() {
                attachment.delete_on_termination = spec.delete_on_termination;
            }
            self.imds.attached(eni, &place, now, &ImdsLag::default());
            self.effects.extend(linked(eni));
        }
        self.effects.push(Effect::EniVisible { instance: instance.clone(), eni: eni_id.clone() });
        Ok(eni_id)
    }
}
