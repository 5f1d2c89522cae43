//! What EniManager knows, and what each event does to it. Pure.

use contract::Boottime;
use contract::causes::Cause;
use contract::mail::eni_manager::{Demand, EniMail};
use contract::model::{EniId, EniView, InstanceId, NodeFacts, SubnetId, SubnetView};
use contract::ports::ec2::{EniDescription, InstanceLimits};
use contract::ports::imds::ImdsInterfaces;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::actor::{EniAction, EniOutcome};
use crate::backoff::Backoff;
use crate::limits::limits_of;

/// What EniManager is told by the settings and at start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EniConfig {
    /// Spreads retries over a fleet.
    pub seed: u64,
}

/// How long we hold a subnet to be full on our own; SubnetScout's word replaces it.
const HEARSAY: Duration = Duration::from_secs(30);

/// EC2's readings lag behind its changes by seconds: an address that it has just given us is ours for this long, though a
/// reading lacks it.
const LAG: Duration = Duration::from_secs(60);

/// A call of which one is under way at a time.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) under_way: bool,
    pub(crate) backoff: Backoff,
    /// The last attempt failed.
    pub(crate) trouble: Option<Cause>,
}

/// The addresses that EC2 gave us for one ENI.
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
}

/// The state of EniManager.
#[derive(Debug)]
pub struct EniManager {
    pub(crate) config: EniConfig,
    pub(crate) node: Option<NodeFacts>,
    pub(crate) limits: Option<InstanceLimits>,
    /// By EC2's word; `None` until it was first heard.
    pub(crate) attached: Option<BTreeMap<EniId, EniDescription>>,
    /// Attached here by EC2's word, and not ours to use.
    pub(crate) not_ours: BTreeSet<EniId>,
    /// By the metadata service's word.
    pub(crate) seen: ImdsInterfaces,
    pub(crate) subnets: SubnetView,
    /// The blocks of subnets, by whoever told them first: they never change.
    pub(crate) blocks: BTreeMap<SubnetId, Ipv4Net>,
    pub(crate) demand: Demand,
    pub(crate) growing: BTreeMap<EniId, Growing>,
    /// EC2 must be read before anything is bought: an answer was lost, or two views differ.
    pub(crate) read_back: bool,
    pub(crate) read_node: Call,
    pub(crate) read_interfaces: Call,
    pub(crate) next_interfaces_at: Boottime,
    /// Readings in a row that named an interface without describing it.
    pub(crate) partial_rounds: u32,
    pub(crate) describe: Call,
    pub(crate) ask_limits: Call,
    pub(crate) assign: Call,
    /// Mail for SubnetScout.
    pub(crate) tidings: Vec<EniAction>,
    pub(crate) published: Option<EniView>,
}

impl EniManager {
    /// Knows nothing yet, and claims nothing: all it needs comes later, as events.
    #[must_use]
    pub fn new(config: EniConfig) -> Self {
        Self {
            config,
            node: None,
            limits: None,
            attached: None,
            not_ours: BTreeSet::new(),
            seen: ImdsInterfaces { interfaces: Vec::new(), partial: Vec::new(), vpc_cidrs: Vec::new() },
            subnets: SubnetView::default(),
            blocks: BTreeMap::new(),
            demand: Demand::default(),
            growing: BTreeMap::new(),
            read_back: true,
            read_node: Call::default(),
            read_interfaces: Call::default(),
            next_interfaces_at: Boottime::ZERO,
            partial_rounds: 0,
            describe: Call::default(),
            ask_limits: Call::default(),
            assign: Call::default(),
            tidings: Vec::new(),
            published: None,
        }
    }

    pub(crate) fn hear(&mut self, mail: EniMail) {
        match mail {
            EniMail::Demand(demand) => self.demand = demand,
            EniMail::Subnets(view) => {
                let listed = view.subnets.iter();
                self.blocks.extend(listed.filter_map(|subnet| Some((subnet.id.clone(), subnet.cidr?))));
                self.subnets = view;
            }
            EniMail::LetGo { leaving, reply } => {
                drop(reply.send(Err(Cause::RoomUnavailable {
                    room: "eni-manager",
                    detail: format!("{leaving:?}"),
                })));
            }
        }
    }

    pub(crate) fn learn(&mut self, outcome: EniOutcome, now: Boottime) {
        let seed = self.config.seed;
        match outcome {
            EniOutcome::Node(result) => {
                if let Some(node) = self.read_node.ended_nearby(result, now, seed) {
                    self.limits = limits_of(&node.instance_type);
                    self.tidings.push(EniAction::publish_place(&node));
                    self.node = Some(node);
                }
            }
            EniOutcome::Interfaces(result) => {
                if let Some(seen) = self.read_interfaces.ended_nearby(result, now, seed) {
                    self.next_interfaces_at = now + crate::plan::INTERFACES_EVERY;
                    self.see(seen);
                }
            }
            EniOutcome::Described { asked_for, result } => {
                if let Some(list) = self.describe.ended(result, now, seed) {
                    self.described(&asked_for, list, now);
                }
            }
            EniOutcome::Limits(result) => {
                if let Some(limits) = self.ask_limits.ended(result, now, seed) {
                    self.limits = Some(limits);
                }
            }
            EniOutcome::Assigned { eni, subnet, result } => self.assigned(&eni, subnet, result, now),
        }
    }

