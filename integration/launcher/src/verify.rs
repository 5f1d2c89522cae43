//! `cargo verify`: all lanes, each with its time, and one last line that says it all.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::lanes::{self, Found};
use crate::packages;
use crate::sabotage;
use crate::tally::Tally;

/// The SDK takes minutes and 8 GB: a second compilation means that two builds resolve its features differently.
const SDK_COMPILATIONS_MAX: u32 = 1;

/// Runs everything that is checked; with `sabotage`, every way to break the product that a scenario names, too.
pub(crate) fn run(sabotage: bool) -> ExitCode {
    let begun = now();
    let ci = std::env::var_os("CI").is_some_and(|value| value == "true");
    let root = packages::is_root();
    let mut total = Tally::default();
    let mut sdk_compiled = 0;

    if !provide(root, &mut total) {
        return end(&total, begun, ci);
    }
    let built = lane("build", lanes::build, &mut total, &mut sdk_compiled);
    lane("fmt", lanes::format, &mut total, &mut sdk_compiled);
    if built {
        lane("clippy", lanes::lint, &mut total, &mut sdk_compiled);
        lane("test", lanes::tests, &mut total, &mut sdk_compiled);
        lane("simulation", lanes::simulation, &mut total, &mut sdk_compiled);
        lane("lab", lanes::scenarios, &mut total, &mut sdk_compiled);
        if sabotage {
            lane("sabotage", sabotage::every, &mut total, &mut sdk_compiled);
        }
    } else {
        println!("nothing else is run: the build failed");
    }
    if sdk_compiled > SDK_COMPILATIONS_MAX {
        total.failed.push(format!("aws-sdk-ec2 was compiled {sdk_compiled} times"));
    }
    end(&total, begun, ci)
}

/// Packages. Root installs what is missing; others are told.
fn provide(root: bool, total: &mut Tally) -> bool {
    let missing = packages::missing();
    if missing.is_empty() {
        return true;
    }
    if !root {
        println!("missing packages (root would install them): {}", missing.join(" "));
        return true;
    }
    println!("installing {}", missing.join(" "));
    match packages::install(&missing) {
        Ok(()) => true,
        Err(problem) => {
            println!("{problem}");
            total.failed.push("installing packages".to_owned());
            false
        }
    }
}

/// Runs a lane and prints its line. Returns whether nothing failed in it.
fn lane(
    name: &str,
    run: impl FnOnce() -> Result<Found, String>,
    total: &mut Tally,
    sdk_compiled: &mut u32,
) -> bool {
    println!("{name} …");
    let begun = now();
    let found = run().unwrap_or_else(|problem| {
        println!("    {problem}");
        Found { tally: Tally::of_one(name, false), sdk_compiled: 0 }
    });
    let good = found.tally.failed.is_empty();
    println!(
        "{name}: {} in {}; aws-sdk-ec2 compiled {} times",
        found.tally.line(),
        seconds(begun.elapsed()),
        found.sdk_compiled
    );
    *sdk_compiled += found.sdk_compiled;
    *total += found.tally;
    good
}

fn end(total: &Tally, begun: Instant, ci: bool) -> ExitCode {
    for name in &total.skipped {
        println!("skipped: {name}");
    }
    for name in &total.failed {
        println!("FAILED: {name}");
    }
    println!("verified in {}", seconds(begun.elapsed()));
    println!("{}", total.line());
    if total.good(ci) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[expect(clippy::disallowed_methods, reason = "lanes are timed for whoever reads; nothing is decided by it")]
fn now() -> Instant {
    Instant::now()
}
