//! Wire, Unwire and Plan: accepted in order, one at a time for each address. An Unwire is done against a reading of the host
//! that began after it arrived, a Wire first of all against the reading in hand and its own link, since the two routes that prove it
//! tell whether more has changed. A step that failed is tried again against a new reading, a few times, then refused with its cause.

use std::net::Ipv4Addr;
use std::time::Duration;

use contract::Reply;
use contract::causes::Cause;
use contract::model::{Eni, HostSide, PodWiring, TableId, WiringPlan};
use contract::ports::host::{HostChange, HostError, Link, RouteAnswer};

use super::answers::{incomplete, overrun, stopped_at};
use super::{Answer, JOBS_MAX, RouteAction, RouteProgrammer, Target};
use crate::plan::{
    Check, Standing, Unit, WireStep, check_wiring, checks, forget_behind, in_words, judge, meet, teardown,
    wire, wiring_plan,
};

/// An ADD waits this long for its ENI's own side. An attached ENI shows within a second or two.
const ENI_WAIT: Duration = Duration::from_secs(10);

/// And this long for the node's nft table: longer than a call that never answers, a grace, and the restart it costs; within the
/// minute that an ADD's steps have together.
const TABLE_WAIT: Duration = Duration::from_secs(45);

/// A job is tried this often: a hiccup of the kernel is not a failed ADD, and a real refusal is told soon.
pub(crate) const ATTEMPTS_MAX: u32 = 3;

/// Pause before a job is tried again, times the attempts so far.
const AGAIN_AFTER: Duration = Duration::from_millis(100);

/// While many pods come and go no reading is whole; a DEL waits so long for one that is, less than its asker does.
const WHOLE_WAIT: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Task {
    Wire { wiring: Box<PodWiring>, side: HostSide },
    Unwire,
}

/// A Wire or an Unwire.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) address: Ipv4Addr,
    pub(crate) task: Task,
    pub(crate) reply: Reply<Result<(), Cause>>,
    pub(crate) arrived_at: Duration,
    pub(crate) attempts: u32,
    /// Needs a reading with a higher number.
    pub(crate) seen: u64,
    /// Not before.
    pub(crate) again_at: Duration,
    /// What it is done against.
    pub(crate) sight: Sight,
    /// What is verified while it is under way.
    pub(crate) checks: Vec<Check>,
}

/// What a job is done against.
#[derive(Debug)]
pub(crate) enum Sight {
    /// The reading in hand and its link, which is yet to be read.
    Unread,
    /// The reading in hand and its link.
    Link(Box<Link>),
    /// A new reading.
    Whole,
}

/// A Plan that waits for its ENI.
#[derive(Debug)]
pub(crate) struct PlanWait {
    pub(crate) wiring: PodWiring,
    pub(crate) reply: Reply<Result<WiringPlan, Cause>>,
    pub(crate) since: Duration,
}

impl PlanWait {
    /// When its patience with something ends next.
    pub(crate) fn wake_at(&self, now: Duration) -> Duration {
        let eni = self.since + ENI_WAIT;
        if eni > now { eni } else { self.since + TABLE_WAIT }
    }
}

impl Job {
    /// The table of the secondary ENI that has to stand first.
    pub(crate) fn wants_eni(&self) -> Option<TableId> {
        match &self.task {
            Task::Wire { wiring, .. } if wiring.table != TableId::MAIN => Some(wiring.table),
            _ => None,
        }
    }

    /// Until when it may wait for that.
    pub(crate) fn until(&self) -> Duration {
        self.arrived_at + ENI_WAIT
    }
}

/// What a job needs next.
pub(crate) enum JobStep {
    /// To wait for a reading.
    Read,
    /// Its link.
    ReadLink(u32),
    /// To wait until then, or until something is heard.
    Wait(Duration),
    /// Changes.
    Change(Vec<HostChange>, Vec<Check>),
    /// Another reading: the last was not whole, which is nobody's failure.
    ReadAgain,
    /// Another attempt.
    Setback(Cause),
    /// An answer.
    End(Result<(), Cause>),
}

impl RouteProgrammer {
    pub(crate) fn hear_plan(
        &mut self,
        wiring: PodWiring,
        reply: Reply<Result<WiringPlan, Cause>>,
        now: Duration,
    ) {
        let refused = if self.plans.len() >= JOBS_MAX {
            Err(overrun())
        } else {
            check_wiring(&wiring, &self.config.veth_prefix)
        };
        match refused {
            Err(cause) => self.outbox.push(RouteAction::Answer(Answer::Plan(reply, Err(cause)))),
            Ok(()) => self.plans.push_back(PlanWait { wiring, reply, since: now }),
        }
    }

