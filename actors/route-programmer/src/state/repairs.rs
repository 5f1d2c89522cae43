//! Repairs: what the survey wants changed, unit by unit. A need that a view made is acted on only after a reading newer than the
//! view; one that a reading found is acted on at once. A unit that failed is left alone for a while.

use std::time::Duration;

use contract::causes::Cause;
use contract::ports::host::{HostChange, HostError};

use super::answers::stopped_at;
use super::peace::Peace;
use super::reads::backoff;
use super::{RouteProgrammer, Target};
use crate::plan::{Unit, desired, diff};

/// Pause after a repair failed, doubled each time.
const REPAIR_AGAIN_FIRST: Duration = Duration::from_millis(200);

/// The longest such pause.
const REPAIR_AGAIN_MOST: Duration = Duration::from_secs(30);

/// So many rounds with somebody who undoes a repair are told.
const ROUNDS_TOLD: u32 = 4;

/// One unit that wants changes, or did a moment ago.
#[derive(Debug, Default)]
pub(crate) struct Repair {
    /// Needs a reading with a higher number.
    pub(crate) seen: u64,
    /// Not before.
    pub(crate) again_at: Duration,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Why it failed last.
    pub(crate) cause: Option<Cause>,
    /// Changes were made, and the next survey must not want them again.
    pub(crate) made: bool,
    /// How long they stay.
    peace: Peace,
}

impl RouteProgrammer {
    /// Compares views and host again, if either changed.
    pub(crate) fn survey_again(&mut self, now: Duration) {
        if !std::mem::take(&mut self.survey_stale) {
            return;
        }
        let just_read = std::mem::take(&mut self.just_read);
        let leases = self.leases.iter().filter(|lease| !self.unwired.contains(&lease.address));
        let mut wanted = desired(&self.config, &self.enis, leases);
        if just_read {
            self.forget_departures();
        }
        wanted.departed.extend(&self.departed);
        self.survey = diff(&wanted, &self.host);
        self.table_again();

        let missing = &self.survey.missing;
        self.missing_since.retain(|eni, _| missing.contains_key(eni));
        for eni in missing.keys() {
            self.missing_since.entry(eni.clone()).or_insert(now);
        }

        self.judge_repairs(just_read, now);
    }

    fn judge_repairs(&mut self, just_read: bool, now: Duration) {
        let (needs, under_way, begun) = (&self.survey.needs, &self.under_way, self.reads.begun);
        self.repairs.retain(|unit, repair| {
            let wanted = needs.contains_key(unit) || under_way.contains_key(&Target::Repair(unit.clone()));
            if !wanted && std::mem::take(&mut repair.made) {
                repair.peace.healed(now);
                (repair.failures, repair.cause) = (0, None);
            }
            wanted || repair.peace.is_fresh(now)
        });
        let seen = if just_read { self.reads.current.saturating_sub(1) } else { begun };
        for unit in needs.keys() {
            let repair =
                self.repairs.entry(unit.clone()).or_insert_with(|| Repair { seen, ..Repair::default() });
            if std::mem::take(&mut repair.made) {
                set_back(repair, wanted_again("what was changed is wanted again"), begun, now);
            } else if let Some(pause) = repair.peace.broken(now) {
                (repair.seen, repair.again_at) = (begun, now + pause);
                if repair.peace.rounds >= ROUNDS_TOLD {
                    repair.cause = Some(wanted_again("somebody undoes it again and again"));
                }
            }
        }
    }

    /// The changes of a repair ended.
    pub(crate) fn repair_ended(
        &mut self,
        unit: &Unit,
        (asked, done): (Vec<HostChange>, usize),
        stopped: Option<&HostError>,
        now: Duration,
    ) {
        let begun = self.reads.begun;
        let Some(repair) = self.repairs.get_mut(unit) else {
            return;
        };
        match stopped {
            Some(error) => set_back(repair, stopped_at(asked.get(done), error), begun, now),
            None => repair.made = true,
        }
    }
}

fn wanted_again(detail: &str) -> Cause {
    Cause::HostWiring { step: "repair the host".to_owned(), detail: detail.to_owned() }
}

fn set_back(repair: &mut Repair, cause: Cause, begun: u64, now: Duration) {
    repair.failures = repair.failures.saturating_add(1);
    repair.again_at = now + backoff(REPAIR_AGAIN_FIRST, repair.failures, REPAIR_AGAIN_MOST);
    repair.seen = begun;
    repair.cause = Some(cause);
}
