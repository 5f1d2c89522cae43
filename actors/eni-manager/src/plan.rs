//! What EniManager does next: learn who we are, learn what is attached, and buy what is wanted, where there is room. Pure.

use contract::Boottime;
use contract::model::{Eni, NodeFacts, SecurityGroupId, SubnetId};
use contract::ports::ec2::EniOrder;
use kernel::Plan;
use std::time::Duration;

use crate::actor::EniAction;
use crate::birth::{Birth, Step};
use crate::device::subnet_for;
use crate::order::{Wish, order};
use crate::reading::is_primary;
use crate::release::Release;
use crate::state::EniManager;
use crate::view::{count, room_on};

/// The metadata service is read this often for what somebody else changed; it costs EC2 nothing.
pub(crate) const INTERFACES_EVERY: Duration = Duration::from_secs(60);

/// The first pause after it has named an interface that it cannot describe yet; doubled while that lasts.
const INTERFACES_PARTIAL_FIRST: Duration = Duration::from_secs(1);

/// While an ENI is awaited, that often at first, and then after an eighth of the time it is awaited.
const AWAITED_FIRST: Duration = Duration::from_millis(100);

/// And at most so seldom.
const AWAITED_LONGEST: Duration = Duration::from_secs(5);

impl EniManager {
    pub(crate) fn plan_at(&mut self, now: Boottime) -> Plan<EniAction> {
        let mut actions = std::mem::take(&mut self.tidings);
        self.plan_metadata(now, &mut actions);
        if let Some(node) = self.node.clone() {
            self.plan_ec2(&node, now, &mut actions);
        }
        let view = self.view(now);
        if self.published.as_ref() != Some(&view) {
            self.published = Some(view.clone());
            actions.push(EniAction::Publish(view));
        }
        let answers = std::mem::take(&mut self.answers);
        actions.extend(answers.into_iter().map(|(reply, result)| EniAction::Answer { reply, result }));
        Plan { actions, wake_at: self.next_wake(now), restart: None }
    }

    fn plan_metadata(&mut self, now: Boottime, actions: &mut Vec<EniAction>) {
        if self.node.is_none() && self.read_node.may_start(now) {
            self.read_node.under_way = true;
            actions.push(EniAction::ReadNode);
        }
        if self.interfaces_due() <= now && self.read_interfaces.may_start(now) {
            self.read_interfaces.under_way = true;
            self.reading_since = now;
            actions.push(EniAction::ReadInterfaces);
        }
    }

    /// An interface named and not yet described is looked at again soon, and ever less often; one that was just attached, very
    /// soon; otherwise once a minute.
    fn interfaces_due(&self) -> Boottime {
        // Not read yet: at once, however young this boot is.
        let Some(read_at) = self.next_interfaces_at.checked_sub(INTERFACES_EVERY) else {
            return self.next_interfaces_at;
        };
        let partial = self
            .partial_rounds
            .checked_sub(1)
            .map(|rounds| INTERFACES_PARTIAL_FIRST.saturating_mul(1 << rounds.min(6)));
        let awaited = |birth: &Birth| matches!(birth.step, Step::Show { .. }).then_some(birth.since);
        let awaited = self
            .births
            .values()
            .filter_map(awaited)
            .chain(self.releases.values().filter_map(Release::fades_since))
            .max()
            .map(|since| (read_at.saturating_sub(since) / 8).clamp(AWAITED_FIRST, AWAITED_LONGEST));
        let pause = [Some(INTERFACES_EVERY), partial, awaited].into_iter().flatten().min();
        read_at.saturating_add(pause.unwrap_or(INTERFACES_EVERY))
    }

    fn plan_ec2(&mut self, node: &NodeFacts, now: Boottime, actions: &mut Vec<EniAction>) {
        let buying = self.growing.values().any(|growing| growing.asked.is_some());
        self.read_back |= self.reread_at.take_if(|at| *at <= now).is_some();
        if self.read_back && !buying && self.describe.may_start(now) {
            self.describe.under_way = true;
            actions.push(EniAction::Describe { instance: node.instance.clone() });
        }
        if self.limits.is_none() && self.ask_limits.may_start(now) {
            self.ask_limits.under_way = true;
            actions.push(EniAction::AskLimits { instance_type: node.instance_type.clone() });
        }
        // First of all what has ended, and what the disk has taken since: growth looks at how far each order is.
        self.end_births();
        self.end_partings();
        self.hear_the_disk(now);
        if !self.read_back && !self.describe.under_way {
            self.plan_growth(node, now, actions);
        }
        self.plan_notes(node, now, actions);
        self.plan_births(node, now, actions);
        self.plan_partings(now, actions);
        self.plan_releases(now, actions);
    }

