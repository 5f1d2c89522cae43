//! A kind of call to the outside: whether one is under way, when the next may be made, and what was wrong with the last. Pure.

use contract::Boottime;
use contract::causes::Cause;
use std::time::Duration;

use crate::backoff::Backoff;

/// What a change that failed tells of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// It was not done, and may be asked for again as it is.
    NotYet,
    /// EC2 does not do it, or has done it already: what is so must be read.
    Refused,
    /// Nobody knows whether it was done.
    Unknown,
}

impl Failure {
    pub(crate) fn of(cause: &Cause) -> Self {
        match cause {
            Cause::Throttled { .. } | Cause::Credentials { .. } => Self::NotYet,
            Cause::Unauthorized { .. } | Cause::Ec2Refused { .. } => Self::Refused,
            _ => Self::Unknown,
        }
    }
}

/// Looks at the same thing again, ever less often, until EC2 shows what it has done.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    made: u32,
}

impl Looks {
    /// The pause before the next one: 200 ms, doubled each time, at most `longest`.
    pub(crate) fn next_pause(&mut self, longest: Duration) -> Duration {
        const FIRST: Duration = Duration::from_millis(200);
        let pause = FIRST.saturating_mul(1 << self.made.min(9)).min(longest);
        self.made = self.made.saturating_add(1);
        pause
    }
}

/// A kind of call of which one is under way at a time.
#[derive(Debug, Default)]
pub(crate) struct Call {
    pub(crate) under_way: bool,
    pub(crate) backoff: Backoff,
    /// The last attempt failed.
    pub(crate) trouble: Option<Cause>,
}

impl Call {
    pub(crate) fn may_start(&self, now: Boottime) -> bool {
        !self.under_way && self.backoff.open(now)
    }

    /// When it may be made again; `None` while it is under way.
    pub(crate) fn next_at(&self) -> Option<Boottime> {
        (!self.under_way).then_some(self.backoff.not_before())
    }

    /// All is well with it, as far as anybody knows.
    pub(crate) fn worked(&mut self) {
        self.backoff.worked();
        self.trouble = None;
    }

    pub(crate) fn failed(&mut self, cause: Cause, now: Boottime, seed: u64) {
        self.backoff.failed(now, seed);
        self.trouble = Some(cause);
    }

    pub(crate) fn ended<T>(&mut self, result: Result<T, Cause>, now: Boottime, seed: u64) -> Option<T> {
        self.under_way = false;
        match result {
            Ok(value) => {
                self.worked();
                Some(value)
            }
            Err(cause) => {
                self.failed(cause, now, seed);
                None
            }
        }
    }

    /// The same for a call to the metadata service.
    pub(crate) fn ended_nearby<T>(
        &mut self,
        result: Result<T, Cause>,
        now: Boottime,
        seed: u64,
    ) -> Option<T> {
        let value = self.ended(result, now, seed);
        self.backoff.nearby(now);
        value
    }
}
