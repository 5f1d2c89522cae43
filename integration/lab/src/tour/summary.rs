//! What the tour says in the end: what failed, or what was measured; and what to try next. Pure.

use super::frame::seconds;
use super::picture::Picture;
use crate::report::CellReport;

/// A failure quotes logs; the first lines say what, the rest is in `--json`.
const FAILURE_LINES_MAX: usize = 40;

/// What came of it.
pub(crate) fn verdict(picture: &Picture, report: &CellReport) -> Vec<String> {
    let mut lines = vec![String::new()];
    if report.holds {
        let time = seconds(u64::try_from(picture.elapsed.as_millis()).unwrap_or(u64::MAX));
        lines.push(format!("All {} proofs hold, after {time}.", picture.chapters.len()));
    } else {
        let place = picture.failed().map_or("before the first chapter", |chapter| chapter.title.as_str());
        lines.push(format!("FAILED: {place}"));
        let said = report.failures.iter().flat_map(|failure| failure.lines());
        lines.extend(said.take(FAILURE_LINES_MAX).map(|line| format!("  {line}")));
    }
    lines.push(String::new());
    lines.extend(figures(picture, report).into_iter().map(|(name, text)| format!("  {name:<10} {text}")));
    lines
}

/// The numbers, as far as there are any.
fn figures(picture: &Picture, report: &CellReport) -> Vec<(&'static str, String)> {
    let measured = &report.measured;
    let mut figures = Vec::new();
    let mut adds = measured.add_milliseconds.clone();
    adds.sort_by(f64::total_cmp);
    if let (Some(half), Some(most)) = (percentile(&adds, 50), percentile(&adds, 99)) {
        let least = adds.first().copied().unwrap_or_default();
        let text = format!(
            "{} pods, exec to exit: least {least:.0} ms, p50 {half:.0} ms, p99 {most:.0} ms",
            adds.len()
        );
        figures.push(("ADD", text));
    }
    if measured.answers_due() > 0 {
        let text = format!("{} sent, {} lost", measured.answers_due(), measured.lost());
        figures.push(("packets", text));
    }
    let daemons: u32 = picture.sight.nodes.iter().map(|node| picture.restarts(node).1).sum();
    let actors: Vec<String> = told(report.restarts.iter().filter(|(_, many)| **many > 0));
    if !picture.sight.nodes.is_empty() {
        let actors = if actors.is_empty() { "no actor".to_owned() } else { actors.join(", ") };
        figures.push(("restarts", format!("{actors}; daemons {daemons}")));
    }
    let calls = told(report.journal.iter());
    if !calls.is_empty() {
        let all: u64 = report.journal.values().sum();
        figures.push(("EC2 calls", format!("{all}: {}", calls.join(", "))));
    }
    if let Some(leaks) = measured.leaks {
        figures.push(("left", format!("{leaks} traces of pods that were deleted")));
    }
    figures
}

/// What to try next.
pub(crate) fn next(keep: bool, nodes: &[String]) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut say = |command: &str, what: &str| lines.push(format!("  {command:<34} {what}"));
    if keep {
        for node in nodes {
            say(&format!("cargo lab shell {node}"), "a shell on it");
        }
        if let Some(node) = nodes.first() {
            lines.push(format!("  cargo lab shell {node} curl -s localhost:61678/metrics"));
            lines.push(format!("  cargo lab shell {node} curl -s localhost:61680/readyz"));
        }
        lines.extend([String::new(), "It stays as it is, daemons and pods, until Ctrl-C here.".to_owned()]);
        return lines;
    }
    say("cargo lab --keep", "the same, and it stays: shells, /metrics");
    say("cargo lab list", "the scenarios, each one named behaviour");
    say("cargo lab run daemon_restart", "one of them");
    say("cargo lab sabotage tour", "the product broken, and this tour red");
    lines.push("  integration/scenarios/README.md    write your own, with your settings".to_owned());
    lines
}

fn told<'a>(counts: impl Iterator<Item = (&'a String, &'a u64)>) -> Vec<String> {
    counts.map(|(name, count)| format!("{name} {count}")).collect()
}

/// The nearest-rank percentile of what is sorted.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Measured;
    use crate::tour::examples::{picture, step};

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let hundred: Vec<f64> = (1..=100_u32).map(f64::from).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (Some(50.0), Some(99.0)));
        assert_eq!((percentile(&[7.0], 50), percentile(&[7.0], 99)), (Some(7.0), Some(7.0)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn what_failed_is_named_and_what_was_measured_is_told_all_the_same() {
        let mut picture = picture(&["pods come", "the daemon is killed"]);
        picture.begins("burst", true);
        picture.begins("traffic_stop", true);
        picture.ended(&step("3 lost", false));
        let report = CellReport {
            failures: vec!["line 9: step 4 (traffic_stop): 3 lost\nlog ends".into()],
            measured: Measured { add_milliseconds: vec![5.0, 9.0, 14.0], ..Measured::default() },
            ..CellReport::default()
        };
        assert_eq!(
            verdict(&picture, &report),
            [
                "",
                "FAILED: the daemon is killed",
                "  line 9: step 4 (traffic_stop): 3 lost",
                "  log ends",
                "",
                "  ADD        3 pods, exec to exit: least 5 ms, p50 9 ms, p99 14 ms",
            ]
        );
    }

    #[test]
    fn a_kept_tour_names_its_nodes() {
        let lines = next(true, &["node-1".to_owned()]).join("\n");
        assert!(lines.contains("cargo lab shell node-1 curl -s localhost:61678/metrics"), "{lines}");
        assert!(next(false, &[]).concat().contains("cargo lab --keep"));
    }
}
