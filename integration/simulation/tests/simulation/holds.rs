//! Without a planted bug nothing is found.

use simulation::{Adds, Campaign, Script, play};

/// A quick look; `cargo lab simulate` looks longer.
const STEPS: u64 = 30_000;

#[test]
fn every_promise_holds_whatever_happens() {
    let report = Campaign { steps: STEPS, seed: 1_000, plant: None }.run(|_| ()).unwrap();
    if let Some(finding) = report.finding {
        panic!("seed {}: {}\n{}", finding.seed, finding.shrunk_violation, finding.script.text());
    }
    assert!(report.steps >= STEPS && report.scripts > 10, "{report:?}");
    // Nothing holds because nothing was tried: most ADDs came through all of this.
    let Adds { succeeded, excused } = report.adds;
    assert!(succeeded > 5 * report.scripts && succeeded > 2 * excused, "{report:?}");
}

/// What once was found, so that it is never found again.
#[test]
fn what_was_found_before_holds() {
    for (what, text) in [
        (
            "a room that gives itself up in the turn that cancels a timer ends",
            include_str!("found/room_that_spins.toml"),
        ),
        (
            "an address that a lingering namespace carries is not given to the next pod",
            include_str!("found/lingering_namespace.toml"),
        ),
        ("an ADD outlives a call of a room that never answers", include_str!("found/stalled_step.toml")),
    ] {
        let played = play(&Script::parse(text).unwrap(), None).unwrap();
        assert_eq!(played.violation, None, "{what}");
        assert!(played.steps > 20, "{what}: {played:?}");
    }
}
