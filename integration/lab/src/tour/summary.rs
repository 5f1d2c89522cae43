//! What the tour says in the end: what failed, or what was measured; and what to try next. Pure.

use super::frame::seconds;
use super::picture::Picture;
use crate::report::CellReport;

/// A failure quotes logs; the first lines say what, the rest is in `--json`.
const FAILURE_LINES_MAX: usize = 40;

/// Of 80 columns, without the margin.
const TEXT_COLUMNS_MAX: usize = 66;

/// What came of it.
pub(crate) fn verdict(picture: &Picture, report: &CellReport) -> Vec<String> {
    let mut lines = vec![String::new()];
    if report.holds {
        let time = seconds(u64::try_from(picture.elapsed.as_millis()).unwrap_or(u64::MAX));
        lines.push(format!("All {} proofs hold, after {time}.", picture.chapters.len()));
    } else {
        let place = picture.failed().map_or("before the first chapter", |chapter| chapter.title.as_str());
        lines.push(format!("FAILED: {place}"));
        // A failure begins with what surrounds it; what a step said is the heart of it.
        lines.extend(picture.failed().map(|chapter| format!("  {}", chapter.outcome)));
        let said = report.failures.iter().flat_map(|failure| failure.lines());
        lines.extend(said.take(FAILURE_LINES_MAX).map(|line| format!("  {line}")));
    }
    lines.push(String::new());
    for (name, text) in figures(picture, report) {
        let mut name = name;
        for line in wrapped(&text) {
            lines.push(format!("  {name:<10} {line}"));
            name = "";
        }
    }
    lines
}

/// Broken behind commas, so that a line and its margin fit a usual terminal.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for part in text.split_inclusive(", ") {
        match lines.last_mut() {
            Some(last) if last.is_empty() || last.len() + part.trim_end().len() <= TEXT_COLUMNS_MAX => {
                last.push_str(part);
            }
            _ => lines.push(part.to_owned()),
        }
    }
    lines.into_iter().map(|line| line.trim_end().to_owned()).collect()
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
            "{} pods, exec to exit: {least:.0} ms at least, p50 {half:.0} ms, p99 {most:.0} ms",
            adds.len()
        );
        figures.push(("ADD", text));
    }
    if measured.answers_due() > 0 {
        let text = format!("{} sent, {} lost", measured.answers_due(), measured.lost());
        figures.push(("packets", text));
    }
    let (actors, daemons) = picture.sight.nodes.iter().fold((0, 0), |(actors, daemons), node| {
        let more = picture.restarts(node);
        (actors + more.0, daemons + more.1)
    });
    if !picture.sight.nodes.is_empty() {
        let named = told(report.restarts.iter().filter(|(_, many)| **many > 0));
        // Without a judge nobody has asked which.
        let actors = if named.is_empty() { format!("actors {actors}") } else { named.join(", ") };
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
    say("cargo lab run NAME --live", "one of them, shown like this");
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
                "  3 lost",
                "  line 9: step 4 (traffic_stop): 3 lost",
                "  log ends",
                "",
                "  ADD        3 pods, exec to exit: 5 ms at least, p50 9 ms, p99 14 ms",
            ]
        );
    }

    #[test]
    fn long_lists_go_on_in_the_next_line() {
        let words = ["CreateNetworkInterface 2"; 4].join(", ");
        let twice = "CreateNetworkInterface 2, CreateNetworkInterface 2";
        assert_eq!(wrapped(&words), [format!("{twice},"), twice.to_owned()]);
        assert_eq!(wrapped("short"), ["short"]);
    }

    #[test]
    fn a_kept_tour_names_its_nodes() {
        let lines = next(true, &["node-1".to_owned()]).join("\n");
        assert!(lines.contains("cargo lab shell node-1 curl -s localhost:61678/metrics"), "{lines}");
        assert!(next(false, &[]).concat().contains("cargo lab --keep"));
    }
}
