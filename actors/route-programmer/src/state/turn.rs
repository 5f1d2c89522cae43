//! One turn: what is to be done now, and when to look again. Jobs come before repairs, and a reading is begun only when
//! somebody needs one that has not begun yet.

use std::collections::BTreeSet;
use std::time::Duration;

use contract::mail::route_programmer::HostView;

use super::jobs::JobStep;
use super::{PROGRAMS_MAX, RouteAction, RouteProgrammer, Target};
use crate::plan::{Check, Unit};
use contract::ports::host::HostChange;

/// What a turn found out about the time to come.
#[derive(Debug, Default)]
struct Wants {
    read: bool,
    /// A reading of pods' namespaces, too.
    pods: bool,
    wake_at: Option<Duration>,
}

impl Wants {
    fn wake(&mut self, at: Duration) {
        self.wake_at = Some(self.wake_at.map_or(at, |before| before.min(at)));
    }
}

impl RouteProgrammer {
    /// The actions that are due, and when to be asked again if nothing happens.
    pub(crate) fn turn(&mut self, now: Duration) -> (Vec<RouteAction>, Option<Duration>) {
        self.reads.starts(now);
        let mut wants = Wants::default();
        self.survey_again(now);
        self.answer_plans(now);
        (wants.read, wants.pods) = self.answer_looks();
        self.turn_jobs(now, &mut wants);
        self.survey_again(now);
        self.turn_repairs(now, &mut wants);
        for at in [self.turn_table(now), self.turn_news(now)].into_iter().flatten() {
            wants.wake(at);
        }
        self.plans.iter().for_each(|wait| wants.wake(wait.wake_at(now)));
        self.turn_reads(now, &mut wants);
        self.publish();
        (std::mem::take(&mut self.outbox), wants.wake_at)
    }

    fn turn_jobs(&mut self, now: Duration, wants: &mut Wants) {
        let mut taken = BTreeSet::new();
        for id in self.jobs.iter().map(|job| job.id).collect::<Vec<_>>() {
            let Some(position) = self.jobs.iter().position(|job| job.id == id) else {
                continue;
            };
            let Some(job) = self.jobs.get(position) else {
                continue;
            };
            let address = job.address;
            let repaired = self.under_way.contains_key(&Target::Repair(Unit::Pod(address)));
            if !taken.insert(address) || repaired || self.under_way.contains_key(&Target::Job(id)) {
                continue;
            }
            match self.next_step(job, now) {
                JobStep::Read => wants.read = true,
                JobStep::ReadLink(ifindex) => self.read_link(id, ifindex),
                JobStep::Wait(until) => wants.wake(until),
                JobStep::Change(changes, checks) => self.begin_job(position, changes, checks),
                JobStep::ReadAgain => {
                    if let Some(at) = self.read_again(position, now) {
                        wants.wake(at);
                    }
                }
                JobStep::Setback(cause) => {
                    self.setback(position, cause, now);
                    match self.jobs.get(position).filter(|job| job.id == id) {
                        Some(job) => wants.wake(job.again_at),
                        None => {
                            taken.remove(&address);
                        }
                    }
                }
                // The next job of this address takes its turn in the same pass.
                JobStep::End(result) => {
                    self.end_job(position, result);
                    taken.remove(&address);
                }
            }
        }
    }

    fn read_link(&mut self, job: u64, ifindex: u32) {
        if self.under_way.len() < PROGRAMS_MAX {
            self.under_way.insert(Target::Job(job), Vec::new());
            self.outbox.push(RouteAction::ReadLink { job, ifindex });
        }
    }

    fn begin_job(&mut self, position: usize, changes: Vec<HostChange>, checks: Vec<Check>) {
        if self.under_way.len() >= PROGRAMS_MAX {
            return;
        }
        if let Some(job) = self.jobs.get_mut(position) {
            let questions = checks.iter().map(|check| check.question).collect();
            job.checks = checks;
            let target = Target::Job(job.id);
            self.program(target, changes, questions);
        }
    }

    fn turn_repairs(&mut self, now: Duration, wants: &mut Wants) {
        let mut due = Vec::new();
        for (unit, repair) in &self.repairs {
            let healed = !self.survey.needs.contains_key(unit);
            if healed || self.under_way.contains_key(&Target::Repair(unit.clone())) || self.has_job(unit) {
                continue;
            }
            if repair.again_at > now {
                wants.wake(repair.again_at);
            } else if self.reads.current <= repair.seen {
                wants.read = true;
            } else {
                due.push(unit.clone());
            }
        }
        let room = PROGRAMS_MAX.saturating_sub(self.under_way.len());
        for unit in due.into_iter().take(room) {
            if let Some(changes) = self.survey.needs.get(&unit).cloned() {
                self.program(Target::Repair(unit), changes, Vec::new());
            }
        }
    }

    fn program(
        &mut self,
        target: Target,
        changes: Vec<HostChange>,
        questions: Vec<contract::ports::host::RouteQuestion>,
    ) {
        self.under_way.insert(target.clone(), changes.clone());
        self.outbox.push(RouteAction::Program { target, changes, questions });
    }

    fn turn_reads(&mut self, now: Duration, wants: &mut Wants) {
        if self.reads.under_way() {
            return;
        }
        let due_at = self.reads.due_at(self.listening.look_every());
        let wanted = wants.read || wants.pods || self.reads.failures > 0;
        let soonest = [self.link_poll_at(), self.reads.missed_at(), wanted.then_some(now)];
        let at = soonest.into_iter().flatten().fold(due_at, Duration::min).max(self.reads.again_at);
        if at <= now {
            let pods = wants.pods || due_at <= now;
            let number = self.reads.begin(pods);
            self.outbox.push(RouteAction::Read { number, pods });
        } else {
            wants.wake(at);
        }
    }

    fn publish(&mut self) {
        let view = self.view();
        if self.published.as_ref() != Some(&view) {
            self.published = Some(view.clone());
            self.outbox.push(RouteAction::Publish(view));
        }
    }

    /// The primary ENI counts as ready while no EC2 fact says otherwise: its side is the node's own.
    fn view(&self) -> HostView {
        let failed = self.repairs.values().find_map(|repair| repair.cause.clone());
        let missing = || self.survey.missing.values().next().cloned();
        let trouble = self.reads.trouble.clone().or(failed).or_else(|| self.table.trouble.clone());
        HostView {
            read: true,
            enis_ready: u32::try_from(self.survey.standing.len()).unwrap_or(u32::MAX),
            trouble: trouble.or_else(missing).or_else(|| self.listening.trouble.clone()),
            changes: self.changes,
        }
    }
}
