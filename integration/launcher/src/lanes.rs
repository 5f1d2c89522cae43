//! The lanes of `cargo verify`: each runs one kind of check and tells what passed, failed and was left out.

use std::process::{Command, Stdio};

use crate::cargo;
use crate::tally::Tally;

/// Enough to see why; the whole output is a command away.
const QUOTED_LINES_MAX: usize = 120;

/// About two thousand steps a second; other seeds than the tests'.
const SIMULATED_STEPS: &str = "150000";
const SIMULATED_SEED: &str = "20000";

/// What the lab ends with where it cannot run at all.
const EXIT_UNABLE: i32 = 77;

/// What a lane found, and how often it compiled the SDK.
pub(crate) struct Found {
    pub(crate) tally: Tally,
    pub(crate) sdk_compiled: u32,
}

/// The workspace, its tests, and the shim, all built. Everything later runs what was built here.
pub(crate) fn build() -> Result<Found, String> {
    let workspace = cargo::run_counting(&["build", "--workspace"])?;
    let tests = cargo::run_counting(&["test", "--workspace", "--no-run"])?;
    let shim = cargo::build_shim()?;
    let mut tally = Tally::default();
    for (name, outcome) in
        [("build", &workspace), ("build of the tests", &tests), ("build of the shim", &shim)]
    {
        tally += Tally::of_one(name, outcome.ok);
    }
    Ok(Found { tally, sdk_compiled: workspace.sdk_compiled + tests.sdk_compiled })
}

/// Formatting.
pub(crate) fn format() -> Result<Found, String> {
    one("fmt", &["fmt", "--all", "--check"])
}

/// Lints. A check build has artifacts of its own, so that the two crates that link the SDK stay out: it would be compiled again.
pub(crate) fn lint() -> Result<Found, String> {
    let outcome = cargo::run_counting(&[
        "clippy",
        "--workspace",
        "--exclude",
        "ec2",
        "--exclude",
        "daemon",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ])?;
    Ok(Found { tally: Tally::of_one("clippy", outcome.ok), sdk_compiled: outcome.sdk_compiled })
}

/// Unit, property and flow tests.
pub(crate) fn tests() -> Result<Found, String> {
    let outcome = cargo::run_tests(&["test", "--workspace", "--no-fail-fast", "--", "--show-output"])?;
    let mut tally = Tally::of_tests(&outcome.text);
    if !outcome.ok {
        if tally.failed.is_empty() {
            tally.failed.push("cargo test".to_owned());
        }
        quote(&outcome.text);
    }
    Ok(Found { tally, sdk_compiled: 0 })
}

/// Every scenario of the lab, each one test. An ordinary user's lab runs in a user namespace, where the kernel lets it.
pub(crate) fn scenarios() -> Result<Found, String> {
    let lab = cargo::beside("lab")?;
    let listed = Command::new(&lab)
        .args(["list", "--names"])
        .output()
        .map_err(|error| format!("cannot start {}: {error}", lab.display()))?;
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut tally = Tally::default();
    for name in names.split_whitespace() {
        let output = Command::new(&lab)
            .args(["run", name])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cannot start {}: {error}", lab.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        if output.status.code() == Some(EXIT_UNABLE) {
            let why = String::from_utf8_lossy(&output.stderr);
            tally.skipped.push(format!("lab {name}: {}", why.trim()));
            continue;
        }
        if output.status.success() {
            println!("    {}", text.lines().last().unwrap_or(name));
        } else {
            quote(&text);
            quote(&String::from_utf8_lossy(&output.stderr));
        }
        tally += Tally::of_one(&format!("lab {name}"), output.status.success());
    }
    if tally == Tally::default() {
        tally.failed.push("the lab lists no scenario".to_owned());
    }
    Ok(Found { tally, sdk_compiled: 0 })
}

/// The node in virtual time, for as many steps as a minute or two gives.
pub(crate) fn simulation() -> Result<Found, String> {
    let simulate = cargo::beside("simulate")?;
    let output = Command::new(&simulate)
        .args(["--steps", SIMULATED_STEPS, "--seed", SIMULATED_SEED])
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {}: {error}", simulate.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        println!("    {}", text.lines().last().unwrap_or_default());
    } else {
        quote(&text);
        quote(&String::from_utf8_lossy(&output.stderr));
    }
    Ok(Found { tally: Tally::of_one("simulation", output.status.success()), sdk_compiled: 0 })
}

fn one(name: &str, arguments: &[&str]) -> Result<Found, String> {
    let outcome = cargo::run(arguments)?;
    if !outcome.ok {
        quote(&outcome.text);
    }
    Ok(Found { tally: Tally::of_one(name, outcome.ok), sdk_compiled: 0 })
}

/// Prints the part of an output that tells why: from the first `failures:` on, or its end.
fn quote(text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let end = lines.len().saturating_sub(QUOTED_LINES_MAX);
    let failures = lines.iter().position(|line| line.trim() == "failures:");
    let from = failures.unwrap_or(end);
    for line in lines.iter().skip(from).take(QUOTED_LINES_MAX) {
        println!("    {line}");
    }
}
