//! What RouteProgrammer knows and what is under way: the newest views, the host as last read, jobs (Wire, Unwire), ADDs that
//! wait for an ENI, repairs. No clock, no I/O: `now` is given, and everything it wants done is an action.

mod answers;
mod departures;
mod jobs;
mod looks;
mod news;
mod peace;
mod reads;
mod repairs;
mod table;
mod turn;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::Ipv4Addr;
use std::time::Duration;

use contract::Reply;
use contract::causes::Cause;
use contract::mail::route_programmer::{HostView, RouteMail};
use contract::model::{Damage, EniView, Lease, VethPrefix, WiringPlan};
use contract::ports::host::{
    HostChange, HostError, HostEvent, HostSnapshot, Link, NftTable, RouteAnswer, RouteQuestion, Rule,
};
use ipnet::Ipv4Net;

use crate::plan::{Survey, Unit};
use jobs::{Job, PlanWait};
use looks::{Look, Question};
pub(crate) use news::{Listening, PATIENCE};
use reads::Reads;
use repairs::Repair;
pub(crate) use table::TableState;

/// Changes under way at once. They share one netlink socket; more would only wait there.
pub(crate) const PROGRAMS_MAX: usize = 16;

/// Wire and Unwire that are waiting or under way, and as many waiting Plans: several times the pods of the largest node.
pub(crate) const JOBS_MAX: usize = 1024;

/// How SNAT chooses the source ports of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourcePorts {
    /// By the kernel's random numbers.
    FullyRandom,
    /// By a hash.
    Random,
    /// The pod's own, as long as no other connection has it.
    Kept,
}

/// What the settings decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteConfig {
    /// MTU of every ENI link, bytes.
    pub eni_mtu_bytes: u32,
    /// What the names of pods' host links begin with.
    pub veth_prefix: VethPrefix,
    /// Connections to the outside of the VPC get the node's address; `None`: somebody else translates them.
    pub snat: Option<SourcePorts>,
    /// Destinations outside the VPC that see a pod's own address all the same.
    pub snat_excluded: Vec<Ipv4Net>,
    /// Answers to what came in by the primary ENI leave by it.
    pub node_ports: bool,
    /// Destinations that are reached by the main table whatever the source.
    pub by_main: Vec<Ipv4Net>,
}

impl RouteConfig {
    /// Whether some connections of pods on other ENIs leave by the primary one.
    pub(crate) fn needs_mark(&self) -> bool {
        self.snat.is_some() || self.node_ports
    }
}

/// For whom changes are made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// A Wire or an Unwire, by its number.
    Job(u64),
    /// A repair.
    Repair(Unit),
}

/// An answer, with the one who asked.
#[derive(Debug)]
pub enum Answer {
    /// To `Plan`.
    Plan(Reply<Result<WiringPlan, Cause>>, Result<WiringPlan, Cause>),
    /// To `Wire` and `Unwire`.
    Step(Reply<Result<(), Cause>>, Result<(), Cause>),
    /// To `Check`.
    Check(Reply<Result<Vec<Damage>, Cause>>, Result<Vec<Damage>, Cause>),
    /// To `Carried`.
    Carried(Reply<Result<BTreeSet<Ipv4Addr>, Cause>>, Result<BTreeSet<Ipv4Addr>, Cause>),
}

/// What RouteProgrammer has done for it.
#[derive(Debug)]
pub enum RouteAction {
    /// Read links, routes and rules.
    Read {
        /// Its number, ascending.
        number: u64,
        /// And what is in pods' namespaces.
        pods: bool,
    },
    /// Wait for what the kernel tells.
    Listen,
    /// Read one link.
    ReadLink {
        /// For which job.
        job: u64,
        /// Which link.
        ifindex: u32,
    },
    /// Make the changes in order; if all were made, ask the questions.
    Program {
        /// For whom.
        target: Target,
        /// At most a dozen and a few contradictions.
        changes: Vec<HostChange>,
        /// What is to be verified.
        questions: Vec<RouteQuestion>,
    },
    /// Read the nft table.
    ReadTable,
    /// Replace it.
    ReplaceTable(NftTable),
    /// Answer a question.
    Answer(Answer),
    /// Tell everybody.
    Publish(HostView),
}

/// What came back.
#[derive(Debug)]
pub enum RouteOutcome {
    /// A reading ended.
    Read {
        /// Its number.
        number: u64,
        /// The host, or why it could not be read.
        result: Result<HostSnapshot, HostError>,
    },
    /// What the kernel told, in order; nothing after a long silence.
    Heard(Result<Vec<HostEvent>, HostError>),
    /// A link was read, or is not there.
    LinkRead {
        /// For which job.
        job: u64,
        /// The link, or why it could not be read.
        result: Result<Option<Link>, HostError>,
    },
    /// Changes were made, all or some.
    Programmed {
        /// For whom.
        target: Target,
        /// How many, from the first.
        done: usize,
        /// What stopped the rest.
        stopped: Option<HostError>,
        /// One for each question; empty if it was stopped.
        answers: Vec<Result<Option<RouteAnswer>, HostError>>,
    },
    /// The nft table in the host port's lines; `None` if there is none.
    TableRead(Result<Option<Vec<String>>, HostError>),
    /// It was replaced, or why not.
    TableReplaced(Result<(), HostError>),
}

