//! The figures, for people and for programs. `integration/lab/BENCH.md` documents the JSON.

use serde::Serialize;
use std::time::Duration;

/// What a bench found.
#[derive(Debug, Clone, Serialize)]
pub struct BenchReport {
    /// The figures, in the order in which they were measured.
    pub rows: Vec<Row>,
    /// Cores of this machine.
    pub cores: usize,
    /// The file system of the nodes' `/var/run/aws-node`: what a durable write costs hangs on it.
    pub state_file_system: String,
    /// Its length, milliseconds.
    pub milliseconds: u64,
    /// The last line.
    pub figure: String,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// What is measured.
    pub figure: String,
    /// What it is to be, in words; empty for what is only told.
    pub goal: String,
    /// What it is; `null` for what cannot be measured yet.
    pub measured: Option<f64>,
    /// What it is at least, at the same parallelism in the same run.
    pub floor: Option<f64>,
    /// The first by the second.
    pub ratio: Option<f64>,
    /// Of both.
    pub unit: &'static str,
    /// How often each was measured.
    pub samples: usize,
    /// How the measured programs were built.
    pub build: &'static str,
    /// Whether that is what it is to be.
    pub verdict: Verdict,
    /// What explains it.
    pub note: String,
}

/// Whether a figure is what it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is.
    Met,
    /// It is not.
    Missed,
    /// Nothing was decided about it.
    Told,
    /// The product cannot do yet what is to be measured.
    NotMeasurable,
}

/// The most that a figure may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Goal {
    /// So many times its floor.
    TimesFloor(f64),
    /// So much.
    AtMost(f64),
    /// It is only told.
    None,
}

impl Goal {
    fn words(self, unit: &str) -> String {
        match self {
            Self::TimesFloor(times) => format!("at most {times} x floor"),
            Self::AtMost(most) => format!("at most {most} {unit}"),
            Self::None => String::new(),
        }
    }

    fn verdict(self, measured: f64, ratio: Option<f64>) -> Verdict {
        let met = match (self, ratio) {
            (Self::TimesFloor(times), Some(ratio)) => ratio <= times,
            (Self::TimesFloor(_), None) => false,
            (Self::AtMost(most), _) => measured <= most,
            (Self::None, _) => return Verdict::Told,
        };
        if met { Verdict::Met } else { Verdict::Missed }
    }
}

impl Row {
    /// A figure that was measured, beside its floor if it has one.
    pub(super) fn measured(
        figure: String,
        unit: &'static str,
        (measured, floor): (f64, Option<f64>),
        goal: Goal,
        (samples, build): (usize, &'static str),
    ) -> Self {
        let ratio = floor.filter(|floor| *floor > 0.0).map(|floor| measured / floor);
        Self {
            figure,
            goal: goal.words(unit),
            measured: Some(measured),
            floor,
            ratio,
            unit,
            samples,
            build,
            verdict: goal.verdict(measured, ratio),
            note: String::new(),
        }
    }

    /// A figure for which the product lacks something.
    pub(super) fn not_measurable(figure: &str, goal: &str, lacks: &str) -> Self {
        Self {
            figure: figure.to_owned(),
            goal: goal.to_owned(),
            measured: None,
            floor: None,
            ratio: None,
            unit: "",
            samples: 0,
            build: "",
            verdict: Verdict::NotMeasurable,
            note: lacks.to_owned(),
        }
    }

    /// With what explains it.
    pub(super) fn because(mut self, note: String) -> Self {
        self.note = note;
        self
    }

    /// One line for whoever watches.
    pub(super) fn line(&self) -> String {
        let measured = self.measured.map_or("-".to_owned(), |value| format!("{value:.2} {}", self.unit));
        let floor = self.floor.map_or(String::new(), |value| format!("floor {value:.2}"));
        let ratio = self.ratio.map_or(String::new(), |value| format!("x {value:.2}"));
        let goal = if self.goal.is_empty() { String::new() } else { format!("  ({})", self.goal) };
        let note = if self.note.is_empty() { String::new() } else { format!("\n         {}", self.note) };
        format!(
            "{:<8} {:<44} {measured:>12}  {floor:<12} {ratio:<7} {:<7}{goal}{note}",
            self.verdict.word(),
            self.figure,
            self.build
        )
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Told => "told",
            Self::NotMeasurable => "not yet",
        }
    }
}

impl BenchReport {
    pub(super) fn of(rows: Vec<Row>, cores: usize, state_file_system: String, took: Duration) -> Self {
        let many = |verdict| rows.iter().filter(|row| row.verdict == verdict).count();
        let figure = format!(
            "bench: {} figures met, {} missed, {} not measurable yet",
            many(Verdict::Met),
            many(Verdict::Missed),
            many(Verdict::NotMeasurable)
        );
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { rows, cores, state_file_system, milliseconds, figure }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(measured: f64, floor: Option<f64>, goal: Goal) -> Row {
        Row::measured("ADD".to_owned(), "ms", (measured, floor), goal, (1, "dev"))
    }

    #[test]
    fn a_figure_is_judged_by_its_goal_and_by_its_floor_where_the_goal_speaks_of_one() {
        assert_eq!(row(3.0, Some(2.0), Goal::TimesFloor(1.5)).verdict, Verdict::Met);
        assert_eq!(row(3.1, Some(2.0), Goal::TimesFloor(1.5)).verdict, Verdict::Missed);
        assert_eq!(row(3.0, None, Goal::TimesFloor(1.5)).verdict, Verdict::Missed);
        assert_eq!(row(3.0, None, Goal::AtMost(3.0)).verdict, Verdict::Met);
        assert_eq!(row(3.0, Some(1.0), Goal::None).verdict, Verdict::Told);
        assert_eq!(row(3.0, Some(2.0), Goal::None).ratio, Some(1.5));
    }

    #[test]
    fn the_last_line_counts_what_was_met_and_what_was_not() {
        let rows = vec![
            row(1.0, None, Goal::AtMost(2.0)),
            row(3.0, None, Goal::AtMost(2.0)),
            Row::not_measurable("GC", "", "there is none"),
        ];
        let report = BenchReport::of(rows, 2, "ext4".to_owned(), Duration::from_secs(1));
        assert_eq!(report.figure, "bench: 1 figures met, 1 missed, 1 not measurable yet");
    }
}
