//! One thing that is kept on the disk: which of its images is durable, and which are on their way.

use std::collections::BTreeMap;

use crate::dice::Dice;

/// A kept thing.
#[derive(Debug, Clone)]
pub(crate) struct Slot<T> {
    pub(crate) durable: T,
    /// On their way, by number.
    writing: BTreeMap<u64, T>,
    begun: u64,
}

impl<T: Default> Default for Slot<T> {
    fn default() -> Self {
        Self { durable: T::default(), writing: BTreeMap::new(), begun: 0 }
    }
}

impl<T> Slot<T> {
    pub(crate) fn begin(&mut self, image: T) -> u64 {
        self.begun += 1;
        self.writing.insert(self.begun, image);
        self.begun
    }

    /// A write comes to its end, if the process that asked for it still lives; whether it came to the disk now.
    pub(crate) fn end(&mut self, number: u64, done: bool) -> bool {
        match self.writing.remove(&number).filter(|_| done) {
            Some(image) => {
                self.durable = image;
                true
            }
            None => false,
        }
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.writing.is_empty()
    }

    /// The process is gone: each write on its way has come to the disk or has not. Whether any has.
    pub(crate) fn process_dies(&mut self, dice: &mut Dice) -> bool {
        let numbers: Vec<u64> = self.writing.keys().copied().collect();
        let arrivals = numbers.into_iter().map(|number| {
            let arrived = dice.per_mille(500);
            self.end(number, arrived)
        });
        arrivals.fold(false, |any, arrived| any | arrived)
    }
}