    pub(crate) fn hear_wire(
        &mut self,
        wiring: PodWiring,
        side: HostSide,
        reply: Reply<Result<(), Cause>>,
        now: Duration,
    ) {
        if let Err(cause) = check_wiring(&wiring, &self.config.veth_prefix) {
            self.outbox.push(RouteAction::Answer(Answer::Step(reply, Err(cause))));
            return;
        }
        let address = wiring.address;
        if self.accept(address, Task::Wire { wiring: Box::new(wiring), side }, reply, now) {
            self.unwired.remove(&address);
        }
    }

    pub(crate) fn hear_unwire(&mut self, address: Ipv4Addr, reply: Reply<Result<(), Cause>>, now: Duration) {
        if self.accept(address, Task::Unwire, reply, now) {
            self.unwired.insert(address);
        }
    }

    fn accept(
        &mut self,
        address: Ipv4Addr,
        task: Task,
        reply: Reply<Result<(), Cause>>,
        now: Duration,
    ) -> bool {
        if self.jobs.len() >= JOBS_MAX {
            self.outbox.push(RouteAction::Answer(Answer::Step(reply, Err(overrun()))));
            return false;
        }
        self.next_job += 1;
        let sight = if matches!(task, Task::Wire { .. }) { Sight::Unread } else { Sight::Whole };
        self.jobs.push_back(Job {
            id: self.next_job,
            address,
            task,
            reply,
            arrived_at: now,
            attempts: 0,
            seen: self.reads.begun,
            again_at: now,
            sight,
            checks: Vec::new(),
        });
        self.survey_stale = true;
        true
    }

    /// Whether the ENI of a table stands; if not, why. A pod of the main table needs nothing to stand.
    pub(crate) fn gate(&self, table: TableId) -> Result<Option<Standing>, Cause> {
        let standing = self.survey.standing.get(&table).copied();
        if standing.is_some() || table == TableId::MAIN {
            return Ok(standing);
        }
        let missing = |step: &str, detail: String| Cause::HostWiring { step: step.to_owned(), detail };
        let Some(eni) = self.enis.enis.iter().find(|eni| eni.table() == table) else {
            return Err(missing("find the ENI", format!("no attached ENI is known with table {table}")));
        };
        Err(self
            .obstacle(eni)
            .unwrap_or_else(|| missing("set the ENI up", format!("{} does not stand yet", eni.id))))
    }

    fn obstacle(&self, eni: &Eni) -> Option<Cause> {
        if let Some(cause) = self.survey.missing.get(&eni.id) {
            return Some(cause.clone());
        }
        let unit = Unit::Eni(eni.id.clone());
        if let Some(cause) = self.repairs.get(&unit).and_then(|repair| repair.cause.clone()) {
            return Some(cause);
        }
        let next = self.survey.needs.get(&unit)?.first()?;
        Some(Cause::HostWiring { step: in_words(next), detail: format!("{} does not stand yet", eni.id) })
    }

    /// What this job needs next, given that nothing else changes its address.
    pub(crate) fn next_step(&self, job: &Job, now: Duration) -> JobStep {
        if job.again_at > now {
            return JobStep::Wait(job.again_at);
        }
        match &job.task {
            Task::Unwire if self.reads.current <= job.seen => JobStep::Read,
            // What was not read may be a rule of this address.
            Task::Unwire if !self.host.complete && now < job.arrived_at + WHOLE_WAIT => JobStep::ReadAgain,
            Task::Unwire if !self.host.complete => JobStep::Setback(incomplete()),
            Task::Unwire => {
                let changes = teardown(job.address, &self.host);
                if changes.is_empty() { JobStep::End(Ok(())) } else { JobStep::Change(changes, Vec::new()) }
            }
            Task::Wire { wiring, side } => {
                let eni = match self.gate(wiring.table) {
                    Ok(eni) => eni,
                    Err(cause) if now >= job.until() => return JobStep::End(Err(cause)),
                    Err(_) => return JobStep::Wait(job.until()),
                };
                let link = match &job.sight {
                    // Without its ENI there is no proof of the way from the pod.
                    Sight::Unread if eni.is_some() => return JobStep::ReadLink(side.ifindex),
                    Sight::Link(link) => Some(&**link),
                    Sight::Unread | Sight::Whole if self.reads.current <= job.seen => return JobStep::Read,
                    Sight::Unread | Sight::Whole => None,
                };
                match wire(wiring, side, link, &self.host) {
                    WireStep::Change(changes) => JobStep::Change(changes, checks(wiring, side.ifindex, eni)),
                    WireStep::ReadAgain(cause) => JobStep::Setback(cause),
                    WireStep::Refuse(cause) => JobStep::End(Err(cause)),
                }
            }
        }
    }