    /// The metadata service may add: an interface that EC2 has not told us of makes us ask EC2.
    fn see(&mut self, mut seen: ImdsInterfaces) {
        if let Some(attached) = &self.attached {
            let known = |id: &EniId| attached.contains_key(id) || self.not_ours.contains(id);
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
    }

    fn described(&mut self, instance: &InstanceId, list: Vec<EniDescription>, now: Boottime) {
        let here = |eni: &EniDescription| {
            let at = eni.attachment.as_ref();
            at.is_some_and(|at| &at.instance == instance && at.attached)
        };
        let (ours, others): (Vec<_>, Vec<_>) =
            list.into_iter().filter(here).partition(|eni| is_primary(eni) || managed(eni));
        // No instance is without its primary ENI: an answer that lacks it is not believed.
        if !ours.iter().any(is_primary) {
            self.describe.backoff.failed(now, self.config.seed);
            let detail = "its answer lacks the primary ENI".to_owned();
            self.describe.trouble = Some(strange("DescribeNetworkInterfaces", detail));
            return;
        }
        self.not_ours = others.into_iter().map(|eni| eni.id).collect();
        let mut attached: BTreeMap<_, _> = ours.into_iter().map(|eni| (eni.id.clone(), eni)).collect();
        for (id, eni) in &mut attached {
            let fresh = self.growing.get(id).map(|growing| &growing.fresh);
            let given = fresh.into_iter().flatten().filter(|(_, until)| **until > now);
            add(&mut eni.secondary_addresses, given.map(|(address, _)| *address));
        }
        self.growing.retain(|id, _| attached.contains_key(id));
        self.attached = Some(attached);
        self.read_back = false;
    }

    fn assigned(
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
            Err(cause @ Cause::SubnetExhausted { .. }) => self.no_room(eni, subnet, asked, cause, now),
            Err(cause) => {
                // Whether it was done is unknown, or our picture was wrong: read before buying again.
                self.read_back |= !matches!(cause, Cause::Throttled { .. } | Cause::Unauthorized { .. });
                self.assign_failed(eni, cause, now);
            }
        }
    }

    /// Notes what came; whether any of it is new.
    fn bought(&mut self, eni: &EniId, addresses: &[Ipv4Addr], now: Boottime) -> bool {
        let growing = self.growing.entry(eni.clone()).or_default();
        growing.backoff.worked();
        growing.fresh.retain(|_, until| *until > now);
        let fresh = addresses.iter().map(|address| (*address, now + LAG));
        growing.fresh.extend(fresh);
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

    /// All or nothing, says EC2: so half of it is asked next, and one address refused means that there is none.
    fn no_room(&mut self, eni: &EniId, subnet: SubnetId, asked: u32, cause: Cause, now: Boottime) {
        let growing = self.growing.entry(eni.clone()).or_default();
        if asked > 1 {
            growing.at_most = Some(asked / 2);
        } else {
            growing.at_most = None;
            self.subnets.believe_full(&subnet, &cause, now + HEARSAY);
            self.tidings.push(EniAction::TellNoRoom { subnet, cause });
        }
    }
}

impl Call {
    pub(crate) fn may_start(&self, now: Boottime) -> bool {
        !self.under_way && self.backoff.open(now)
    }

    /// All is well with it, as far as anybody knows.
    pub(crate) fn worked(&mut self) {
        self.backoff.worked();
        self.trouble = None;
    }

    fn ended<T>(&mut self, result: Result<T, Cause>, now: Boottime, seed: u64) -> Option<T> {
        self.under_way = false;
        match result {
            Ok(value) => {
                self.worked();
                Some(value)
            }
            Err(cause) => {
                self.backoff.failed(now, seed);
                self.trouble = Some(cause);
                None
            }
        }
    }

    /// The same for a call to the metadata service.
    fn ended_nearby<T>(&mut self, result: Result<T, Cause>, now: Boottime, seed: u64) -> Option<T> {
        let value = self.ended(result, now, seed);
        self.backoff.nearby(now);
        value
    }
}

fn is_primary(eni: &EniDescription) -> bool {
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
fn add(to: &mut Vec<Ipv4Addr>, addresses: impl Iterator<Item = Ipv4Addr>) {
    to.extend(addresses);
    to.sort_unstable();
    to.dedup();
}

/// EC2 answered, and the answer cannot be.
fn strange(action: &'static str, detail: String) -> Cause {
    Cause::Ec2Unavailable { action, detail }
}