/// The state of the room.
pub struct RouteProgrammer {
    pub(crate) config: RouteConfig,
    /// EniManager's newest view.
    pub(crate) enis: EniView,
    /// WarmPool's newest view.
    pub(crate) leases: Vec<Lease>,
    /// Addresses that were unwired and not wired since: not repaired, whatever a lease view that is behind still says. At most
    /// the addresses that the node's ENIs ever carried.
    pub(crate) unwired: BTreeSet<Ipv4Addr>,
    /// The host as last read, with the changes made since.
    pub(crate) host: HostSnapshot,
    pub(crate) reads: Reads,
    pub(crate) listening: Listening,
    /// The kernel told that something under way was undone: what is counted as made has to be read.
    pub(crate) doubted: bool,
    /// Views against host; made anew when either changed.
    pub(crate) survey: Survey,
    pub(crate) survey_stale: bool,
    /// The survey becomes stale because the host was just read, so that what it finds is fresh.
    pub(crate) just_read: bool,
    /// ENIs whose link is missing, and since when, for pacing.
    pub(crate) missing_since: BTreeMap<contract::model::EniId, Duration>,
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) next_job: u64,
    pub(crate) plans: VecDeque<PlanWait>,
    pub(crate) looks: VecDeque<Look>,
    pub(crate) repairs: BTreeMap<Unit, Repair>,
    pub(crate) table: TableState,
    /// Rules of ENIs that left, until a reading shows none of them: at most as many as the node ever had ENIs at once.
    pub(crate) departed: BTreeSet<Rule>,
    /// What is being changed now.
    pub(crate) under_way: BTreeMap<Target, Vec<HostChange>>,
    /// Changes made since start.
    pub(crate) changes: u64,
    pub(crate) outbox: Vec<RouteAction>,
    pub(crate) published: Option<HostView>,
}

/// The snapshot in hand is of the first reading.
pub(crate) fn first_reading() -> Reads {
    Reads::first()
}

impl RouteProgrammer {
    /// Mail arrives.
    pub(crate) fn hear(&mut self, mail: RouteMail, now: Duration) {
        match mail {
            RouteMail::Plan { wiring, reply } => self.hear_plan(wiring, reply, now),
            RouteMail::Wire { wiring, host, reply } => self.hear_wire(wiring, host, reply, now),
            RouteMail::Unwire { address, reply } => self.hear_unwire(address, reply, now),
            RouteMail::Check { address, ifindex, reply } => {
                self.hear_question(Question::Check { address, ifindex, reply });
            }
            RouteMail::Carried { addresses, reply } => {
                self.hear_question(Question::Carried { addresses, reply });
            }
            RouteMail::Enis(view) => {
                self.note_departures(&view);
                self.enis = view;
                self.survey_stale = true;
            }
            RouteMail::Leases(view) => {
                self.leases = view.leases;
                self.survey_stale = true;
            }
        }
    }

    /// Something that was under way ended.
    pub(crate) fn learn(&mut self, outcome: RouteOutcome, now: Duration) {
        match outcome {
            RouteOutcome::Read { number, result } => self.read_ended(number, result, now),
            RouteOutcome::Heard(result) => self.heard(result, now),
            RouteOutcome::LinkRead { job, result } => self.link_read(job, result),
            RouteOutcome::TableRead(result) => self.table_read(result, now),
            RouteOutcome::TableReplaced(result) => self.table_replaced(result, now),
            RouteOutcome::Programmed { target, done, stopped, answers } => {
                let made = self.note_changes(&target, done);
                match target {
                    Target::Job(id) => self.job_ended(id, made, stopped.as_ref(), &answers, now),
                    Target::Repair(unit) => self.repair_ended(&unit, made, stopped.as_ref(), now),
                }
            }
        }
    }

    /// What must hold after every step.
    pub(crate) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut busy = BTreeSet::new();
        for job in self.jobs.iter().filter(|job| self.under_way.contains_key(&Target::Job(job.id))) {
            if !busy.insert(job.address) {
                found.push(format!("two jobs change {} at once", job.address));
            }
        }
        for target in self.under_way.keys() {
            match target {
                Target::Repair(Unit::Pod(address)) if busy.contains(address) => {
                    found.push(format!("a job and a repair change {address} at once"));
                }
                Target::Job(id) if !self.jobs.iter().any(|job| job.id == *id) => {
                    found.push(format!("changes are under way for job {id}, which is gone"));
                }
                _ => {}
            }
        }
        if self.under_way.len() > PROGRAMS_MAX {
            found.push(format!("{} programs are under way", self.under_way.len()));
        }
        if self.jobs.len() > JOBS_MAX || self.plans.len() > JOBS_MAX {
            found.push(format!("{} jobs and {} plans wait", self.jobs.len(), self.plans.len()));
        }
        found
    }
}

#[cfg(test)]
mod tests;
