//! The picture EniManager publishes: EC2's word where there is one, the metadata service's where there is none yet. Pure.

use contract::Boottime;
use contract::model::{Eni, EniAddress, EniView};
use contract::ports::ec2::EniDescription;
use contract::ports::imds::ImdsInterface;

use crate::birth::{Birth, Step};
use crate::state::EniManager;

impl EniManager {
    pub(crate) fn view(&self, now: Boottime) -> EniView {
        let mut enis = self.enis();
        let complete = self.attached.as_ref().is_some_and(|attached| attached.len() == enis.len());
        let growth = self.growth(&enis, now);
        enis.extend(self.births.values().filter_map(|birth| self.emerging(birth)));
        enis.sort_by_key(|eni| (eni.card, eni.device));
        EniView { complete, growth, enis, vpc_cidrs: self.seen.vpc_cidrs.clone(), trouble: self.trouble() }
    }

    /// By (card, device). An ENI whose subnet's block is not known yet is left out, since nothing could be routed for it: the
    /// view is not complete then.
    pub(crate) fn enis(&self) -> Vec<Eni> {
        let mut enis: Vec<Eni> = match &self.attached {
            Some(attached) => attached.values().filter_map(|eni| self.by_ec2(eni)).collect(),
            None => {
                let hidden = |id| self.partings.get(id).is_some_and(|parting| !parting.may_serve());
                let shown = self.seen.interfaces.iter().filter(|seen| seen.card == 0 && !hidden(&seen.id));
                shown.map(|seen| self.by_imds(seen)).collect()
            }
        };
        enis.sort_by_key(|eni| (eni.card, eni.device));
        enis
    }

    /// One that is attached and does not show yet: its link may be looked for, and no pod is put on it.
    fn emerging(&self, birth: &Birth) -> Option<Eni> {
        let Step::Show { made } = &birth.step else { return None };
        Some(Eni { addresses: Vec::new(), since: birth.since, ..self.by_ec2(made)? })
    }

    fn by_ec2(&self, eni: &EniDescription) -> Option<Eni> {
        let at = eni.attachment.as_ref()?;
        Some(Eni {
            id: eni.id.clone(),
            mac: eni.mac,
            card: at.card,
            device: at.device,
            subnet: eni.subnet.clone(),
            subnet_cidr: *self.blocks.get(&eni.subnet)?,
            primary_address: eni.primary_address,
            addresses: eni
                .secondary_addresses
                .iter()
                .map(|address| EniAddress { address: *address, confirmed: true })
                .collect(),
            address_limit: self.limits.map(|limits| limits.addresses_per_eni),
            since: self.since.get(&eni.id).copied().unwrap_or(self.born.at),
            leaving: self.partings.contains_key(&eni.id),
        })
    }

    fn by_imds(&self, seen: &ImdsInterface) -> Eni {
        let mut addresses: Vec<EniAddress> = seen
            .secondary_addresses
            .iter()
            .map(|address| EniAddress { address: *address, confirmed: false })
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        Eni {
            id: seen.id.clone(),
            mac: seen.mac,
            card: seen.card,
            device: seen.device,
            subnet: seen.subnet.clone(),
            subnet_cidr: seen.subnet_cidr,
            primary_address: seen.primary_address,
            addresses,
            address_limit: self.limits.map(|limits| limits.addresses_per_eni),
            since: self.born.at,
            leaving: self.partings.contains_key(&seen.id),
        }
    }
}

/// How many more addresses an ENI may carry; none while its limit is unknown.
pub(crate) fn room_on(eni: &Eni) -> u32 {
    let limit = eni.address_limit.map_or(0, |limit| limit.saturating_sub(1));
    limit.saturating_sub(count(eni.addresses.len()))
}

pub(crate) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
