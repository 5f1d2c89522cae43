//! What EC2 and the metadata service show, and what is believed of it. EC2's word counts, except where it lags behind what it has
//! itself just done; the metadata service's may add and never takes away. Pure.

use contract::Boottime;
use contract::model::{EniId, InstanceId};
use contract::ports::ec2::{AttachmentState, EniDescription};
use contract::ports::imds::ImdsInterfaces;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::birth::{Birth, Step};
use crate::state::{EniManager, LAG, strange};

impl EniManager {
    /// The metadata service may add: an interface that EC2 has not told us of makes us ask EC2.
    pub(crate) fn see(&mut self, mut seen: ImdsInterfaces, now: Boottime) {
        self.gone.retain(|id, until| *until > now || seen.interfaces.iter().any(|shown| shown.id == *id));
        if let Some(attached) = &self.attached {
            let known = |id: &EniId| {
                attached.contains_key(id)
                    || self.not_ours.contains(id)
                    || self.partings.contains_key(id)
                    || self.gone.contains_key(id)
                    || self.births.values().any(|birth| birth.eni() == Some(id))
            };
            self.read_back |= seen.interfaces.iter().any(|interface| !known(&interface.id));
        }
        self.partial_rounds = if seen.partial.is_empty() { 0 } else { self.partial_rounds.saturating_add(1) };
        let told = seen.interfaces.iter();
        self.blocks.extend(told.map(|interface| (interface.subnet.clone(), interface.subnet_cidr)));
        // A VPC has a block: none told is none known, and takes nothing away.
        if seen.vpc_cidrs.is_empty() {
            seen.vpc_cidrs = std::mem::take(&mut self.seen.vpc_cidrs);
        }
        self.seen = seen;
        self.show(now);
    }

    /// Those on their way in that the metadata service lists, be it half, are there.
    fn show(&mut self, now: Boottime) {
        let listed = |birth: &Birth| match &birth.step {
            Step::Show { made } => {
                self.seen.partial.contains(&made.mac)
                    || self.seen.interfaces.iter().any(|interface| interface.mac == made.mac)
            }
            _ => false,
        };
        let shown = self.births.iter().filter(|(_, birth)| listed(birth)).map(|(token, _)| token.clone());
        for token in shown.collect::<Vec<_>>() {
            if let Some(birth) = self.births.get_mut(&token) {
                let turn = birth.shown(now);
                self.turn_birth(&token, turn, now);
            }
        }
    }

    pub(crate) fn described(&mut self, instance: &InstanceId, list: Vec<EniDescription>, now: Boottime) {
        let on_card_0 = |eni: &EniDescription| {
            let at = eni.attachment.as_ref()?;
            let here = &at.instance == instance && at.card == 0 && at.state != AttachmentState::Detached;
            here.then(|| (eni.id.clone(), at.device))
        };
        let occupied: BTreeMap<EniId, u32> = list.iter().filter_map(on_card_0).collect();
        let here = |eni: &EniDescription| {
            let at = eni.attachment.as_ref();
            at.is_some_and(|at| &at.instance == instance && at.state == AttachmentState::Attached)
        };
        let (ours, others): (Vec<_>, Vec<_>) =
            list.into_iter().filter(here).partition(|eni| is_primary(eni) || managed(eni));
        // No instance is without its primary ENI: an answer that lacks it is not believed.
        if !ours.iter().any(is_primary) {
            let detail = "its answer lacks the primary ENI".to_owned();
            self.describe.failed(strange("DescribeNetworkInterfaces", detail), now, self.config.seed);
            return;
        }
        self.not_ours = others.into_iter().map(|eni| eni.id).collect();
        self.occupied = occupied;
        self.occupied.retain(|id, _| !self.gone.contains_key(id));
        self.believe(ours, now);
        self.read_back = false;
    }

    /// Takes a reading for the truth, but for what is younger than a reading need be.
    fn believe(&mut self, ours: Vec<EniDescription>, now: Boottime) {
        let mut attached: BTreeMap<_, _> = ours.into_iter().map(|eni| (eni.id.clone(), eni)).collect();
        let coming = |id: &EniId| {
            let mut births = self.births.values();
            births.any(|birth| birth.eni() == Some(id) && !matches!(birth.step, Step::Bind { .. }))
        };
        // One on its way in comes into service by its own steps.
        attached.retain(|id, _| !self.gone.contains_key(id) && !coming(id));
        for (id, eni) in self.attached.take().unwrap_or_default() {
            let young = self.since.get(&id).is_some_and(|since| *since + LAG > now);
            if young && !self.gone.contains_key(&id) && !attached.contains_key(&id) {
                self.reread_at = Some(now + LAG);
                attached.insert(id, eni);
            }
        }
        for (id, eni) in &mut attached {
            let Some(growing) = self.growing.get(id) else { continue };
            let given = growing.fresh.iter().filter(|(_, until)| **until > now);
            add(&mut eni.secondary_addresses, given.map(|(address, _)| *address));
            let shed = |address: &Ipv4Addr| growing.shed.get(address).is_some_and(|until| *until > now);
            eni.secondary_addresses.retain(|address| !shed(address));
        }
        self.growing.retain(|id, _| attached.contains_key(id));
        self.since.retain(|id, _| attached.contains_key(id));
        self.attached = Some(attached);
    }
}

pub(crate) fn is_primary(eni: &EniDescription) -> bool {
    let at = eni.attachment.as_ref();
    at.is_some_and(|at| at.card == 0 && at.device == 0)
}

/// ENIs tagged by their owner as not ours to manage, and those on other network cards, carry none of our pods.
fn managed(eni: &EniDescription) -> bool {
    let kept_from_us =
        eni.tags.iter().any(|(key, value)| key == "node.k8s.amazonaws.com/no_manage" && value == "true");
    eni.attachment.as_ref().is_some_and(|at| at.card == 0) && !kept_from_us
}

/// Adds addresses; the list stays ascending, without doubles.
pub(crate) fn add(to: &mut Vec<Ipv4Addr>, addresses: impl Iterator<Item = Ipv4Addr>) {
    to.extend(addresses);
    to.sort_unstable();
    to.dedup();
}
