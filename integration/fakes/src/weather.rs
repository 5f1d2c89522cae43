//! What goes wrong, and how often. Data, and the roll for one call.

use serde::{Deserialize, Serialize};
use std::time::Duration;

use crate::dice::Dice;

/// How slow one part of the world is, and how often in a thousand calls something goes wrong there. The rest goes well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Odds {
    /// A call and its answer travel at most this long together, milliseconds.
    #[serde(skip_serializing_if = "is_none")]
    pub slow_milliseconds: u64,
    /// Refused, and nothing changes.
    #[serde(skip_serializing_if = "is_none")]
    pub refused: u16,
    /// The connection breaks before anything was done.
    #[serde(skip_serializing_if = "is_none")]
    pub lost_before: u16,
    /// It was done, and the answer is lost.
    #[serde(skip_serializing_if = "is_none")]
    pub lost_after: u16,
    /// Nothing was done, and no answer comes: the caller's own timeout ends it.
    #[serde(skip_serializing_if = "is_none")]
    pub hangs: u16,
}

/// What is as it is when nothing is said is not written.
fn is_none<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The weather: everywhere at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Weather {
    /// EC2.
    #[serde(skip_serializing_if = "is_none")]
    pub ec2: Odds,
    /// The metadata service.
    #[serde(skip_serializing_if = "is_none")]
    pub imds: Odds,
    /// The kernel's network.
    #[serde(skip_serializing_if = "is_none")]
    pub host: Odds,
    /// The disk.
    #[serde(skip_serializing_if = "is_none")]
    pub disk: Odds,
}

/// The parts of the world that a call goes to. Each has its own dice, so that what happens in one moves nothing in another: a script
/// that becomes smaller stays the same story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Ec2,
    Imds,
    Host,
    /// What the kernel tells unasked: the same weather as the kernel's, and asked for all the time.
    News,
    Disk,
}

/// Dice of each part.
#[derive(Debug)]
pub(crate) struct PartDice([Dice; 5]);

impl PartDice {
    pub(crate) fn new(dice: &Dice) -> Self {
        Self([1, 2, 3, 4, 5].map(|part| dice.for_purpose(part)))
    }

    pub(crate) fn of(&mut self, part: Part) -> &mut Dice {
        let [ec2, imds, host, news, disk] = &mut self.0;
        match part {
            Part::Ec2 => ec2,
            Part::Imds => imds,
            Part::Host => host,
            Part::News => news,
            Part::Disk => disk,
        }
    }
}

impl Weather {
    pub(crate) fn odds(&self, part: Part) -> Odds {
        match part {
            Part::Ec2 => self.ec2,
            Part::Imds => self.imds,
            Part::Host | Part::News => self.host,
            Part::Disk => self.disk,
        }
    }
}

/// What becomes of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It works.
    Works,
    /// It is refused.
    Refused,
    /// It does not arrive.
    LostBefore,
    /// Its answer does not.
    LostAfter,
    /// It hangs.
    Hangs,
}

/// One call's fate, and how long its ways there and back take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Journey {
    pub(crate) there: Duration,
    pub(crate) back: Duration,
    pub(crate) fate: Fate,
}

impl Odds {
    /// Only slow.
    #[must_use]
    pub const fn slow(slow_milliseconds: u64) -> Self {
        Self { slow_milliseconds, refused: 0, lost_before: 0, lost_after: 0, hangs: 0 }
    }

    pub(crate) fn journey(&self, dice: &mut Dice) -> Journey {
        let there = dice.up_to_milliseconds(self.slow_milliseconds);
        let back = dice.up_to_milliseconds(self.slow_milliseconds);
        let rolled = dice.below(1000);
        let mut below = 0;
        let fates = [
            (self.refused, Fate::Refused),
            (self.lost_before, Fate::LostBefore),
            (self.lost_after, Fate::LostAfter),
            (self.hangs, Fate::Hangs),
        ];
        let fate = fates.into_iter().find_map(|(times, fate)| {
            below += u64::from(times);
            (rolled < below).then_some(fate)
        });
        Journey { there, back, fate: fate.unwrap_or(Fate::Works) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_comes_as_often_as_it_should() {
        let odds = Odds { refused: 100, lost_before: 200, lost_after: 300, hangs: 50, ..Odds::slow(4) };
        let mut dice = Dice::new(1);
        let journeys: Vec<Journey> = (0..10_000).map(|_| odds.journey(&mut dice)).collect();
        let count = |fate| journeys.iter().filter(|journey| journey.fate == fate).count();
        for (fate, about) in [
            (Fate::Refused, 1000),
            (Fate::LostBefore, 2000),
            (Fate::LostAfter, 3000),
            (Fate::Hangs, 500),
            (Fate::Works, 3500),
        ] {
            assert!(count(fate).abs_diff(about) < 300, "{fate:?}: {}", count(fate));
        }
        assert!(journeys.iter().all(|journey| journey.there <= Duration::from_millis(4)));
    }

    #[test]
    fn fair_weather_lets_everything_through_at_once() {
        let mut dice = Dice::new(1);
        let fair = Journey { there: Duration::ZERO, back: Duration::ZERO, fate: Fate::Works };
        assert!((0..1000).all(|_| Odds::default().journey(&mut dice) == fair));
    }
}
