//! The picture EniManager publishes: EC2's word where there is one, the metadata service's where there is none yet. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{Eni, EniAddress, EniView, Growth};
use contract::ports::ec2::EniDescription;
use contract::ports::imds::ImdsInterface;

use crate::state::EniManager;

impl EniManager {
    pub(crate) fn view(&self, now: Boottime) -> EniView {
        let enis = self.enis();
        EniView {
            complete: self.attached.as_ref().is_some_and(|attached| attached.len() == enis.len()),
            growth: self.growth(&enis, now),
            enis,
            vpc_cidrs: self.seen.vpc_cidrs.clone(),
            trouble: self.trouble(),
        }
    }

    /// By (card, device). An ENI whose subnet's block is not known yet is left out, since nothing could be routed for it: the
    /// view is not complete then.
    pub(crate) fn enis(&self) -> Vec<Eni> {
        let mut enis: Vec<Eni> = match &self.attached {
            Some(attached) => attached.values().filter_map(|eni| self.by_ec2(eni)).collect(),
            None => {
                self.seen.interfaces.iter().filter(|seen| seen.card == 0).map(|s| self.by_imds(s)).collect()
            }
        };
        enis.sort_by_key(|eni| (eni.card, eni.device));
        enis
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
            since: Boottime::ZERO,
            leaving: false,
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
            since: Boottime::ZERO,
            leaving: false,
        }
    }

    fn growth(&self, enis: &[Eni], now: Boottime) -> Growth {
        let total = count(enis.iter().map(|eni| eni.addresses.len()).sum());
        if self.growing.values().any(|growing| growing.asked.is_some()) {
            return Growth::UnderWay;
        }
        if self.attached.is_none() {
            return match self.trouble() {
                Some(cause) => Growth::Held(cause),
                None => Growth::UnderWay,
            };
        }
        let Some(limits) = self.limits else {
            let instance_type =
                self.node.as_ref().map(|node| node.instance_type.to_string()).unwrap_or_default();
            return Growth::Held(Cause::LimitsUnknown { instance_type });
        };
        let room: Vec<&Eni> = enis.iter().filter(|eni| room_on(eni) > 0).collect();
        if room.is_empty() {
            let per_eni = limits.addresses_per_eni.saturating_sub(1);
            let max = per_eni.saturating_mul(count(enis.len()));
            let in_use = self.demand.needed.saturating_sub(self.demand.waiting).min(total);
            return Growth::AtLimit(Cause::NodeAddressLimit { max, in_use });
        }
        if let Some(cause) = &self.assign.trouble {
            return Growth::Held(cause.clone());
        }
        let marks: Vec<_> = room.iter().map(|eni| self.subnets.mark(&eni.subnet, now)).collect();
        match marks
            .into_iter()
            .collect::<Option<Vec<_>>>()
            .and_then(|all| all.first().map(|m| m.cause.clone()))
        {
            Some(cause) => Growth::Held(cause),
            None => Growth::Possible,
        }
    }

    fn trouble(&self) -> Option<Cause> {
        [&self.assign, &self.describe, &self.ask_limits, &self.read_node, &self.read_interfaces]
            .into_iter()
            .find_map(|call| call.trouble.clone())
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
