//! Scripted rules in force: who counts them, and which fire. What they do to a call is theirs to say.

use std::time::Duration;

use crate::error::RegionError;
use crate::when::{Facts, Trigger, When};

/// A rule as it is scripted.
pub(crate) trait Rule {
    /// What happens to what it hits.
    type Fault: Clone;

    fn when(&self) -> &When;
    fn hits_max(&self) -> Option<u64>;
    fn fault(&self) -> &Self::Fault;
    /// Whether it has nobody listen.
    fn is_refusal(&self) -> bool;
    /// Whether it concerns whatever comes over a connection.
    fn is_of_all(&self) -> bool;
}

#[derive(Debug, Clone)]
struct Armed<R> {
    rule: R,
    trigger: Trigger,
}

/// The rules in force, in the order in which they were armed.
#[derive(Debug, Clone)]
pub(crate) struct Rules<R>(Vec<Armed<R>>);

impl<R> Default for Rules<R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<R: Rule> Rules<R> {
    pub(crate) fn add(&mut self, rule: R) -> Result<(), RegionError> {
        let is_by_time = rule.is_of_all() && rule.hits_max().is_none() && rule.when().is_by_time();
        if rule.is_refusal() && !is_by_time {
            return Err(RegionError::RefusesByTime);
        }
        let trigger = Trigger::new(rule.when().clone(), rule.hits_max())?;
        self.0.push(Armed { rule, trigger });
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Counts a call on every rule that concerns it; what those that fire do.
    pub(crate) fn fired(
        &mut self,
        concerns: impl Fn(&R) -> bool,
        now: Duration,
        facts: &impl Facts,
    ) -> Vec<R::Fault> {
        let concerned = self.0.iter_mut().filter(|armed| concerns(&armed.rule));
        let fired =
            concerned.filter_map(|armed| armed.trigger.fires(now, facts).then(|| armed.rule.fault().clone()));
        fired.collect()
    }

    /// Whether one of those rules has nobody listen now.
    pub(crate) fn refuses(&self, concerns: impl Fn(&R) -> bool, now: Duration) -> bool {
        self.refusals().any(|armed| concerns(&armed.rule) && armed.trigger.covers(now))
    }

    /// When that next changes, at the earliest.
    pub(crate) fn refusal_turns_after(&self, now: Duration) -> Option<Duration> {
        self.refusals().filter_map(|armed| armed.trigger.turns_after(now)).min()
    }

    fn refusals(&self) -> impl Iterator<Item = &Armed<R>> {
        self.0.iter().filter(|armed| armed.rule.is_refusal())
    }
}
