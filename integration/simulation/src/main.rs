//! `simulate`: plays scripts until so many steps were taken or a promise is broken. Its last line is the figure.

use clap::Parser;
use simulation::{Campaign, Finding, Plant, Played, Report, Script, play};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::Instant;

/// A line of progress this often.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// The real node in virtual time under a seed, with everything around it going wrong by the dice.
#[derive(Parser)]
#[command(name = "simulate", bin_name = "cargo lab simulate")]
struct Arguments {
    /// At least so many turns of rooms
    #[arg(long, default_value_t = 100_000)]
    steps: u64,
    /// Seed of the first script; the others follow it
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Plays this script instead, and nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["steps", "seed"])]
    replay: Option<PathBuf>,
    /// Plants a bug, to see it found
    #[arg(long, value_parser = plant)]
    plant: Option<Plant>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let holds = match &arguments.replay {
        Some(file) => replay(file, arguments.plant),
        None => campaign(Campaign { steps: arguments.steps, seed: arguments.seed, plant: arguments.plant }),
    };
    match holds {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}

fn campaign(campaign: Campaign) -> Result<bool, String> {
    let began = Instant::now();
    let mut told = began;
    let report = campaign.run(|so_far| {
        if told.elapsed() >= TELL_EVERY {
            told = Instant::now();
            say(&figure(so_far, began.elapsed()));
        }
    })?;
    if let Some(finding) = &report.finding {
        tell(finding);
        say(&format!("{}: broken", figure(&report, began.elapsed())));
        return Ok(false);
    }
    say(&format!("{}: nothing found", figure(&report, began.elapsed())));
    Ok(true)
}

fn tell(finding: &Finding) {
    let Finding { seed, after_steps, violation, script, shrunk_violation } = finding;
    say(&format!("seed {seed}, after {after_steps} steps: {violation}"));
    say(
        "\nThe smallest script found that breaks a promise; in a file it replays: cargo lab simulate --replay FILE\n",
    );
    say(&script.text());
    say(&format!("# {shrunk_violation}"));
}

fn replay(file: &Path, plant: Option<Plant>) -> Result<bool, String> {
    let named = |problem: String| format!("{}: {problem}", file.display());
    let text = std::fs::read_to_string(file).map_err(|error| named(error.to_string()))?;
    let script = Script::parse(&text).map_err(|error| named(error.to_string()))?;
    let Played { steps, virtual_time, trace, violation, .. } = play(&script, plant).map_err(named)?;
    if let Some((step, violation)) = &violation {
        say(&format!("after {step} steps: {violation}"));
    }
    let seconds = virtual_time.as_secs();
    let end = if violation.is_some() { "broken" } else { "nothing found" };
    say(&format!("{steps} steps, {seconds} s of the world's time, trace {trace:016x}: {end}"));
    Ok(violation.is_none())
}

fn figure(report: &Report, took: Duration) -> String {
    let Report { scripts, steps, virtual_time, adds, .. } = report;
    let all = adds.succeeded + adds.excused;
    let rate = u128::from(*steps).saturating_mul(1000).checked_div(took.as_millis()).unwrap_or(0);
    let hours = virtual_time.as_secs() / 3600;
    format!(
        "{steps} steps in {scripts} scripts, {} of {all} ADDs succeeded, {hours} h of the world's time, {rate} steps/s",
        adds.succeeded
    )
}

/// A planted bug by its name.
fn plant(name: &str) -> Result<Plant, String> {
    let named = |plant: &Plant| format!("{plant:?}").eq_ignore_ascii_case(&name.replace('-', ""));
    let known = || Plant::ALL.map(|plant| format!("{plant:?}")).join(", ");
    Plant::ALL.into_iter().find(named).ok_or_else(|| format!("there are: {}", known()))
}

/// A line for the reader; a reader who left does not stop the run.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