    /// A job's link was read. What is not there, or cannot be read by itself, only a whole reading tells of.
    pub(crate) fn link_read(&mut self, id: u64, result: Result<Option<Link>, HostError>) {
        self.under_way.remove(&Target::Job(id));
        let Some(job) = self.jobs.iter_mut().find(|job| job.id == id) else {
            return;
        };
        job.sight = match result {
            Ok(Some(link)) => {
                meet(&mut self.host, &link);
                // It was seen while its pod was made, perhaps.
                forget_behind(&mut self.host, job.address, Some(link.ifindex));
                Sight::Link(Box::new(link))
            }
            Ok(None) | Err(_) => Sight::Whole,
        };
    }

    /// The changes of a job ended. A change without an answer may have been made: only a new reading tells.
    pub(crate) fn job_ended(
        &mut self,
        id: u64,
        (asked, done): (Vec<HostChange>, usize),
        stopped: Option<&HostError>,
        answers: &[Result<Option<RouteAnswer>, HostError>],
        now: Duration,
    ) {
        let Some(position) = self.jobs.iter().position(|job| job.id == id) else {
            return;
        };
        let checks =
            self.jobs.get_mut(position).map(|job| std::mem::take(&mut job.checks)).unwrap_or_default();
        let verdict = match stopped {
            Some(error) => Err(stopped_at(asked.get(done), error)),
            None => judge(&checks, answers),
        };
        match verdict {
            Ok(()) => self.end_job(position, Ok(())),
            Err(cause) => self.setback(position, cause, now),
        }
    }

    /// One attempt failed.
    pub(crate) fn setback(&mut self, position: usize, cause: Cause, now: Duration) {
        let begun = self.reads.begun;
        let Some(job) = self.jobs.get_mut(position) else {
            return;
        };
        job.attempts += 1;
        job.sight = Sight::Whole;
        if job.attempts >= ATTEMPTS_MAX {
            self.end_job(position, Err(cause));
        } else {
            job.seen = begun;
            job.again_at = now + AGAIN_AFTER * job.attempts;
        }
    }

    /// A newer reading is wanted, in a moment.
    pub(crate) fn read_again(&mut self, position: usize, now: Duration) -> Option<Duration> {
        let begun = self.reads.begun;
        let job = self.jobs.get_mut(position)?;
        job.seen = begun;
        job.again_at = now + AGAIN_AFTER;
        Some(job.again_at)
    }

    /// A reading failed that these jobs waited for.
    pub(crate) fn setback_readers(&mut self, number: u64, cause: &Cause, now: Duration) {
        for position in (0..self.jobs.len()).rev() {
            let waits = self.jobs.get(position).is_some_and(|job| {
                job.seen < number && !self.under_way.contains_key(&Target::Job(job.id)) && job.again_at <= now
            });
            if waits {
                self.setback(position, cause.clone(), now);
            }
        }
    }

    /// A job is over.
    pub(crate) fn end_job(&mut self, position: usize, result: Result<(), Cause>) {
        if let Some(job) = self.jobs.remove(position) {
            // The shim has taken it from its pod, or given it to a new one: whatever link had it before has it no more.
            let own = if let Task::Wire { side, .. } = &job.task { Some(side.ifindex) } else { None };
            forget_behind(&mut self.host, job.address, own);
            self.outbox.push(RouteAction::Answer(Answer::Step(job.reply, result)));
            self.survey_stale = true;
        }
    }

    /// Plans whose ENI stands are answered; those that waited too long are refused with what they waited for.
    pub(crate) fn answer_plans(&mut self, now: Duration) {
        for wait in std::mem::take(&mut self.plans) {
            let gate = self.gate(wait.wiring.table).map_err(|cause| (cause, ENI_WAIT));
            let gates = gate.and_then(|_| self.outward().map_err(|cause| (cause, TABLE_WAIT)));
            let answer = match gates {
                Ok(()) => Ok(wiring_plan(&wait.wiring)),
                Err((cause, patience)) if now >= wait.since + patience => Err(cause),
                Err(_) => {
                    self.plans.push_back(wait);
                    continue;
                }
            };
            self.outbox.push(RouteAction::Answer(Answer::Plan(wait.reply, answer)));
        }
    }
}
