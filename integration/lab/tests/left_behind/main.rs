//! Nothing of a run is left on the machine: after success, failure, Ctrl-C, and (once the next run begins) SIGKILL; runs side by
//! side leave one another alone; and an ordinary user's run needs no root. By the real program, with the real daemon and shim.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests are tests, which the lint sees only in functions that are marked so"
)]

mod lab_run;

use lab_run::{LabRun, run_as_ordinary_user};
use rustix::process::Signal;

/// A pod is added, and then something is waited for that never comes.
const WAITS: &str = r#"
summary = "a pod runs, and the lab waits"
[region]
subnet = [{ name = "a", cidr = "10.0.0.0/24" }]
[[node]]
name = "node"
subnet = "a"
secondary_addresses = 2
settings = { WARM_ENI_TARGET = "0" }
[[step]]
do = "start"
[[step]]
do = "add"
pod = "web"
[[step]]
do = "wait"
journal = { action = "CreateNetworkInterface", count = 1 }
within_seconds = 50
[expect]
"#;

/// The same, without what is waited for.
fn ends_well() -> String {
    WAITS
        .replace("do = \"wait\"", "do = \"probe\"\npod = \"web\"")
        .replace("journal = { action = \"CreateNetworkInterface\", count = 1 }\nwithin_seconds = 50\n", "")
}

#[test]
fn a_run_that_holds_and_one_that_does_not_leave_nothing() {
    let fails = WAITS.replace("within_seconds = 50", "within_seconds = 1");
    for (scenario, good) in [(ends_well(), true), (fails, false)] {
        let Some(mut run) = LabRun::start(&scenario) else { return };
        let traces = run.after_the_pod();
        assert_eq!(run.end().success(), good, "{scenario}");
        assert_eq!(traces.left(), Vec::<String>::new());
    }
}

#[test]
fn an_interrupted_run_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let Some(mut run) = LabRun::start(WAITS) else { return };
        let traces = run.after_the_pod();
        run.signal(signal);
        assert!(!run.end().success());
        assert_eq!(traces.left(), Vec::<String>::new(), "{signal:?}");
    }
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next_and_a_living_ones_is_not() {
    let Some(mut killed) = LabRun::start(WAITS) else { return };
    let Some(mut living) = LabRun::start(WAITS) else { return };
    let (of_killed, of_living) = (killed.after_the_pod(), living.after_the_pod());
    killed.signal(Signal::KILL);
    assert!(!killed.end().success());
    assert!(!of_killed.left().is_empty(), "a killed run cannot have removed its namespaces");

    let mut next = LabRun::start(&ends_well()).unwrap();
    assert!(next.end().success());
    assert_eq!(of_killed.left(), Vec::<String>::new());
    assert!(of_living.whole(), "{:?}", of_living.left());

    living.signal(Signal::INT);
    living.end();
    assert_eq!(of_living.left(), Vec::<String>::new());
}

#[test]
fn an_ordinary_user_runs_a_scenario_without_root_and_leaves_nothing() {
    run_as_ordinary_user("add_pod", None);
}

#[test]
fn an_ordinary_users_run_that_is_killed_leaves_nothing_at_all() {
    run_as_ordinary_user("cold_start_degraded", Some(Signal::KILL));
}
