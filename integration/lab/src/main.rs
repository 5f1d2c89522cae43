//! `lab`: shows a pod being wired, or runs scenarios. The last line it prints is the figure.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use lab::{Binaries, Report, ScenarioFile};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// A simulated region, its VPC in network namespaces, and nodes running the real daemon and the real shim.
#[derive(Parser)]
#[command(name = "lab", bin_name = "cargo lab")]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Runs a scenario; exits 0 only if everything it expects holds
    Run {
        /// A scenario of the lab, or the path of a file
        scenario: String,
        /// Where the report goes, as JSON
        #[arg(long, value_name = "OUT")]
        json: Option<PathBuf>,
        /// The value of one of its parameters; may be given several times
        #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
        set: Vec<(String, String)>,
    },
    /// Lists the scenarios
    List {
        /// Their names alone
        #[arg(long)]
        names: bool,
    },
    /// Removes what killed runs left on this machine
    Clean,
}

// One thread: what the lab does itself is little, and the kernel ends its children with the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match act(arguments.verb).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(verb: Option<Verb>) -> Result<bool> {
    match verb {
        None => show().await,
        Some(Verb::Run { scenario, json, set }) => {
            let report = scenario_run(&scenario, &set).await?;
            if let Some(path) = json {
                let text = serde_json::to_string_pretty(&report)?;
                std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            }
            conclude(&report)
        }
        Some(Verb::List { names }) => list(names),
        Some(Verb::Clean) => {
            needs_root()?;
            let cleared = lab::clear_leftovers()?;
            say(&format!("{} dead runs cleared", cleared.len()));
            Ok(true)
        }
    }
}

/// The way in: `add_pod`, with what to try next.
async fn show() -> Result<bool> {
    let report = scenario_run("add_pod", &[]).await?;
    say("");
    say("Next: `cargo lab list` for all scenarios, `cargo lab run NAME` for one of them,");
    say(
        "integration/scenarios/README.md for writing your own, `cargo verify` for everything that is checked.",
    );
    conclude(&report)
}

/// `key=value`, as `--set` takes it.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("give it as key=value")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

async fn scenario_run(name: &str, set: &[(String, String)]) -> Result<Report> {
    let (name, path) = lab::find(name)?;
    let scenario = ScenarioFile::read(&path, set)?;
    needs_root()?;
    let binaries = Binaries::locate()?;
    binaries.verify().await?;
    say(&format!("{name}: {}", scenario.summary()));
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        report = lab::run(&name, &scenario, &binaries, &say) => Ok(report),
        // Leaving the run drops its world, and with it everything that it made.
        _ = interrupt.recv() => bail!("interrupted; everything the run made is removed"),
        _ = terminate.recv() => bail!("told to end; everything the run made is removed"),
    }
}

fn conclude(report: &Report) -> Result<bool> {
    for failure in &report.failures {
        say(&format!("FAILED   {failure}"));
    }
    say(&report.figure);
    Ok(report.holds)
}

fn list(names_only: bool) -> Result<bool> {
    for name in lab::names()? {
        if names_only {
            say(&name);
        } else {
            let scenario = ScenarioFile::read(&lab::find(&name)?.1, &[])?;
            say(&format!("{name:<30} {}", scenario.summary()));
        }
    }
    Ok(true)
}

fn needs_root() -> Result<()> {
    if lab::is_root() {
        return Ok(());
    }
    bail!(
        "the lab needs root: it makes network namespaces of its own (named enid-…), and removes them again. Try: sudo -E cargo lab"
    )
}

/// A line for the reader; a reader who left (a closed pipe) does not stop the run.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
