//! What a run found, for people and for programs. The page in `integration/scenarios` documents the JSON.

use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::probe::Probed;
use crate::scenario::Count;

/// The outcome of a scenario file.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Its name.
    pub scenario: String,
    /// What it shows.
    pub summary: String,
    /// Everything that was expected held, in every cell.
    pub holds: bool,
    /// What did not, each with the name of its cell.
    pub failures: Vec<String>,
    /// One cell; or one for each `[[cell]]`, in order.
    pub cells: Vec<CellReport>,
    /// How long it all took.
    pub milliseconds: u64,
    /// The last line.
    pub figure: String,
}

/// The outcome of one cell.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CellReport {
    /// Its name; empty where the file has no table.
    pub cell: String,
    /// The values of its parameters, as shown.
    pub parameters: BTreeMap<String, String>,
    /// Everything that was expected held.
    pub holds: bool,
    /// What did not.
    pub failures: Vec<String>,
    /// Steps that were taken; the last one may have failed.
    pub steps: Vec<StepReport>,
    /// What was expected at the end; empty if a step failed.
    pub expectations: Vec<Seen>,
    /// Calls by action.
    pub journal: BTreeMap<String, u64>,
    /// Restarts by actor, over all daemons that could be asked.
    pub restarts: BTreeMap<String, u64>,
    /// What was measured.
    pub measured: Measured,
    /// What was measured, in words.
    pub figure: String,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct StepReport {
    /// Its place, from 1.
    pub number: u32,
    /// Its line in the file.
    pub line: usize,
    /// The chapter that it belongs to; empty before the first.
    pub chapter: String,
    /// Its `do`.
    pub step: String,
    /// It did what was expected.
    pub holds: bool,
    /// What came of it.
    pub outcome: String,
    /// How long it took.
    pub milliseconds: u64,
}

/// One expectation, and what was seen.
#[derive(Debug, Clone, Serialize)]
pub struct Seen {
    /// Its key.
    pub expectation: String,
    /// What must be.
    pub expected: String,
    /// What is.
    pub seen: String,
    /// Whether that fits, and something was tried.
    pub holds: bool,
}

impl Seen {
    /// A number. `idle` says that nothing was tried: then a number that allows for nothing does not hold.
    #[must_use]
    pub fn counted(expectation: &str, expected: Count, seen: u64, idle: Option<&str>) -> Self {
        let idle = idle.filter(|_| expected.allows_nothing());
        Self {
            expectation: expectation.to_owned(),
            expected: expected.to_string(),
            seen: idle.map_or_else(
                || seen.to_string(),
                |idle| format!("{seen}, but {idle}: it holds only because nothing was tried"),
            ),
            holds: idle.is_none() && expected.fits(seen),
        }
    }

    /// A list that must be empty.
    #[must_use]
    pub fn list(expectation: &str, expected: &str, found: Vec<String>) -> Self {
        Self {
            expectation: expectation.to_owned(),
            expected: expected.to_owned(),
            holds: found.is_empty(),
            seen: if found.is_empty() { "none".to_owned() } else { found.join("\n") },
        }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, seen {}", self.expectation, self.expected, self.seen)
    }
}

impl Report {
    /// Puts cells together.
    #[must_use]
    pub fn of(name: &str, summary: &str, cells: Vec<CellReport>, took: Duration) -> Self {
        let mut failures = Vec::new();
        for cell in &cells {
            let place = if cell.cell.is_empty() { String::new() } else { format!("cell {}: ", cell.cell) };
            failures.extend(cell.failures.iter().map(|failure| format!("{place}{failure}")));
        }
        let holds = failures.is_empty() && !cells.is_empty();
        let verdict = if holds { "" } else { "DOES NOT HOLD; " };
        let mut measured = Measured::default();
        cells.iter().for_each(|cell| measured.add(&cell.measured));
        let table = match cells.iter().filter(|cell| cell.holds).count() {
            _ if cells.len() == 1 => String::new(),
            good => format!("{good} of {} cells hold; ", cells.len()),
        };
        Self {
            scenario: name.to_owned(),
            summary: summary.to_owned(),
            holds,
            failures,
            figure: format!("{name}: {verdict}{table}{}", measured.figure()),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            cells,
        }
    }
}

