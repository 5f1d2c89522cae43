//! When a scripted fault fires: by call count, by rate, by time, by the state of the region. Counters and a clock reading in,
//! yes or no out; what then goes wrong is not known here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::RegionError;
use crate::ids::{SubnetId, mix};
use crate::throttle::Level;

/// Which calls a rule fires on. Calls are counted per rule, from 1, over those that the rule concerns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum When {
    /// Every call.
    Always,
    /// The nth call alone.
    Nth(u64),
    /// The first n calls.
    First(u64),
    /// `hits` out of `of` calls, evenly spread and always the same ones.
    Rate {
        /// Calls hit.
        hits: u64,
        /// Out of so many.
        of: u64,
    },
    /// Each call with the chance of `hits` in `of`: scattered, and the same for the same seed.
    Chance {
        /// Calls hit.
        hits: u64,
        /// Out of so many, in the long run.
        of: u64,
        /// Another seed hits other calls.
        #[serde(default)]
        seed: u64,
    },
    /// Calls from one time on and before another, since the region's start.
    Between {
        /// From here.
        from_milliseconds: u64,
        /// To before here.
        to_milliseconds: u64,
    },
    /// Calls that find a token bucket of the rule's own empty.
    Over {
        /// Calls it holds when full, which is how it starts.
        capacity: u32,
        /// Calls that come back per second.
        refill_per_second: u32,
    },
    /// Calls while this subnet has no free address.
    SubnetFull(SubnetId),
    /// Calls while the region is in this state.
    While(State),
    /// Calls for which all of these hold. Two buckets in one rule are one bucket.
    All(Vec<When>),
}

/// A state of the region, as seen from a call: its caller's, or anybody's if the caller is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The subnet that the call names, itself or by its ENI, has no free address; if it names none, the subnet of the caller.
    SubnetFull,
    /// An ENI is on its way to the caller.
    EniAttaching,
    /// An ENI is on its way off the caller.
    EniDetaching,
    /// The caller is stopping.
    InstanceStopping,
    /// The caller's role has no credentials yet.
    NoCredentials,
}

/// What a condition may ask of the region.
pub(crate) trait Facts {
    fn is_full(&self, subnet: &SubnetId) -> bool;
    fn holds(&self, state: State) -> bool;
}

/// A condition and what it has seen.
#[derive(Debug, Clone)]
pub(crate) struct Trigger {
    when: When,
    hits_max: Option<u64>,
    seen: u64,
    hits: u64,
    level: Level,
}

// === impl Trigger ===

impl Trigger {
    pub(crate) fn new(when: When, hits_max: Option<u64>) -> Result<Self, RegionError> {
        when.check()?;
        Ok(Self { when, hits_max, seen: 0, hits: 0, level: Level::default() })
    }

    /// Counts a call, and says whether it is hit.
    pub(crate) fn fires(&mut self, now: Duration, facts: &impl Facts) -> bool {
        self.seen += 1;
        let due = self.when.holds(self.seen, now, facts, &mut self.level);
        let fires = due && self.hits_max.is_none_or(|most| self.hits < most);
        self.hits += u64::from(fires);
        fires
    }

    /// Whether it holds at this time, for a condition that asks for nothing else.
    pub(crate) fn covers(&self, now: Duration) -> bool {
        self.when.window().is_some_and(|(from, to)| from <= now && now < to)
    }

    /// The next time at which [`Trigger::covers`] changes.
    pub(crate) fn turns_after(&self, now: Duration) -> Option<Duration> {
        let (from, to) = self.when.window()?;
        [from, to].into_iter().find(|at| *at > now && *at < Duration::MAX)
    }
}

// === impl When ===

impl When {
    /// Whether it asks for the time alone.
    pub(crate) fn is_by_time(&self) -> bool {
        self.window().is_some()
    }

    fn window(&self) -> Option<(Duration, Duration)> {
        match self {
            Self::Always => Some((Duration::ZERO, Duration::MAX)),
            Self::Between { from_milliseconds, to_milliseconds } => {
                Some((Duration::from_millis(*from_milliseconds), Duration::from_millis(*to_milliseconds)))
            }
            _ => None,
        }
    }

    fn check(&self) -> Result<(), RegionError> {
        match self {
            Self::Rate { hits, of } | Self::Chance { hits, of, .. } if *of == 0 || hits > of => {
                Err(RegionError::Rate { hits: *hits, of: *of })
            }
            Self::All(all) if all.is_empty() => Err(RegionError::NoCondition),
            Self::All(all) => all.iter().try_for_each(Self::check),
            _ => Ok(()),
        }
    }

    fn holds(&self, call: u64, now: Duration, facts: &impl Facts, level: &mut Level) -> bool {
        match self {
            Self::Always | Self::Between { .. } => {
                self.window().is_some_and(|(from, to)| from <= now && now < to)
            }
            Self::Nth(nth) => call == *nth,
            Self::First(count) => call <= *count,
            Self::Rate { hits, of } => spread(call, *hits, *of) > spread(call - 1, *hits, *of),
            Self::Chance { hits, of, seed } => {
                mix(mix(*seed).wrapping_add(call)).checked_rem(*of).is_some_and(|drawn| drawn < *hits)
            }
            Self::Over { capacity, refill_per_second } => !level.take(*capacity, *refill_per_second, now),
            Self::SubnetFull(subnet) => facts.is_full(subnet),
            Self::While(state) => facts.holds(*state),
            Self::All(all) => all.iter().all(|when| when.holds(call, now, facts, level)),
        }
    }
}

/// Hits due after so many calls.
fn spread(calls: u64, hits: u64, of: u64) -> u128 {
    u128::from(calls) * u128::from(hits) / u128::from(of.max(1))
}
