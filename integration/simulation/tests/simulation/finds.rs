//! `simulation_finds`: each planted bug is found, within the number of steps a run of CI takes anyway, and its script shrinks to
//! a few steps.

use simulation::{Campaign, Finding, Plant, play};

/// As many as CI plays without a plant: what is not found in these would not be found there either. The test prints how many it took.
const STEPS: u64 = 150_000;

/// A script shrinks to no more than this.
const SCRIPT_MAX: usize = 12;

/// What is bought and given back takes, beside a death in the right moment, the pods that need it and those that go.
const SCRIPT_OF_A_PURCHASE_MAX: usize = 16;

fn found(plant: Plant) -> Finding {
    found_in(plant, SCRIPT_MAX)
}

fn found_in(plant: Plant, script_max: usize) -> Finding {
    let campaign = Campaign { steps: STEPS, seed: 1, plant: Some(plant) };
    let report = campaign.run(|_| ()).unwrap();
    let finding = report.finding.unwrap_or_else(|| panic!("{plant:?}: not found in {STEPS} steps"));
    println!(
        "{plant:?}: found after {} steps by seed {}, in a script of {} steps: {}",
        finding.after_steps,
        finding.seed,
        finding.script.step.len(),
        finding.shrunk_violation
    );
    let honest = play(&finding.script, None).unwrap();
    assert_eq!(honest.violation, None, "without the plant:\n{}", finding.script.text());
    assert!(finding.script.step.len() <= script_max, "{}", finding.script.text());
    finding
}

#[test]
fn a_reply_before_the_write_is_durable_is_found() {
    let finding = found(Plant::ReplyBeforeDurable);
    assert!(finding.shrunk_violation.contains("and the disk says"), "{}", finding.shrunk_violation);
}

#[test]
fn an_address_given_twice_after_a_restart_is_found() {
    found(Plant::ForgottenAtRestart);
}

#[test]
fn a_waiter_lost_when_an_actor_died_is_found() {
    found(Plant::LostWaiter);
}

#[test]
fn an_eni_that_was_created_and_forgotten_is_found() {
    let finding = found_in(Plant::LeakedEni, SCRIPT_OF_A_PURCHASE_MAX);
    assert!(finding.shrunk_violation.contains("attached to nothing"), "{}", finding.shrunk_violation);
}

#[test]
fn an_address_that_is_given_back_and_handed_out_after_a_restart_is_found() {
    let finding = found_in(Plant::ForgottenLeaving, SCRIPT_OF_A_PURCHASE_MAX);
    assert!(finding.shrunk_violation.contains("is on no ENI"), "{}", finding.shrunk_violation);
}

#[test]
fn an_effect_of_a_dead_incarnation_is_found() {
    found(Plant::EffectOfTheDead);
}
