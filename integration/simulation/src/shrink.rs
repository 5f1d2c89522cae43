//! A failing script made smaller: steps are left out, in ever smaller groups, for as long as the same is still broken, and times
//! that pass one after the other become one.

use crate::plant::Plant;
use crate::play::{Played, play};
use crate::script::{Script, Step};

/// Runs at most; a script has some hundred steps, and most go in the first dozens of runs.
const RUNS_MAX: u32 = 400;

/// The smallest script found that still breaks a promise, and what its run showed.
///
/// # Errors
/// As [`play`].
pub fn shrink(script: &Script, plant: Option<Plant>) -> Result<(Script, Played), String> {
    let mut best = (script.clone(), play(script, plant)?);
    let wanted = kind(&best.1);
    let mut runs = 0;
    let mut group = best.0.step.len().div_ceil(2);
    while group > 0 {
        let mut at = 0;
        let mut smaller = false;
        while at < best.0.step.len() && runs < RUNS_MAX {
            let candidate = without(&best.0, at, group);
            let played = play(&candidate, plant)?;
            runs += 1;
            if kind(&played) == wanted {
                best = (candidate, played);
                smaller = true;
            } else {
                at += group;
            }
        }
        if group == 1 && !smaller || runs >= RUNS_MAX {
            break;
        }
        group = if group == 1 { 1 } else { group / 2 };
    }
    let merged = passes_merged(&best.0);
    let played = play(&merged, plant)?;
    if kind(&played) == wanted {
        best = (merged, played);
    }
    Ok(best)
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