    /// Buys the shortfall, the fullest ENI first, on as many ENIs at once as it takes; then new ENIs for what none of them can
    /// carry.
    fn plan_growth(&mut self, node: &NodeFacts, now: Boottime, actions: &mut Vec<EniAction>) {
        let mut enis = self.enis();
        let shown = enis.len();
        enis.retain(|eni| !eni.leaving);
        let stays =
            |eni: &Eni| eni.addresses.iter().filter(|on| !self.is_leaving(&eni.id, &on.address)).count();
        let carried = count(enis.iter().map(stays).sum());
        let asked = self.asked_for();
        let brought: u32 = self.births.values().map(Birth::brings).sum();
        let mut short =
            self.demand.wanted.saturating_sub(carried.saturating_add(asked).saturating_add(brought));
        // What failed lately hinders nobody once nothing is wanted, or nothing more can be had.
        let has_room = enis.iter().any(|eni| room_on(eni) > 0);
        if asked == 0 && (short == 0 || !has_room) && self.assign.backoff.open(now) {
            self.assign.worked();
        }
        enis.sort_by_key(|eni| (room_on(eni), eni.card, eni.device));
        let room: u32 = enis.iter().map(|eni| self.usable_room_on(eni, now)).sum();
        let beyond = short.saturating_sub(room).saturating_sub(self.room_on_the_way());
        if self.assign.backoff.open(now) {
            for eni in enis {
                if short == 0 {
                    break;
                }
                if let Some(asked) = self.buy_on(&eni, short, now) {
                    short -= asked;
                    actions.push(EniAction::Assign { eni: eni.id, subnet: eni.subnet, count: asked });
                }
            }
        }
        // An ENI that is not shown yet, for want of its subnet's block, may have room.
        if self.attached.as_ref().is_some_and(|attached| attached.len() == shown) {
            self.plan_creation(node, beyond, now);
        }
        let there = carried.saturating_add(self.asked_for());
        self.drop_orders(there);
        let is_met = self.demand.wanted <= there || self.eni_room() == 0;
        if is_met && self.births.is_empty() && self.create.backoff.open(now) {
            self.create.worked();
            self.create_at_most = None;
        }
    }

    /// Secondary addresses that an ENI of this instance type carries at most; none while that is unknown.
    fn full_size(&self) -> u32 {
        self.limits.map_or(0, |limits| limits.addresses_per_eni.saturating_sub(1))
    }

    /// Addresses that ENIs on their way in can be given once they are there, which is sooner than another ENI would be.
    fn room_on_the_way(&self) -> u32 {
        let full = self.full_size();
        let coming = self.births.values().filter(|birth| birth.brings() > 0 && birth.trouble().is_none());
        coming.map(|birth| full.saturating_sub(birth.brings())).sum()
    }

    /// Addresses that Assigns under way will bring.
    fn asked_for(&self) -> u32 {
        self.growing.values().filter_map(|growing| growing.asked).sum()
    }

    /// Orders as many ENIs at once as `beyond` more addresses need: of full size where the reserve counts whole ENIs, otherwise
    /// with what is missing.
    fn plan_creation(&mut self, node: &NodeFacts, mut beyond: u32, now: Boottime) {
        let full = self.full_size();
        let may = self.notes.may_begin(now) && self.create.backoff.open(now);
        let (Ok(subnet), Some(groups)) = (subnet_for(&node.subnet, &self.subnets, now), self.groups()) else {
            return;
        };
        // Where the room is not known to be there, one finds out for all.
        let finding_out = |manager: &Self| {
            let asks = |birth: &Birth| matches!(birth.step, Step::Note | Step::Make { .. });
            manager.create_at_most.is_some() && manager.births.values().any(asks)
        };
        while beyond > 0 && full > 0 && may && self.eni_room() > 0 && !finding_out(self) {
            let wanted = if self.demand.whole_enis { full } else { beyond.min(full) };
            let secondary_addresses = wanted.min(self.create_at_most.unwrap_or(full));
            let order = self.order(node, &subnet, &groups, secondary_addresses, now);
            self.births.insert(order.token.clone(), Birth::of(order, now));
            beyond = beyond.saturating_sub(secondary_addresses.max(1));
        }
    }

    /// An order with a token that none of those under way has: an earlier life may have made one at this very instant.
    fn order(
        &mut self,
        node: &NodeFacts,
        subnet: &SubnetId,
        groups: &[SecurityGroupId],
        secondary_addresses: u32,
        now: Boottime,
    ) -> EniOrder {
        loop {
            let (subnet, groups) = (subnet.clone(), groups.to_vec());
            let wish = Wish { subnet, secondary_addresses, groups, number: self.orders };
            self.orders += 1;
            let order = order(&self.config, node, self.born, wish, now);
            if !self.births.contains_key(&order.token) {
                return order;
            }
        }
    }

    /// The security groups of the primary ENI, which every other one gets.
    fn groups(&self) -> Option<Vec<SecurityGroupId>> {
        let primary = self.attached.as_ref()?.values().find(|eni| is_primary(eni))?;
        Some(primary.groups.clone())
    }

    fn next_wake(&self, now: Boottime) -> Option<Boottime> {
        let idle = |call: &crate::call::Call, at: Boottime| (!call.under_way).then_some(at);
        let known = self.node.is_some();
        let after = |at: Boottime, also: Boottime| at.max(also);
        [
            idle(&self.read_node, self.read_node.backoff.not_before()).filter(|_| !known),
            idle(
                &self.read_interfaces,
                after(self.read_interfaces.backoff.not_before(), self.interfaces_due()),
            ),
            idle(&self.describe, self.describe.backoff.not_before()).filter(|_| known && self.read_back),
            idle(&self.ask_limits, self.ask_limits.backoff.not_before())
                .filter(|_| known && self.limits.is_none()),
            Some(self.assign.backoff.not_before()),
            Some(self.create.backoff.not_before()),
            self.notes.wake_at(),
            self.releases_wake_at(now),
            self.reread_at,
            self.births.values().filter_map(Birth::wake_at).filter(|at| *at > now).min(),
            self.partings.values().filter_map(|parting| parting.call.next_at()).filter(|at| *at > now).min(),
            self.growing.values().map(|growing| growing.backoff.not_before()).filter(|at| *at > now).min(),
            self.subnets
                .subnets
                .iter()
                .filter_map(|subnet| Some(subnet.mark.as_ref()?.until))
                .filter(|until| *until > now)
                .min(),
        ]
        .into_iter()
        .flatten()
        .filter(|at| *at > now)
        .min()
    }
}
