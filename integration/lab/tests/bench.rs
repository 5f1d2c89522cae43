//! A bench of a few samples, with the daemon as it is developed: every figure is there, beside its floor where it has one, and
//! says what it is to be. How fast anything is, is not asked here. Needs root.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

use lab::bench::{BenchReport, Extent, Row, Verdict, run};
use lab::is_root;

/// What each figure's name begins with, and whether it has a floor.
const FIGURES: [(&str, bool); 18] = [
    ("ADD, p50", true),
    ("ADD, p99", true),
    ("DEL, p50", true),
    ("ADD, 20 at once, p50", true),
    ("ADD, 20 at once, p99", true),
    ("DEL, 20 at once, p50", true),
    ("STATUS", true),
    ("CHECK", true),
    ("the shim", false),
    ("ADD beside", true),
    ("4 pods, idle: RSS", false),
    ("4 pods, idle: CPU", false),
    ("4 pods, idle: EC2 calls", false),
    ("drift repaired", false),
    ("start to serving", false),
    ("ADD, empty pool, room on an ENI", false),
    ("ADD, empty pool, new ENI", false),
    ("an actor's next life", false),
];

fn check(row: &Row, (figure, floored): (&str, bool)) {
    assert!(row.figure.starts_with(figure), "{} instead of {figure}", row.figure);
    match row.verdict {
        Verdict::NotMeasurable => assert!(row.measured.is_none() && !row.note.is_empty(), "{row:?}"),
        verdict => {
            let measured = row.measured.unwrap();
            assert!(measured.is_finite() && measured >= 0.0, "{row:?}");
            assert!(row.samples > 0 && !row.unit.is_empty() && !row.build.is_empty(), "{row:?}");
            assert_eq!(verdict == Verdict::Told, row.goal.is_empty(), "{row:?}");
        }
    }
    assert_eq!(row.floor.is_some(), floored, "{row:?}");
    assert_eq!(row.ratio.is_some(), floored, "{row:?}");
    if let (Some(measured), Some(floor), Some(ratio)) = (row.measured, row.floor, row.ratio) {
        assert!(floor > 0.0 && (ratio - measured / floor).abs() < 1e-9, "{row:?}");
    }
}

/// As a program reads it.
fn check_json(report: &BenchReport) {
    let json = serde_json::to_value(report).unwrap();
    assert!(json["cores"].as_u64().unwrap() > 0);
    assert!(!json["state_file_system"].as_str().unwrap().is_empty());
    let rows = json["rows"].as_array().unwrap();
    assert_eq!(rows.len(), report.rows.len());
    for row in rows {
        for key in
            ["figure", "goal", "measured", "floor", "ratio", "unit", "samples", "build", "verdict", "note"]
        {
            assert!(row.get(key).is_some(), "{row} has no {key}");
        }
        let verdict = row["verdict"].as_str().unwrap();
        assert!(["met", "missed", "told", "not_measurable"].contains(&verdict), "{verdict}");
    }
}

#[tokio::test]
async fn every_figure_is_measured_beside_its_floor() {
    if !is_root() {
        println!("SKIPPED the bench: not root");
        return;
    }
    let report = run(Extent { dev: true, short: true }, &|line| println!("{line}")).await.unwrap();
    assert_eq!(report.rows.len(), FIGURES.len());
    for (row, figure) in report.rows.iter().zip(FIGURES) {
        check(row, figure);
    }
    assert!(report.figure.starts_with("bench: "), "{}", report.figure);
    check_json(&report);
}
