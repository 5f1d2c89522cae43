//! What must hold whatever was called: EC2's own promises, recounted from the ENIs rather than believed from the bitmaps. It
//! only looks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::bitmap::RESERVED;
use crate::eni::Eni;
use crate::ids::{EniId, SubnetId};
use crate::region::Region;
use crate::subnet::Subnet;

impl Region {
    /// Every invariant that is broken, in words. Empty is the only good answer.
    #[must_use]
    pub fn audit(&self) -> Vec<String> {
        let mut broken = Vec::new();
        let holders = self.audit_addresses(&mut broken);
        for subnet in self.subnets.values() {
            audit_subnet(subnet, &holders, &mut broken);
        }
        self.audit_attachments(&mut broken);
        self.audit_instances(&mut broken);
        broken
    }

    /// Who holds each address, prefixes spread out; tells of every address with two holders.
    fn audit_addresses(&self, broken: &mut Vec<String>) -> BTreeMap<(SubnetId, Ipv4Addr), EniId> {
        let mut holders: BTreeMap<(SubnetId, Ipv4Addr), EniId> = BTreeMap::new();
        let mut macs = BTreeSet::new();
        for eni in self.enis.values() {
            if !self.subnets.contains_key(&eni.subnet) {
                broken.push(format!("{} is in {}, which does not exist", eni.id, eni.subnet));
            }
            if !macs.insert(eni.mac) {
                broken.push(format!("{} shares its MAC {}", eni.id, eni.mac));
            }
            for address in held(eni) {
                if let Some(other) = holders.insert((eni.subnet.clone(), address), eni.id.clone()) {
                    broken.push(format!("{address} is on both {other} and {}", eni.id));
                }
            }
        }
        holders
    }

    fn audit_attachments(&self, broken: &mut Vec<String>) {
        let mut places = BTreeSet::new();
        for eni in self.enis.values() {
            let Some(attachment) = &eni.attachment else {
                continue;
            };
            let place = (&attachment.instance, attachment.card, attachment.device_index);
            if !places.insert(place) {
                broken.push(format!(
                    "{} shares device {} of card {} on {}",
                    eni.id, attachment.device_index, attachment.card, attachment.instance
                ));
            }
            match self.instances.get(&attachment.instance) {
                Some(instance) if instance.state.is_up() => {
                    if eni.slots() > instance.limits.ipv4_per_eni {
                        broken.push(format!(
                            "{} has {} slots, too many for {}",
                            eni.id,
                            eni.slots(),
                            instance.id
                        ));
                    }
                    if eni.zone != instance.zone {
                        broken.push(format!("{} is attached to {} in another zone", eni.id, instance.id));
                    }
                }
                _ => broken
                    .push(format!("{} is attached to {}, which does not run", eni.id, attachment.instance)),
            }
        }
    }

    fn audit_instances(&self, broken: &mut Vec<String>) {
        for instance in self.instances.values().filter(|instance| instance.state.is_up()) {
            let enis = self.enis_of(&instance.id);
            let mut per_card: BTreeMap<u32, u32> = BTreeMap::new();
            for attachment in enis.iter().filter_map(|eni| eni.attachment.as_ref()) {
                *per_card.entry(attachment.card).or_default() += 1;
            }
            for (card, count) in per_card {
                if count > instance.limits.enis_on_card(card).unwrap_or(0) {
                    broken.push(format!("{} has {count} ENIs on card {card}, too many", instance.id));
                }
            }
            let first = enis.first().and_then(|eni| eni.attachment.as_ref());
            if first.is_none_or(|attachment| (attachment.card, attachment.device_index) != (0, 0)) {
                broken.push(format!("{} has no primary ENI", instance.id));
            }
        }
    }
}

fn audit_subnet(subnet: &Subnet, holders: &BTreeMap<(SubnetId, Ipv4Addr), EniId>, broken: &mut Vec<String>) {
    let here = holders.keys().filter(|(id, _)| *id == subnet.id);
    let mut count = 0;
    for (_, address) in here {
        count += 1;
        if !subnet.is_taken(*address) {
            broken.push(format!("{address} is held, but free in {}", subnet.id));
        }
        if subnet.offset(*address).is_none_or(|offset| subnet.map().is_reserved(offset)) {
            broken.push(format!("{address} is not one that {} can give", subnet.id));
        }
    }
    let (free, used, size) = (subnet.free(), subnet.map().recounted(), subnet.size());
    if used != count || free + used + RESERVED != size {
        broken.push(format!(
            "{}: {free} free + {used} used + {RESERVED} kept is not {size}, with {count} held by ENIs",
            subnet.id
        ));
    }
}

/// Every single address of an ENI, those of its prefixes too.
fn held(eni: &Eni) -> impl Iterator<Item = Ipv4Addr> {
    eni.blocks().into_iter().flat_map(|block| {
        let first = u32::from(block.network());
        (first..=u32::from(block.broadcast())).map(Ipv4Addr::from)
    })
}
