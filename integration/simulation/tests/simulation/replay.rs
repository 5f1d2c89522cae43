//! A failing seed replays identically: from its number, and from the script that was printed.

use simulation::{Campaign, Plant, Script, play};

#[test]
fn the_same_script_takes_the_same_course_and_another_seed_another() {
    let script = Script::of_seed(11);
    let first = play(&script, None).unwrap();
    assert_eq!(first, play(&script, None).unwrap());
    let other = Script { seed: 12, ..script };
    assert_ne!(first.trace, play(&other, None).unwrap().trace);
}

#[test]
fn a_script_that_was_printed_fails_as_the_seed_did_and_twice_the_same() {
    let plant = Some(Plant::ReplyBeforeDurable);
    let report = Campaign { steps: 40_000, seed: 1, plant }.run(|_| ()).unwrap();
    let finding = report.finding.unwrap();
    let seed_again = play(&Script::of_seed(finding.seed), plant).unwrap();
    assert_eq!(seed_again.violation.as_ref().map(|(_, what)| what), Some(&finding.violation));
    let printed = Script::parse(&finding.script.text()).unwrap();
    let (first, again) = (play(&printed, plant).unwrap(), play(&printed, plant).unwrap());
    assert_eq!(first, again);
    assert_eq!(first.violation.map(|(_, what)| what), Some(finding.shrunk_violation));
    assert_eq!(play(&printed, None).unwrap().violation, None, "the bug was planted, not the product's");
}