/// Numbers gathered on the way.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Measured {
    /// From exec to exit of every ADD that succeeded, milliseconds.
    pub add_milliseconds: Vec<f64>,
    /// From the daemon's exec to ready, milliseconds.
    pub ready_milliseconds: Vec<f64>,
    /// Datagrams of probes sent both ways together, where answers were expected.
    pub probes_sent: u32,
    /// Of these, answered.
    pub probes_answered: u32,
    /// Datagrams of traffic sent, all directions together.
    pub traffic_sent: u32,
    /// Of these, answered.
    pub traffic_answered: u32,
    /// Datagrams sent where silence was expected, or while something was waited for.
    pub unanswered: u32,
    /// Questions asked by visits, those that nobody was to answer included.
    pub visits: u32,
    /// Things that had to be refused and were.
    pub refused: u32,
    /// Links, addresses, routes and rules that were deleted while somebody watched; `None` if nobody did.
    pub deletions: Option<u64>,
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

    /// One direction of traffic.
    pub fn flowed(&mut self, probed: Probed) {
        self.traffic_sent += probed.sent;
        self.traffic_answered += probed.answered;
    }

    /// A watch that ended.
    pub fn watched(&mut self, deletions: u64) {
        *self.deletions.get_or_insert_default() += deletions;
    }

    /// Datagrams that had to be answered.
    #[must_use]
    pub fn answers_due(&self) -> u32 {
        self.probes_sent + self.traffic_sent
    }

    /// Of these, not answered.
    #[must_use]
    pub fn lost(&self) -> u64 {
        u64::from(self.answers_due() - self.probes_answered - self.traffic_answered)
    }

    /// Datagrams of every kind.
    #[must_use]
    pub fn sent(&self) -> u32 {
        self.answers_due() + self.unanswered + self.visits
    }

    /// What another cell measured.
    fn add(&mut self, other: &Self) {
        self.add_milliseconds.extend(&other.add_milliseconds);
        self.ready_milliseconds.extend(&other.ready_milliseconds);
        self.probes_sent += other.probes_sent;
        self.probes_answered += other.probes_answered;
        self.traffic_sent += other.traffic_sent;
        self.traffic_answered += other.traffic_answered;
        self.unanswered += other.unanswered;
        self.visits += other.visits;
        self.refused += other.refused;
        if let Some(deletions) = other.deletions {
            self.watched(deletions);
        }
        if let Some(leaks) = other.leaks {
            *self.leaks.get_or_insert_default() += leaks;
        }
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
        if self.traffic_sent > 0 {
            let lost = self.traffic_sent - self.traffic_answered;
            parts.push(format!("traffic {lost} of {} lost", self.traffic_sent));
        }
        if let Some(deletions) = self.deletions {
            parts.push(format!("{deletions} netlink deletions"));
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
        measured.flowed(Probed { sent: 9, answered: 8 });
        measured.watched(0);
        assert!(measured.figure().contains("traffic 1 of 9 lost, 0 netlink deletions"));
        assert_eq!((measured.lost(), measured.sent()), (1, 29));
    }

    #[test]
    fn what_holds_only_because_nothing_was_tried_does_not_hold() {
        let idle = Some("no packet was sent");
        let nothing = Seen::counted("packets_lost", Count::exactly(0), 0, idle);
        assert!(!nothing.holds && nothing.to_string().contains("only because nothing was tried"));
        assert!(Seen::counted("packets_lost", Count::exactly(0), 0, None).holds);
        let some = Seen::counted("journal.X", Count::exactly(1), 0, idle);
        assert!(!some.holds && some.seen == "0", "{some}");
    }

    #[test]
    fn a_cell_that_fails_is_named() {
        let cell = |name: &str, failures: &[&str]| CellReport {
            cell: name.to_owned(),
            holds: failures.is_empty(),
            failures: failures.iter().map(|text| (*text).to_owned()).collect(),
            ..CellReport::default()
        };
        let report = Report::of("x", "y", vec![cell("a", &[]), cell("b", &["broken"])], Duration::ZERO);
        assert!(!report.holds);
        assert_eq!(report.failures, ["cell b: broken"]);
        assert!(report.figure.starts_with("x: DOES NOT HOLD; 1 of 2 cells hold; "), "{}", report.figure);
    }
}
