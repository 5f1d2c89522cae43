//! What EniManager does next: learn who we are, learn what is attached, and buy what is wanted, where there is room. Pure.

use contract::Boottime;
use contract::model::{Eni, NodeFacts};
use kernel::Plan;
use std::time::Duration;

use crate::actor::EniAction;
use crate::state::EniManager;
use crate::view::{count, room_on};

/// The metadata service is read this often for what somebody else changed; it costs EC2 nothing.
pub(crate) const INTERFACES_EVERY: Duration = Duration::from_secs(60);

/// The first pause after it has named an interface that it cannot describe yet; doubled while that lasts.
const INTERFACES_PARTIAL_FIRST: Duration = Duration::from_secs(1);

/// One Assign never asks for more: the largest instance type carries 50 addresses on an ENI.
const ASSIGN_MAX: u32 = 50;

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
        Plan { actions, wake_at: self.next_wake(now), restart: None }
    }

    fn plan_metadata(&mut self, now: Boottime, actions: &mut Vec<EniAction>) {
        if self.node.is_none() && self.read_node.may_start(now) {
            self.read_node.under_way = true;
            actions.push(EniAction::ReadNode);
        }
        if self.interfaces_due() <= now && self.read_interfaces.may_start(now) {
            self.read_interfaces.under_way = true;
            actions.push(EniAction::ReadInterfaces);
        }
    }

    /// An interface named and not yet described is looked at again soon, and ever less often; otherwise once a minute.
    fn interfaces_due(&self) -> Boottime {
        let Some(rounds) = self.partial_rounds.checked_sub(1) else {
            return self.next_interfaces_at;
        };
        let pause = INTERFACES_PARTIAL_FIRST.saturating_mul(1 << rounds.min(6));
        self.next_interfaces_at.saturating_sub(INTERFACES_EVERY).saturating_add(pause.min(INTERFACES_EVERY))
    }

    fn plan_ec2(&mut self, node: &NodeFacts, now: Boottime, actions: &mut Vec<EniAction>) {
        let buying = self.growing.values().any(|growing| growing.asked.is_some());
        if self.read_back && !buying && self.describe.may_start(now) {
            self.describe.under_way = true;
            actions.push(EniAction::Describe { instance: node.instance.clone() });
        }
        if self.limits.is_none() && self.ask_limits.may_start(now) {
            self.ask_limits.under_way = true;
            actions.push(EniAction::AskLimits { instance_type: node.instance_type.clone() });
        }
        if !self.read_back && !self.describe.under_way && self.assign.backoff.open(now) {
            self.plan_growth(now, actions);
        }
    }

    /// Buys the shortfall, the fullest ENI first, on as many ENIs at once as it takes.
    fn plan_growth(&mut self, now: Boottime, actions: &mut Vec<EniAction>) {
        let mut enis = self.enis();
        let carried = count(enis.iter().map(|eni| eni.addresses.len()).sum());
        let coming: u32 = self.growing.values().filter_map(|growing| growing.asked).sum();
        let mut short = self.demand.wanted.saturating_sub(carried.saturating_add(coming));
        // What failed lately hinders nobody once nothing is wanted, or nothing more can be had.
        let has_room = enis.iter().any(|eni| room_on(eni) > 0);
        if coming == 0 && (short == 0 || !has_room) {
            self.assign.worked();
        }
        enis.sort_by_key(|eni| (room_on(eni), eni.card, eni.device));
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

    fn buy_on(&mut self, eni: &Eni, short: u32, now: Boottime) -> Option<u32> {
        let room = room_on(eni);
        if room == 0 || self.subnets.mark(&eni.subnet, now).is_some() {
            return None;
        }
        let growing = self.growing.entry(eni.id.clone()).or_default();
        if growing.asked.is_some() || !growing.backoff.open(now) {
            return None;
        }
        let asked = short.min(room).min(growing.at_most.unwrap_or(ASSIGN_MAX)).min(ASSIGN_MAX);
        growing.asked = Some(asked);
        Some(asked)
    }

    fn next_wake(&self, now: Boottime) -> Option<Boottime> {
        let idle = |call: &crate::state::Call, at: Boottime| (!call.under_way).then_some(at);
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
