//! A kind of call to the outside: whether one is under way, when the next may be made, and what was wrong with the last. Pure.

use contract::Boottime;
use contract::causes::Cause;

use crate::backoff::Backoff;

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
