//! A failing script made smaller: steps are left out, in ever smaller groups, for as long as the same is still broken, and times
//! that pass one after the other become one.

use crate::plant::Plant;
use crate::play::{Played, play};
use crate::script::{Script, Step};

/// Runs at most; a script has some hundred steps, and most go in the first dozens of runs.
const RUNS_MAX: u32 = 400;

/// A smaller script is tried with so many seeds.
const ROLLS: u64 = 3;

/// The smallest script found that still breaks a promise, and what its run showed.
///
/// # Errors
/// As [`play`].
pub fn shrink(script: &Script, plant: Option<Plant>) -> Result<(Script, Played), String> {
    let played = play(script, plant)?;
    let wanted = kind(&played);
    let mut smaller = Smaller { plant, wanted, best: (script.clone(), played), runs: 0 };
    smaller.cut_the_end()?;
    smaller.leave_out(smaller.length().div_ceil(2))?;
    if smaller.takes(passes_merged(&smaller.best.0))? {
        smaller.leave_out(1)?;
    }
    Ok(smaller.best)
}

/// What was found so far.
struct Smaller {
    plant: Option<Plant>,
    wanted: Option<String>,
    best: (Script, Played),
    runs: u32,
}

impl Smaller {
    fn length(&self) -> usize {
        self.best.0.step.len()
    }

    /// Whether this one breaks the same; then it is the best. With fewer calls every later one rolls other dice, so that a few others
    /// are tried, too.
    fn takes(&mut self, mut candidate: Script) -> Result<bool, String> {
        for _ in 0..ROLLS {
            let played = play(&candidate, self.plant)?;
            self.runs += 1;
            if kind(&played) == self.wanted {
                self.best = (candidate, played);
                return Ok(true);
            }
            candidate.seed = candidate.seed.wrapping_add(1);
        }
        Ok(false)
    }

    /// What comes after the break explains nothing.
    fn cut_the_end(&mut self) -> Result<(), String> {
        let mut kept = 0;
        while kept < self.length() {
            let half = (kept + self.length()) / 2;
            if !self.takes(without(&self.best.0, half, usize::MAX))? {
                kept = half + 1;
            }
        }
        Ok(())
    }

    /// Leaves out so many steps at a time, then half as many, at last each by itself until none can go.
    fn leave_out(&mut self, mut group: usize) -> Result<(), String> {
        while group > 0 && self.runs < RUNS_MAX {
            let (mut at, before) = (0, self.length());
            while at < self.length() && self.runs < RUNS_MAX {
                if !self.takes(without(&self.best.0, at, group))? {
                    at += group;
                }
            }
            let went = self.length() < before;
            group = if group == 1 && went { 1 } else { group / 2 };
        }
        Ok(())
    }
}

/// Times that pass one after the other are one time that passes.
fn passes_merged(script: &Script) -> Script {
    let mut merged = Script { step: Vec::new(), ..script.clone() };
    for step in &script.step {
        match (merged.step.last_mut(), step) {
            (Some(Step::Pass { milliseconds: before }), Step::Pass { milliseconds }) => {
                *before += milliseconds
            }
            _ => merged.step.push(step.clone()),
        }
    }
    merged
}

/// What was broken, without the numbers and names in it: a smaller script that breaks something else explains nothing.
fn kind(played: &Played) -> Option<String> {
    let (_, what) = played.violation.as_ref()?;
    let nameless = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
    Some(what.split_whitespace().filter(nameless).collect::<Vec<_>>().join(" "))
}

fn without(script: &Script, at: usize, count: usize) -> Script {
    let mut smaller = script.clone();
    let end = at.saturating_add(count).min(smaller.step.len());
    smaller.step.drain(at..end);
    smaller
}
