//! How long what was repaired stays so. Another program that undoes a repair as soon as it hears of it would make the two of us run
//! as fast as both can; each round within half a minute of the last is paused for longer.

use std::time::Duration;

use super::reads::backoff;

/// A repair that held for so long has held.
const HOLDS_AFTER: Duration = Duration::from_secs(30);

/// The pause of the second round, doubled each time.
const PAUSE_FIRST: Duration = Duration::from_millis(200);

/// The longest pause.
const PAUSE_MOST: Duration = Duration::from_secs(30);

/// One thing's peace.
#[derive(Debug, Default)]
pub(crate) struct Peace {
    healed_at: Option<Duration>,
    /// Rounds in a row.
    pub(crate) rounds: u32,
}

impl Peace {
    /// It was repaired.
    pub(crate) fn healed(&mut self, now: Duration) {
        self.healed_at = Some(now);
    }

    /// It may still be broken by somebody who fights it.
    pub(crate) fn is_fresh(&self, now: Duration) -> bool {
        self.healed_at.is_some_and(|at| now < at + HOLDS_AFTER)
    }

    /// It is to be repaired again: after which pause, if it was repaired just now.
    pub(crate) fn broken(&mut self, now: Duration) -> Option<Duration> {
        let fresh = self.is_fresh(now);
        self.healed_at.take()?;
        self.rounds = if fresh { self.rounds.saturating_add(1) } else { 0 };
        fresh.then(|| backoff(PAUSE_FIRST, self.rounds, PAUSE_MOST))
    }
}
