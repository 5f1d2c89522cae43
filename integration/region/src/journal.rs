//! Every call that was made: the judge's book. It counts for ever and keeps the last entries whole; requests to the metadata
//! service are counted only.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::delivery::Delivery;
use crate::ids::InstanceId;

/// Entries kept whole; counts go on. A scenario makes thousands, a long simulation millions.
const ENTRIES_MAX: usize = 65_536;

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When, since the region's start.
    pub at: Duration,
    /// The action, as asked; empty if none was.
    pub action: String,
    /// Everything that was asked, in order.
    pub params: Vec<(String, String)>,
    /// Who asked, if known.
    pub caller: Option<InstanceId>,
    /// `OK`, or the code of the error the caller was to see; `Http502` and the like if a gateway answered instead; `Dropped`,
    /// `Reset`, `Hung` or `Refused` if the call was lost before it did anything.
    pub outcome: String,
    /// Whether anything was changed.
    pub mutated: bool,
    /// What became of the answer.
    pub delivery: Delivery,
    /// The request id.
    pub request_id: String,
}

/// The calls, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
    counts: BTreeMap<(String, String), u64>,
    mutations: u64,
    forgotten: u64,
    externals: VecDeque<Entry>,
    imds: BTreeMap<u16, u64>,
}

impl Journal {
    /// The calls that are kept whole, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter()
    }

    /// Entries that are only counted any more.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Calls in all.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Calls of one action, whatever came of them.
    #[must_use]
    pub fn count_action(&self, action: &str) -> u64 {
        self.sum(|(name, _)| name == action)
    }

    /// Calls with one outcome (`OK` or a code), of any action.
    #[must_use]
    pub fn count_outcome(&self, outcome: &str) -> u64 {
        self.sum(|(_, code)| code == outcome)
    }

    /// Calls of one action with one outcome.
    #[must_use]
    pub fn count(&self, action: &str, outcome: &str) -> u64 {
        self.sum(|(name, code)| name == action && code == outcome)
    }

    /// Calls that changed something.
    #[must_use]
    pub fn mutations(&self) -> u64 {
        self.mutations
    }

    /// Every (action, outcome) with its count.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<(String, String), u64> {
        &self.counts
    }

    /// Calls by action, whatever came of them.
    #[must_use]
    pub fn by_action(&self) -> BTreeMap<String, u64> {
        let mut calls = BTreeMap::new();
        for ((action, _), count) in &self.counts {
            *calls.entry(action.clone()).or_default() += count;
        }
        calls
    }

    /// Calls made by hand, behind everybody's back, oldest first. They are in no count.
    pub fn externals(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.externals.iter()
    }

    /// Requests to the metadata services, by the status they were answered with; 0: with none.
    #[must_use]
    pub fn imds_counts(&self) -> &BTreeMap<u16, u64> {
        &self.imds
    }

    pub(crate) fn record_imds(&mut self, status: u16) {
        *self.imds.entry(status).or_default() += 1;
    }

    pub(crate) fn record_external(&mut self, entry: Entry) {
        if self.externals.len() == ENTRIES_MAX {
            self.externals.pop_front();
        }
        self.externals.push_back(entry);
    }

    pub(crate) fn record(&mut self, entry: Entry) {
        *self.counts.entry((entry.action.clone(), entry.outcome.clone())).or_default() += 1;
        self.mutations += u64::from(entry.mutated);
        if self.entries.len() == ENTRIES_MAX {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        self.entries.push_back(entry);
    }

    fn sum(&self, wanted: impl Fn(&(String, String)) -> bool) -> u64 {
        self.counts.iter().filter(|(key, _)| wanted(key)).map(|(_, count)| count).sum()
    }
}
