//! Making and deleting an ENI. Parameters of calls are read elsewhere; here only what EC2 allows is decided and done.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::effect::Effect;
use crate::eni::{Eni, InterfaceKind};
use crate::error::ApiError;
use crate::ids::{EniId, SecurityGroupId, SubnetId};
use crate::limits;
use crate::region::Region;
use crate::tags::Tags;
use crate::want::{Granted, Granted6, Want, Want6};

/// An ENI to make.
#[derive(Debug, Clone)]
pub(crate) struct NewInterface {
    pub(crate) kind: InterfaceKind,
    pub(crate) subnet: SubnetId,
    /// Its own address; `None`: the lowest free one.
    pub(crate) primary: Option<Ipv4Addr>,
    /// What it has beside its own address.
    pub(crate) more: Want,
    /// What it has in IPv6.
    pub(crate) more6: Want6,
    /// Empty: the VPC's default group.
    pub(crate) groups: Vec<SecurityGroupId>,
    pub(crate) description: String,
    pub(crate) tags: Tags,
}

// === impl Region: making and deleting ===

impl Region {
    pub(crate) fn create_interface(
        &mut self,
        new: NewInterface,
        visible_at: Duration,
    ) -> Result<EniId, ApiError> {
        if self.enis.len() >= self.knobs.account_enis_max as usize {
            return Err(ApiError::new(
                "NetworkInterfaceLimitExceeded",
                "The maximum number of network interfaces has been reached.",
            ));
        }
        let subnet = self.subnets.get(&new.subnet).ok_or_else(|| new.subnet.not_found())?;
        let (vpc, zone) = (subnet.vpc.clone(), subnet.zone.clone());
        let groups = self.groups_or_default(&new.groups, &new.subnet)?;
        if new.more.slots().saturating_add(1) > limits::slots_max() {
            return Err(ApiError::address_limit());
        }
        if new.more6.slots() > limits::ipv6_slots_max() {
            return Err(ApiError::ipv6_limit());
        }
        let (primary, granted, granted6) = self.allocate_for_new(&new)?;
        let eni = Eni {
            id: EniId::mint(&mut self.mint),
            kind: new.kind,
            mac: self.mint.mac(),
            subnet: new.subnet,
            vpc,
            zone,
            primary,
            secondaries: granted.addresses,
            prefixes: granted.prefixes,
            ipv6_addresses: granted6.addresses,
            ipv6_prefixes: granted6.prefixes,
            groups,
            description: new.description,
            tags: new.tags,
            source_dest_check: true,
            attachment: None,
            association: None,
            visible_at,
        };
        let id = eni.id.clone();
        self.effects.push(Effect::EniCreated {
            eni: id.clone(),
            subnet: eni.subnet.clone(),
            mac: eni.mac,
            addresses: eni.blocks(),
            ipv6_addresses: eni.ipv6_blocks(),
        });
        self.enis.insert(id.clone(), eni);
        self.touch(&id);
        Ok(id)
    }

    /// What was granted, the primary address apart: it is the named one, or the first that was counted out.
    fn allocate_for_new(&mut self, new: &NewInterface) -> Result<(Ipv4Addr, Granted, Granted6), ApiError> {
        let mut want = new.more.clone();
        let primary_at = match new.primary {
            Some(primary) => {
                want.addresses.insert(0, primary);
                0
            }
            None => {
                want.address_count = want.address_count.saturating_add(1);
                want.addresses.len()
            }
        };
        let subnet = self.subnets.get_mut(&new.subnet).ok_or_else(|| new.subnet.not_found())?;
        let (mut granted, granted6) = subnet.allocate_both(&want, &new.more6)?;
        if primary_at >= granted.addresses.len() {
            return Err(ApiError::no_free_address());
        }
        let primary = granted.addresses.remove(primary_at);
        Ok((primary, granted, granted6))
    }

    /// The groups as named, each in the subnet's VPC; or its default group.
    pub(crate) fn groups_or_default(
        &self,
        named: &[SecurityGroupId],
        subnet: &SubnetId,
    ) -> Result<Vec<SecurityGroupId>, ApiError> {
        let home = &self.subnets.get(subnet).ok_or_else(|| subnet.not_found())?.vpc;
        for id in named {
            let group = self.groups.get(id).ok_or_else(|| id.not_found())?;
            if group.vpc != *home {
                let message =
                    format!("Security group {id} and subnet {subnet} belong to different networks.");
                return Err(ApiError::new("InvalidParameter", message));
            }
        }
        if named.is_empty() {
            let vpc = self.vpcs.get(home).ok_or_else(|| home.not_found())?;
            return Ok(vec![vpc.default_group.clone()]);
        }
        Ok(named.to_vec())
    }

    pub(crate) fn delete_interface(&mut self, id: &EniId) -> Result<(), ApiError> {
        let eni = self.visible_eni(id)?;
        if eni.attachment.is_some() || eni.association.is_some() {
            return Err(ApiError::invalid_value(format!("Network interface '{id}' is currently in use.")));
        }
        self.remove_interface(id);
        Ok(())
    }

    /// Takes an ENI out of the world, attached or not.
    pub(crate) fn remove_interface(&mut self, id: &EniId) {
        self.touch(id);
        let Some(eni) = self.enis.remove(id) else { return };
        if let Some(subnet) = self.subnets.get_mut(&eni.subnet) {
            subnet.release(&eni.addresses(), &eni.prefixes);
            subnet.release6(&eni.ipv6_addresses, &eni.ipv6_prefixes);
        }
        self.effects.push(Effect::EniDeleted { eni: id.clone() });
    }
}
