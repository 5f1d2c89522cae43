//! When the host was last read, and what was changed while it was being read. A number tells whether a snapshot is newer than
//! an event: reading N began after every event that noted a number below N.

use std::time::Duration;

use contract::causes::Cause;
use contract::ports::host::{HostChange, HostError, HostSnapshot};

use super::answers::unread;
use super::{RouteProgrammer, Target};
use crate::plan::{Unit, fold, keep_behind};

/// After a failed reading: the first pause, doubled each time.
const READ_AGAIN_FIRST: Duration = Duration::from_millis(100);

/// The longest such pause.
const READ_AGAIN_MOST: Duration = Duration::from_secs(30);

/// While somebody waits for an ENI's link, it is looked for this often, should the kernel not tell of it.
const LINK_POLL: Duration = Duration::from_secs(1);

/// Whether anybody waits or not, it is looked for so often at least.
const LINK_POLL_MOST: Duration = Duration::from_secs(30);

/// Between two readings that nobody waits for but that something was missed.
const MISSED_AGAIN: Duration = Duration::from_secs(1);

/// The readings.
#[derive(Debug)]
pub(crate) struct Reads {
    /// Number of the newest reading that began.
    pub(crate) begun: u64,
    /// Number of the reading that the held snapshot is of.
    pub(crate) current: u64,
    /// Number of the newest reading of pods' namespaces that began.
    pods_begun: u64,
    /// Number of the newest one that ended well.
    pub(crate) pods: u64,
    /// When that was: pods' namespaces are looked at by their own measure.
    pods_ended_at: Option<Duration>,
    /// Changes made since the reading under way began; `None` if none is under way.
    since: Option<Vec<HostChange>>,
    /// A reading with a higher number is wanted: something happened that nobody could tell of, or that the last one may have passed.
    missed: u64,
    /// When the last one ended; `None` until the first turn after recovery.
    pub(crate) ended_at: Option<Duration>,
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Not before.
    pub(crate) again_at: Duration,
    /// Why the last one failed.
    pub(crate) trouble: Option<Cause>,
}

impl Reads {
    /// The snapshot in hand is of the first reading.
    pub(crate) fn first() -> Self {
        Self {
            begun: 1,
            current: 1,
            pods_begun: 1,
            pods: 1,
            pods_ended_at: None,
            since: None,
            missed: 0,
            ended_at: None,
            failures: 0,
            again_at: Duration::ZERO,
            trouble: None,
        }
    }

    /// A new one begins, of pods' namespaces too or not.
    pub(crate) fn begin(&mut self, pods: bool) -> u64 {
        self.begun += 1;
        if pods {
            self.pods_begun = self.begun;
        }
        self.since = Some(Vec::new());
        self.begun
    }

    /// One is under way.
    pub(crate) fn under_way(&self) -> bool {
        self.since.is_some()
    }

    /// A reading of everything is due though nobody asked for it.
    pub(crate) fn due_at(&self, every: Duration) -> Duration {
        self.pods_ended_at.unwrap_or_default() + every
    }

    /// When what was missed is to be made up for.
    pub(crate) fn missed_at(&self) -> Option<Duration> {
        (self.current <= self.missed).then(|| self.ended_at.unwrap_or_default() + MISSED_AGAIN)
    }

    /// The first turn: the snapshot in hand was read just before.
    pub(crate) fn starts(&mut self, now: Duration) {
        self.ended_at.get_or_insert(now);
        self.pods_ended_at.get_or_insert(now);
    }

    /// The next reading is to make up for what was missed.
    pub(crate) fn miss(&mut self) {
        self.missed = self.begun;
    }
}

/// `first`, doubled for each failure after the first, at most `most`.
pub(crate) fn backoff(first: Duration, failures: u32, most: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    first.saturating_mul(1 << doublings).min(most)
}

impl RouteProgrammer {
    pub(crate) fn read_ended(&mut self, number: u64, result: Result<HostSnapshot, HostError>, now: Duration) {
        if number != self.reads.begun {
            return;
        }
        let since = self.reads.since.take().unwrap_or_default();
        self.reads.ended_at = Some(now);
        match result {
            Ok(mut host) => {
                if number == self.reads.pods_begun {
                    self.reads.pods = number;
                    self.reads.pods_ended_at = Some(now);
                } else {
                    keep_behind(&mut host, &self.host);
                }
                if !host.complete {
                    self.reads.miss();
                }
                // The reading may have passed a place before a change was made there.
                since.iter().for_each(|change| fold(&mut host, change));
                self.host = host;
                self.reads.current = number;
                self.reads.failures = 0;
                self.reads.trouble = None;
                self.survey_stale = true;
                self.just_read = true;
            }
            Err(error) => {
                let cause = unread(&error);
                self.reads.failures = self.reads.failures.saturating_add(1);
                self.reads.again_at = now + backoff(READ_AGAIN_FIRST, self.reads.failures, READ_AGAIN_MOST);
                self.reads.trouble = Some(cause.clone());
                self.setback_readers(number, &cause, now);
                self.refuse_lookers(number, &cause);
            }
        }
    }

    /// Takes the changes of `target` that were made into the held snapshot, and into the one being read. Gives back what was
    /// asked for, and how many of it were made.
    pub(crate) fn note_changes(&mut self, target: &Target, done: usize) -> (Vec<HostChange>, usize) {
        let asked = self.under_way.remove(target).unwrap_or_default();
        for change in asked.iter().take(done) {
            fold(&mut self.host, change);
            if let Some(since) = &mut self.reads.since {
                since.push(change.clone());
            }
            self.changes = self.changes.saturating_add(1);
        }
        if done < asked.len() {
            self.doubt_readings_of(target);
        }
        if self.doubted {
            self.reads.miss();
            self.doubted = !self.under_way.is_empty();
        }
        self.survey_stale = true;
        (asked, done)
    }

    /// A change of this target that ended without an answer may have been made after a reading passed its place: what the address
    /// has is told by a reading that begins from now on.
    fn doubt_readings_of(&mut self, target: &Target) {
        let address = match target {
            Target::Repair(Unit::Pod(address)) => Some(*address),
            Target::Job(id) => self.jobs.iter().find(|job| job.id == *id).map(|job| job.address),
            Target::Repair(_) => None,
        };
        for job in self.jobs.iter_mut().filter(|job| Some(job.address) == address) {
            job.seen = self.reads.begun;
        }
    }

    /// When to look again for ENI links that are missing: soon while somebody waits, else ever less often.
    pub(crate) fn link_poll_at(&self) -> Option<Duration> {
        let last = self.reads.ended_at.unwrap_or_default();
        let awaited = !self.plans.is_empty() || self.jobs.iter().any(|job| job.wants_eni().is_some());
        self.missing_since
            .values()
            .map(|since| {
                let age = last.saturating_sub(*since);
                let pause = if awaited { LINK_POLL } else { (age / 4).clamp(LINK_POLL, LINK_POLL_MOST) };
                last + pause
            })
            .min()
    }

    /// Whether an address has a job that is waiting or under way.
    pub(crate) fn has_job(&self, unit: &Unit) -> bool {
        matches!(unit, Unit::Pod(address) if self.jobs.iter().any(|job| job.address == *address))
    }
}
