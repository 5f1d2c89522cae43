//! Trunks and branches: a branch ENI rides on a trunk ENI under a VLAN id. The branch carries the association; what a guest sees
//! of it is the trunk's link and the tag on its frames.

use crate::effect::Effect;
use crate::eni::{AttachmentState, Eni, InterfaceKind};
use crate::error::ApiError;
use crate::ids::{AssociationId, EniId, VlanId};
use crate::instance::Instance;
use crate::region::Region;

/// A branch's place on a trunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Association {
    /// Its id.
    pub id: AssociationId,
    /// The trunk.
    pub trunk: EniId,
    /// The tag of its frames, the only one such on its trunk.
    pub vlan: VlanId,
}

// === impl Region: trunks and branches ===

impl Region {
    /// The branches on a trunk with their associations, by the branch's id.
    pub fn branches_of(&self, trunk: &EniId) -> impl Iterator<Item = (&Eni, &Association)> {
        self.associations().filter(move |(_, association)| association.trunk == *trunk)
    }

    /// Every branch on a trunk, with its association.
    pub(crate) fn associations(&self) -> impl Iterator<Item = (&Eni, &Association)> {
        self.enis.values().filter_map(|eni| Some((eni, eni.association.as_ref()?)))
    }

    pub(crate) fn associate(
        &mut self,
        branch: &EniId,
        trunk: &EniId,
        vlan: VlanId,
    ) -> Result<AssociationId, ApiError> {
        self.check_associate(branch, trunk, vlan)?;
        let id = AssociationId::mint(&mut self.mint);
        let eni = self.eni_mut(branch)?;
        eni.association = Some(Association { id: id.clone(), trunk: trunk.clone(), vlan });
        let effect = Effect::BranchAssociated {
            trunk: trunk.clone(),
            branch: branch.clone(),
            vlan,
            mac: eni.mac,
            subnet: eni.subnet.clone(),
            addresses: eni.blocks(),
            ipv6_addresses: eni.ipv6_blocks(),
        };
        self.effects.push(effect);
        self.touch(branch);
        Ok(id)
    }

    pub(crate) fn disassociate(&mut self, id: &AssociationId) -> Result<(), ApiError> {
        let branch = self.associations().find(|(_, association)| association.id == *id);
        let branch = branch.map(|(eni, _)| eni.id.clone()).ok_or_else(|| id.not_found())?;
        self.part(&branch);
        Ok(())
    }

    /// Ends whatever rides on this ENI.
    pub(crate) fn part_branches_of(&mut self, trunk: &EniId) {
        let branches: Vec<EniId> = self.branches_of(trunk).map(|(eni, _)| eni.id.clone()).collect();
        for branch in branches {
            self.part(&branch);
        }
    }

    fn part(&mut self, branch: &EniId) {
        self.touch(branch);
        let association = self.enis.get_mut(branch).and_then(|eni| eni.association.take());
        if let Some(Association { trunk, vlan, .. }) = association {
            self.effects.push(Effect::BranchDisassociated { trunk, branch: branch.clone(), vlan });
        }
    }

    /// What EC2 checks before a trunk is attached.
    pub(crate) fn check_trunk(&self, instance: &Instance) -> Result<(), ApiError> {
        match instance.limits.trunking {
            Some(true) => {}
            Some(false) => return Err(ApiError::no_trunking(&instance.instance_type)),
            // No table says, so the region does not guess.
            None => {
                let what = format!("trunks on {}, whose branch limit is not known", instance.instance_type);
                return Err(ApiError::not_simulated(&what));
            }
        }
        let attached = self.enis_of(&instance.id);
        match attached.into_iter().find(|eni| eni.kind == InterfaceKind::Trunk) {
            Some(_) => Err(ApiError::second_trunk(&instance.id)),
            None => Ok(()),
        }
    }

    fn check_associate(&self, branch: &EniId, trunk: &EniId, vlan: VlanId) -> Result<(), ApiError> {
        let (branch, trunk) = (self.visible_eni(branch)?, self.visible_eni(trunk)?);
        for (eni, kind) in [(branch, InterfaceKind::Branch), (trunk, InterfaceKind::Trunk)] {
            if eni.kind != kind {
                return Err(ApiError::wrong_kind(&eni.id, kind.as_str()));
            }
        }
        if branch.association.is_some() {
            return Err(ApiError::interface_in_use(&branch.id));
        }
        if branch.zone != trunk.zone || branch.vpc != trunk.vpc {
            return Err(ApiError::trunk_elsewhere());
        }
        let attachment =
            trunk.attachment.as_ref().filter(|attachment| attachment.state != AttachmentState::Detaching);
        let instance = attachment.and_then(|attachment| self.instances.get(&attachment.instance));
        let instance = instance.ok_or_else(|| ApiError::trunk_not_attached(&trunk.id))?;
        let mut count = 0;
        for (_, association) in self.branches_of(&trunk.id) {
            if association.vlan == vlan {
                return Err(ApiError::vlan_in_use(vlan, &trunk.id));
            }
            count += 1;
        }
        if count >= instance.limits.branch_enis {
            return Err(ApiError::branch_limit(instance.limits.branch_enis, &instance.instance_type));
        }
        Ok(())
    }
}
