//! What EniManager knows, and which part of it each event concerns. Pure.

use contract::causes::Cause;
use contract::mail::eni_manager::{Demand, EniMail, Gone};
use contract::model::{EniId, EniView, NodeFacts, SubnetId, SubnetView};
use contract::ports::ec2::{EniDescription, InstanceLimits};
use contract::ports::imds::ImdsInterfaces;
use contract::ports::intents::LoadedIntents;
use contract::{Boottime, Reply};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::actor::{EniAction, EniOutcome};
use crate::birth::Birth;
use crate::call::Call;
use crate::growing::Growing;
use crate::limits::limits_of;
use crate::notes::Notes;
use crate::order::Born;
use crate::parting::Parting;
use crate::release::Release;

/// What EniManager is told by the settings and at start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EniConfig {
    /// Spreads retries over a fleet, and tells the tokens of this life from others'.
    pub seed: u64,
    /// At most so many ENIs, and never more than the instance type allows.
    pub max_enis: Option<u32>,
    /// For the tags of ENIs.
    pub cluster_name: Option<String>,
    /// Further tags, as (key, value).
    pub additional_tags: Vec<(String, String)>,
}

/// What became of something that was let go.
pub(crate) type Done = Result<Gone, Cause>;

/// EC2's readings lag behind its changes by seconds: what it has just given us is ours, and what it has just taken is gone, for
/// this long, whatever a reading shows.
pub(crate) const LAG: Duration = Duration::from_secs(60);

/// The state of EniManager.
#[derive(Debug)]
pub struct EniManager {
    pub(crate) config: EniConfig,
    pub(crate) born: Born,
    pub(crate) node: Option<NodeFacts>,
    pub(crate) limits: Option<InstanceLimits>,
    /// By EC2's word; `None` until it was first heard.
    pub(crate) attached: Option<BTreeMap<EniId, EniDescription>>,
    /// Attached in this life, at that time.
    pub(crate) since: BTreeMap<EniId, Boottime>,
    /// Attached here by EC2's word, and not ours to use.
    pub(crate) not_ours: BTreeSet<EniId>,
    /// The device indexes of card 0 that are taken by EC2's word, whoever's the ENI and however far.
    pub(crate) occupied: BTreeMap<EniId, u32>,
    /// Device indexes that EC2 has refused as taken, until then.
    pub(crate) busy_devices: BTreeMap<u32, Boottime>,
    /// On their way in, by token.
    pub(crate) births: BTreeMap<String, Birth>,
    /// On their way out.
    pub(crate) partings: BTreeMap<EniId, Parting>,
    /// Looks under way: one at each ENI, whoever wants it, so that nobody takes an older answer for his own.
    pub(crate) looking: BTreeSet<EniId>,
    /// Addresses on their way out, by ENI.
    pub(crate) releases: BTreeMap<EniId, Release>,
    /// Detached, and not believed to be attached until then.
    pub(crate) gone: BTreeMap<EniId, Boottime>,
    pub(crate) notes: Notes,
    /// Orders so far.
    pub(crate) orders: u64,
    /// How creation goes.
    pub(crate) create: Call,
    /// A subnet had no room for an ENI with more secondary addresses than this; doubled by each success.
    pub(crate) create_at_most: Option<u32>,
    /// By the metadata service's word.
    pub(crate) seen: ImdsInterfaces,
    /// When the reading of it began that `seen` is, and the one that is under way.
    pub(crate) seen_at: Boottime,
    pub(crate) reading_since: Boottime,
    pub(crate) subnets: SubnetView,
    /// The blocks of subnets, by whoever told them first: they never change.
    pub(crate) blocks: BTreeMap<SubnetId, Ipv4Net>,
    pub(crate) demand: Demand,
    pub(crate) growing: BTreeMap<EniId, Growing>,
    /// EC2 must be read before anything is bought: an answer was lost, or two views differ.
    pub(crate) read_back: bool,
    /// A reading lacked what it need not have yet: EC2 is read again then.
    pub(crate) reread_at: Option<Boottime>,
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
    /// To be given once the view that they tell of is published.
    pub(crate) answers: Vec<(Reply<Done>, Done)>,
    pub(crate) published: Option<EniView>,
}

impl EniManager {
    /// Knows what the disk was found to have under way, or that it could not be read; all else comes later, as events.
    #[must_use]
    pub fn recover(config: EniConfig, born: Born, loaded: Result<LoadedIntents, Cause>) -> Self {
        let notes = Notes::recover(loaded, born.at, config.seed);
        Self {
            config,
            born,
            node: None,
            limits: None,
            attached: None,
            since: BTreeMap::new(),
            not_ours: BTreeSet::new(),
            occupied: BTreeMap::new(),
            busy_devices: BTreeMap::new(),
            births: BTreeMap::new(),
            partings: BTreeMap::new(),
            looking: BTreeSet::new(),
            releases: BTreeMap::new(),
            gone: BTreeMap::new(),
            notes,
            orders: 0,
            create: Call::default(),
            create_at_most: None,
            seen: ImdsInterfaces { interfaces: Vec::new(), partial: Vec::new(), vpc_cidrs: Vec::new() },
            seen_at: Boottime::ZERO,
            reading_since: Boottime::ZERO,
            subnets: SubnetView::default(),
            blocks: BTreeMap::new(),
            demand: Demand::default(),
            growing: BTreeMap::new(),
            read_back: true,
            reread_at: None,
            read_node: Call::default(),
            read_interfaces: Call::default(),
            next_interfaces_at: Boottime::ZERO,
            partial_rounds: 0,
            describe: Call::default(),
            ask_limits: Call::default(),
            assign: Call::default(),
            tidings: Vec::new(),
            answers: Vec::new(),
            published: None,
        }
    }

    pub(crate) fn hear(&mut self, mail: EniMail, now: Boottime) {
        match mail {
            EniMail::Demand(demand) => self.demand = demand,
            EniMail::Subnets(view) => {
                let listed = view.subnets.iter();
                self.blocks.extend(listed.filter_map(|subnet| Some((subnet.id.clone(), subnet.cidr?))));
                self.subnets = view;
            }
            EniMail::LetGo { leaving, reply } => self.let_go(leaving, reply, now),
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
                    self.take_up(now);
                }
            }
            EniOutcome::Interfaces(result) => {
                if let Some(seen) = self.read_interfaces.ended_nearby(result, now, seed) {
                    self.next_interfaces_at = now + crate::plan::INTERFACES_EVERY;
                    self.seen_at = self.reading_since;
                    self.see(seen, now);
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
            EniOutcome::IntentsRead(result) => {
                self.notes.loaded(result, now, seed);
                self.take_up(now);
            }
            EniOutcome::IntentsWritten { image, result } => self.notes.written(image, result, now, seed),
            EniOutcome::Created { token, result } => self.created(&token, result, now),
            EniOutcome::Attached { token, result } => self.attach_ended(&token, result, now),
            EniOutcome::Bound { token, result } => self.bind_ended(&token, result, now),
            EniOutcome::Looked { eni, result } => self.looked(&eni, result, now),
            EniOutcome::Unassigned { eni, result } => self.take_ended(&eni, result, now),
            EniOutcome::Detached { eni, result } => self.detach_ended(&eni, result, now),
            EniOutcome::Deleted { eni, result } => self.delete_ended(&eni, result, now),
        }
    }
}

/// EC2 answered, and the answer cannot be.
pub(crate) fn strange(action: &'static str, detail: String) -> Cause {
    Cause::Ec2Unavailable { action, detail }
}
