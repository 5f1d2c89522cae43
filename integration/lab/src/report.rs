//! What a run found, for people and for programs.

use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::probe::Probed;

/// The outcome of a scenario.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Its name.
    pub scenario: String,
    /// Everything that was expected held.
    pub holds: bool,
    /// What did not.
    pub failures: Vec<String>,
    /// Steps that were taken.
    pub steps: Vec<StepReport>,
    /// Calls by action.
    pub journal: BTreeMap<String, u64>,
    /// What was measured.
    pub measured: Measured,
    /// The last line.
    pub figure: String,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// What it was.
    pub step: String,
    /// What came of it.
    pub outcome: String,
    /// How long it took.
    pub milliseconds: u64,
}

/// Numbers gathered on the way.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Measured {
    /// From exec to exit of every ADD that succeeded, milliseconds.
    pub add_milliseconds: Vec<f64>,
    /// From the daemon's exec to ready, milliseconds.
    pub ready_milliseconds: Vec<f64>,
    /// Datagrams sent both ways together, where answers were expected.
    pub probes_sent: u32,
    /// Of these, answered.
    pub probes_answered: u32,
    /// Questions asked by visits, those that nobody was to answer included.
    pub visits: u32,
    /// Things that had to be refused and were.
    pub refused: u32,
    /// Traces of deleted pods that were found; `None` if nobody looked.
    pub leaks: Option<u32>,
}

impl Measured {
    /// An ADD that succeeded.
    pub fn added(&mut self, took: Duration) {
        self.add_milliseconds.push(took.as_secs_f64() * 1000.0);
    }

    /// A daemon that became ready.
    pub fn started(&mut self, took: Duration) {
        self.ready_milliseconds.push(took.as_secs_f64() * 1000.0);
    }

    /// A probe that had to be answered.
    pub fn probed(&mut self, probed: Probed) {
        self.probes_sent += probed.sent;
        self.probes_answered += probed.answered;
    }

    /// `ADD 14 ms, probes 20/20 both ways, 0 leaks`
    #[must_use]
    pub fn figure(&self) -> String {
        let mut parts = Vec::new();
        let mut adds = self.add_milliseconds.clone();
        adds.sort_by(f64::total_cmp);
        match adds.as_slice() {
            [] => {}
            [one] => parts.push(format!("ADD {one:.0} ms")),
            several => {
                let half = several.get(several.len() / 2).copied().unwrap_or_default();
                let worst = several.last().copied().unwrap_or_default();
                parts.push(format!("{} ADDs, p50 {half:.0} ms, worst {worst:.0} ms", several.len()));
            }
        }
        if self.probes_sent > 0 {
            parts.push(format!("probes {}/{} both ways", self.probes_answered, self.probes_sent));
        }
        if self.visits > 0 {
            parts.push(format!("{} visits", self.visits));
        }
        if self.refused > 0 {
            parts.push(format!("{} refusals", self.refused));
        }
        if let Some(leaks) = self.leaks {
            parts.push(format!("{leaks} leaks"));
        }
        if parts.is_empty() {
            parts.push("nothing measured".to_owned());
        }
        parts.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figure_says_what_was_measured_and_no_more() {
        let mut measured = Measured::default();
        assert_eq!(measured.figure(), "nothing measured");
        measured.added(Duration::from_millis(14));
        measured.probed(Probed { sent: 20, answered: 20 });
        measured.leaks = Some(0);
        assert_eq!(measured.figure(), "ADD 14 ms, probes 20/20 both ways, 0 leaks");
        measured.added(Duration::from_millis(20));
        assert!(measured.figure().starts_with("2 ADDs, p50 20 ms, worst 20 ms"));
    }
}
