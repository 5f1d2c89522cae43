//! More addresses on an ENI that is there: what each answer to an Assign means. `subnet_exhausted` and `throttled` are told here.
//! Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::model::{Eni, EniId, SubnetId};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::actor::EniAction;
use crate::backoff::Backoff;
use crate::reading::add;
use crate::state::{EniManager, LAG, strange};
use crate::view::room_on;

/// How long we hold a subnet to be full on our own; SubnetScout's word replaces it.
const HEARSAY: Duration = Duration::from_secs(30);

/// One Assign never asks for more: the largest instance type carries 50 addresses on an ENI.
const ASSIGN_MAX: u32 = 50;

/// What is known of one ENI's addresses beside a reading.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    /// An Assign is under way, for this many.
    pub(crate) asked: Option<u32>,
    /// The subnet had no room for more than this at once; doubled by each success.
    pub(crate) at_most: Option<u32>,
    /// EC2 refuses this ENI.
    pub(crate) backoff: Backoff,
    /// What EC2 has just given, and until when that outweighs a reading.
    pub(crate) fresh: BTreeMap<Ipv4Addr, Boottime>,
    /// What EC2 has just taken, and until when that does.
    pub(crate) shed: BTreeMap<Ipv4Addr, Boottime>,
}

impl EniManager {
    pub(crate) fn assigned(
        &mut self,
        eni: &EniId,
        subnet: SubnetId,
        result: Result<Vec<Ipv4Addr>, Cause>,
        now: Boottime,
    ) {
        let asked = self.growing.entry(eni.clone()).or_default().asked.take().unwrap_or(1);
        match result {
            Ok(addresses) => {
                if self.bought(eni, &addresses, now) {
                    self.assign.worked();
                } else {
                    // For an ENI we do not know, or nothing new: EC2 must say what is so, and is not asked again at once.
                    self.read_back = true;
                    let detail = format!("{eni} was given nothing new");
                    self.assign_failed(eni, strange("AssignPrivateIpAddresses", detail), now);
                }
                self.tidings.push(EniAction::TellRoom { subnet });
            }
            Err(cause @ Cause::SubnetExhausted { .. }) => {
                let growing = self.growing.entry(eni.clone()).or_default();
                growing.at_most = (asked > 1).then_some(asked / 2);
                if asked <= 1 {
                    self.has_no_room(subnet, cause, now);
                }
            }
            Err(cause) => {
                // Whether it was done is unknown, or our picture was wrong: read before buying again.
                self.read_back |= !matches!(cause, Cause::Throttled { .. } | Cause::Unauthorized { .. });
                self.assign_failed(eni, cause, now);
            }
        }
    }

    /// Notes what came; whether any of it is new.
    fn bought(&mut self, eni: &EniId, addresses: &[Ipv4Addr], now: Boottime) -> bool {
        self.comes_again(eni, addresses);
        let growing = self.growing.entry(eni.clone()).or_default();
        growing.backoff.worked();
        growing.given(addresses, now);
        growing.at_most = growing.at_most.map(|at_most| at_most.saturating_mul(2));
        let Some(known) = self.attached.as_mut().and_then(|attached| attached.get_mut(eni)) else {
            return false;
        };
        let before = known.secondary_addresses.len();
        add(&mut known.secondary_addresses, addresses.iter().copied());
        known.secondary_addresses.len() > before
    }

    /// What EC2 refuses for a reason of its own, it refuses this ENI: the others may still grow. Any other failure is the
    /// node's.
    fn assign_failed(&mut self, eni: &EniId, cause: Cause, now: Boottime) {
        let backoff = match cause {
            Cause::Ec2Refused { .. } => &mut self.growing.entry(eni.clone()).or_default().backoff,
            _ => &mut self.assign.backoff,
        };
        backoff.failed(now, self.config.seed);
        self.assign.trouble = Some(cause);
    }

    /// All or nothing, says EC2: so half of it is asked next, and when not even one address is to be had there is no room.
    pub(crate) fn has_no_room(&mut self, subnet: SubnetId, cause: Cause, now: Boottime) {
        self.subnets.believe_full(&subnet, &cause, now + HEARSAY);
        self.tidings.push(EniAction::TellNoRoom { subnet, cause });
    }

    /// How many more addresses an ENI may yet be given, those that are asked for apart; none while EC2 refuses it.
    pub(crate) fn usable_room_on(&self, eni: &Eni, now: Boottime) -> u32 {
        match self.growing.get(&eni.id) {
            Some(growing) if !growing.backoff.open(now) => 0,
            Some(growing) => room_on(eni).saturating_sub(growing.asked.unwrap_or(0)),
            None => room_on(eni),
        }
    }

    pub(crate) fn buy_on(&mut self, eni: &Eni, short: u32, now: Boottime) -> Option<u32> {
        let room = room_on(eni);
        if room == 0 || eni.leaving || self.subnets.mark(&eni.subnet, now).is_some() {
            return None;
        }
        let growing = self.growing.entry(eni.id.clone()).or_default();
        let releasing = self.releases.get(&eni.id).is_some_and(|release| release.fades_since().is_none());
        if growing.asked.is_some() || releasing || !growing.backoff.open(now) {
            return None;
        }
        let asked = short.min(room).min(growing.at_most.unwrap_or(ASSIGN_MAX)).min(ASSIGN_MAX);
        growing.asked = Some(asked);
        Some(asked)
    }
}

impl Growing {
    /// EC2 has given these.
    pub(crate) fn given(&mut self, addresses: &[Ipv4Addr], now: Boottime) {
        self.fresh.retain(|_, until| *until > now);
        self.shed.retain(|address, until| *until > now && !addresses.contains(address));
        self.fresh.extend(addresses.iter().map(|address| (*address, now + LAG)));
    }
}
