//! Many scripts, one after another, until so many steps were taken or one promise was broken.

use std::time::Duration;

use crate::judge::Adds;
use crate::plant::Plant;
use crate::play::{Played, play};
use crate::script::Script;
use crate::shrink::shrink;

/// What to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Campaign {
    /// At least so many turns of rooms.
    pub steps: u64,
    /// The first script's seed; the others follow it.
    pub seed: u64,
    /// A bug to plant.
    pub plant: Option<Plant>,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The seed of the script that failed.
    pub seed: u64,
    /// After so many steps of the campaign.
    pub after_steps: u64,
    /// What was broken.
    pub violation: String,
    /// The script, made as small as possible.
    pub script: Script,
    /// What that one breaks.
    pub shrunk_violation: String,
}

/// What a campaign has shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Scripts played.
    pub scripts: u64,
    /// Turns of rooms.
    pub steps: u64,
    /// Time that passed in the worlds.
    pub virtual_time: Duration,
    /// ADDs that came to an end.
    pub adds: Adds,
    /// The first promise that was broken.
    pub finding: Option<Finding>,
}

impl Campaign {
    /// Runs it; `watch` is told after every script.
    ///
    /// # Errors
    /// As [`play`].
    pub fn run(&self, mut watch: impl FnMut(&Report)) -> Result<Report, String> {
        let mut report = Report::default();
        let mut seed = self.seed;
        while report.steps < self.steps {
            let script = Script::of_seed(seed);
            let Played { steps, virtual_time, adds, violation, .. } = play(&script, self.plant)?;
            report.scripts += 1;
            report.virtual_time += virtual_time;
            report.adds = report.adds.and(adds);
            if let Some((step, violation)) = violation {
                let after_steps = report.steps + step;
                report.steps += steps;
                let (script, shrunk) = shrink(&script, self.plant)?;
                let shrunk_violation = shrunk.violation.map(|(_, what)| what).unwrap_or_default();
                report.finding = Some(Finding { seed, after_steps, violation, script, shrunk_violation });
                return Ok(report);
            }
            report.steps += steps;
            watch(&report);
            seed = seed.wrapping_add(1);
        }
        Ok(report)
    }
}
