//! Chance from a seed: the same seed rolls the same numbers for ever.

use std::time::Duration;

/// A generator (splitmix64): small, and as good as a simulation needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dice(u64);

impl Dice {
    /// Dice of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Dice of their own for one purpose, so that what is rolled for one does not move another.
    #[must_use]
    pub fn for_purpose(&self, purpose: u64) -> Self {
        let mut dice = Self(self.0 ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        dice.roll();
        dice
    }

    /// Any number.
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if that is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll().checked_rem(bound).unwrap_or(0)
    }

    /// Whether it happens, at so many times in a thousand.
    pub fn per_mille(&mut self, times: u16) -> bool {
        self.below(1000) < u64::from(times)
    }

    /// A time of at most this many milliseconds, in microseconds: most are short.
    pub fn up_to_milliseconds(&mut self, most: u64) -> Duration {
        let bound = most.saturating_mul(1000).saturating_add(1);
        let once = self.below(bound);
        Duration::from_micros(once.min(self.below(bound)))
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = usize::try_from(self.below(of.len() as u64)).unwrap_or(0);
        of.get(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_rolls_the_same_numbers_and_purposes_do_not_move_one_another() {
        let rolls = |mut dice: Dice| (0..5).map(|_| dice.roll()).collect::<Vec<_>>();
        let dice = Dice::new(7);
        assert_eq!(rolls(dice.clone()), rolls(Dice::new(7)));
        assert_ne!(rolls(dice.for_purpose(1)), rolls(dice.for_purpose(2)));
        assert_ne!(rolls(Dice::new(7)), rolls(Dice::new(8)));
    }

    #[test]
    fn chances_are_about_what_they_say() {
        let mut dice = Dice::new(3);
        let hits = (0..10_000).filter(|_| dice.per_mille(250)).count();
        assert!((2_300..2_700).contains(&hits), "{hits}");
        assert!((0..1000).all(|_| dice.below(3) < 3));
        assert_eq!((dice.below(0), dice.pick::<u8>(&[])), (0, None));
    }
}
