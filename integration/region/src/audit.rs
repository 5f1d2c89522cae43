//! What must hold whatever was called: EC2's own promises, recounted from the ENIs rather than believed from the bitmaps. It
//! only looks. After a call only what the call touched is looked at, which is cheap enough for millions of calls; the whole
//! audit also finds an address with two holders whose second one hides a leak.

mod subnets;

use std::collections::{BTreeMap, BTreeSet};

use crate::eni::{Eni, InterfaceKind};
use crate::ids::{EniId, InstanceId, SubnetId, VlanId};
use crate::instance::Instance;
use crate::region::Region;

/// What calls and time changed since it was last looked at.
#[derive(Debug, Clone, Default)]
pub(crate) struct Touched {
    pub(crate) enis: BTreeSet<EniId>,
    pub(crate) subnets: BTreeSet<SubnetId>,
    pub(crate) instances: BTreeSet<InstanceId>,
}

impl Region {
    /// Every invariant that is broken, in words. Empty is the only good answer.
    #[must_use]
    pub fn audit(&self) -> Vec<String> {
        let mut broken = Vec::new();
        self.audit_holders(&mut broken);
        let mut macs = BTreeSet::new();
        for eni in self.enis.values() {
            if !macs.insert(eni.mac) {
                broken.push(format!("{} shares its MAC {}", eni.id, eni.mac));
            }
            self.audit_interface(eni, &mut broken);
        }
        for subnet in self.subnets.values() {
            self.audit_subnet(subnet, &mut broken);
        }
        for instance in self.instances.values() {
            self.audit_instance(instance, &mut broken);
        }
        broken
    }

    /// The audit of what was touched since the last one.
    pub(crate) fn audit_touched(&mut self) -> Vec<String> {
        let touched = std::mem::take(&mut self.touched);
        let mut broken = Vec::new();
        for eni in touched.enis.iter().filter_map(|id| self.enis.get(id)) {
            self.audit_interface(eni, &mut broken);
        }
        for subnet in touched.subnets.iter().filter_map(|id| self.subnets.get(id)) {
            self.audit_subnet(subnet, &mut broken);
        }
        for instance in touched.instances.iter().filter_map(|id| self.instances.get(id)) {
            self.audit_instance(instance, &mut broken);
        }
        broken
    }

    /// To be said of every ENI that is changed, once it is.
    pub(crate) fn touch(&mut self, id: &EniId) {
        let Some(eni) = self.enis.get(id) else { return };
        self.touched.enis.insert(id.clone());
        self.touched.subnets.insert(eni.subnet.clone());
        let trunk = eni.association.as_ref().and_then(|association| self.enis.get(&association.trunk));
        let attachments = [Some(eni), trunk].into_iter().flatten().filter_map(|eni| eni.attachment.as_ref());
        self.touched.instances.extend(attachments.map(|attachment| attachment.instance.clone()));
    }

    fn audit_interface(&self, eni: &Eni, broken: &mut Vec<String>) {
        match self.subnets.get(&eni.subnet) {
            Some(subnet) => subnets::audit_held(eni, subnet, broken),
            None => broken.push(format!("{} is in {}, which does not exist", eni.id, eni.subnet)),
        }
        if let Some(association) = &eni.association {
            let trunk = self.enis.get(&association.trunk);
            let carries =
                trunk.is_some_and(|trunk| trunk.kind == InterfaceKind::Trunk && trunk.attachment.is_some());
            if !carries || eni.kind != InterfaceKind::Branch {
                broken.push(format!("{} rides on {}, which is no attached trunk", eni.id, association.trunk));
            }
        }
        if let Some(attachment) = &eni.attachment {
            if eni.kind == InterfaceKind::Branch {
                broken.push(format!("{} is a branch and attached to {}", eni.id, attachment.instance));
            }
            match self.instances.get(&attachment.instance) {
                Some(instance) if instance.state.is_up() => {
                    audit_attached(eni, instance, broken);
                }
                _ => broken
                    .push(format!("{} is attached to {}, which does not run", eni.id, attachment.instance)),
            }
        }
    }

    fn audit_instance(&self, instance: &Instance, broken: &mut Vec<String>) {
        if !instance.state.is_up() {
            return;
        }
        let enis = self.enis_of(&instance.id);
        let mut places = BTreeSet::new();
        let mut per_card: BTreeMap<u32, u32> = BTreeMap::new();
        for (eni, attachment) in enis.iter().filter_map(|eni| Some((eni, eni.attachment.as_ref()?))) {
            *per_card.entry(attachment.card).or_default() += 1;
            if !places.insert((attachment.card, attachment.device_index)) {
                broken.push(format!(
                    "{} shares device {} of card {} on {}",
                    eni.id, attachment.device_index, attachment.card, instance.id
                ));
            }
        }
        for (card, count) in per_card {
            if count > instance.limits.enis_on_card(card).unwrap_or(0) {
                broken.push(format!("{} has {count} ENIs on card {card}, too many", instance.id));
            }
        }
        if places.first() != Some(&(0, 0)) {
            broken.push(format!("{} has no primary ENI", instance.id));
        }
        let trunks: Vec<&Eni> = enis.into_iter().filter(|eni| eni.kind == InterfaceKind::Trunk).collect();
        if trunks.len() > usize::from(instance.limits.trunking == Some(true)) {
            broken.push(format!("{} has {} trunks, too many", instance.id, trunks.len()));
        }
        for trunk in trunks {
            self.audit_branches(trunk, instance, broken);
        }
    }

    fn audit_branches(&self, trunk: &Eni, instance: &Instance, broken: &mut Vec<String>) {
        let vlans: Vec<VlanId> =
            self.branches_of(&trunk.id).map(|(_, association)| association.vlan).collect();
        if vlans.iter().collect::<BTreeSet<_>>().len() < vlans.len() {
            broken.push(format!("branches of {} share a VLAN", trunk.id));
        }
        if vlans.len() > instance.limits.branch_enis as usize {
            broken.push(format!("{} has {} branches, too many", instance.id, vlans.len()));
        }
    }
}

fn audit_attached(eni: &Eni, instance: &Instance, broken: &mut Vec<String>) {
    let (slots, slots6) = (eni.slots(), eni.ipv6_slots());
    if slots > instance.limits.ipv4_per_eni {
        broken.push(format!("{} has {slots} slots, too many for {}", eni.id, instance.id));
    }
    if slots6 > instance.limits.ipv6_per_eni(&instance.instance_type) {
        broken.push(format!("{} has {slots6} IPv6 slots, too many for {}", eni.id, instance.id));
    }
    if eni.zone != instance.zone {
        broken.push(format!("{} is attached to {} in another zone", eni.id, instance.id));
    }
}
