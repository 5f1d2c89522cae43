//! `lab`: leads through the tour, or runs scenarios. There the last line it prints is the figure.

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use lab::bench::Extent;
use lab::sabotage::{Verdict, Workshop};
use lab::{Binaries, Report, ScenarioFile, rootless, shell, tour};
use serde::Serialize;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// A simulated region, its VPC in network namespaces, and nodes running the real daemon and the real shim.
#[derive(Parser)]
#[command(name = "lab", bin_name = "cargo lab", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// Leave it all running after the tour, until Ctrl-C
    #[arg(long)]
    keep: bool,
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
        /// Shown as the tour is
        #[arg(long, conflicts_with = "json")]
        live: bool,
        /// Leave it all running afterwards, until Ctrl-C
        #[arg(long, requires = "live")]
        keep: bool,
    },
    /// A shell on a node of a lab that runs, or a command there
    Shell {
        /// The node, as in `cargo lab --keep`
        node: String,
        /// Instead of a shell
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
    /// Measures the product beside what it must take at least
    Bench {
        /// Where the figures go, as JSON
        #[arg(long, value_name = "OUT")]
        json: Option<PathBuf>,
        /// The daemon as it is developed, not as it is shipped
        #[arg(long)]
        dev: bool,
        /// A few samples of each figure
        #[arg(long)]
        short: bool,
        /// Nothing but whether these words are understood
        #[arg(long, hide = true)]
        understand: bool,
    },
    /// Lists the scenarios
    List {
        /// Their names alone
        #[arg(long)]
        names: bool,
    },
    /// Removes what killed runs left on this machine
    Clean,
    /// The lab's part of `cargo lab sabotage`, between the launcher's builds
    #[command(hide = true)]
    Sabotage {
        /// A scenario of the lab, or the path of a file
        scenario: String,
        #[command(subcommand)]
        part: SabotagePart,
    },
}

#[derive(Subcommand)]
enum SabotagePart {
    /// Says what each sabotage of the scenario breaks, one a line
    List,
    /// Makes the broken copy of the sources
    Copy { number: usize, directory: PathBuf },
    /// Runs the scenario against what was built from it; exits 0 only if it turns red
    Judge { number: usize, directory: PathBuf },
}

// One thread: what the lab does itself is little, and the kernel ends its children with the thread that started them.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.verb, Some(Verb::Bench { understand: true, .. })) {
        return ExitCode::SUCCESS;
    }
    if arguments.makes_namespaces() && !lab::is_root() {
        return as_ordinary_user().await;
    }
    match act(arguments).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Arguments {
    fn makes_namespaces(&self) -> bool {
        match &self.verb {
            None
            | Some(
                Verb::Run { .. }
                | Verb::Bench { .. }
                | Verb::Sabotage { part: SabotagePart::Judge { .. }, .. },
            ) => true,
            Some(Verb::List { .. } | Verb::Shell { .. } | Verb::Clean | Verb::Sabotage { .. }) => false,
        }
    }
}

async fn as_ordinary_user() -> ExitCode {
    if let Err(error) = rootless::able().await {
        eprintln!("{error:#}");
        return ExitCode::from(rootless::EXIT_UNABLE);
    }
    rootless::again(std::env::args_os().skip(1)).await.unwrap_or_else(|error| {
        eprintln!("{error:#}");
        ExitCode::FAILURE
    })
}

async fn act(arguments: Arguments) -> Result<bool> {
    match arguments.verb {
        None => lead(tour::TOUR, &[], arguments.keep).await,
        Some(Verb::Run { scenario, set, live: true, keep, .. }) => lead(&scenario, &set, keep).await,
        Some(Verb::Shell { node, command }) => shell::become_shell(&node, &command).map(|()| true),
        Some(Verb::Run { scenario, json, set, .. }) => {
            let report = scenario_run(&scenario, &set).await?;
            write_json(json.as_deref(), &report)?;
            conclude(&report)
        }
        Some(Verb::Bench { json, dev, short, .. }) => {
            let report = unless_told_to_end(lab::bench::run(Extent { dev, short }, &say)).await??;
            write_json(json.as_deref(), &report)?;
            say(&report.figure);
            // A figure that is missed is told, not a failure: it hangs on the machine.
            Ok(true)
        }
        Some(Verb::List { names }) => list(names),
        Some(Verb::Clean) => {
            ensure!(lab::is_root(), "only root's runs can leave anything, and only root can remove it");
            let cleared = lab::clear_leftovers()?;
            say(&format!("{} dead runs cleared", cleared.len()));
            Ok(true)
        }
        Some(Verb::Sabotage { scenario, part }) => sabotage(&scenario, part).await,
    }
}

/// Leads through a scenario, as this terminal can (<https://no-color.org>).
async fn lead(name: &str, set: &[(String, String)], keep: bool) -> Result<bool> {
    let (name, path) = lab::find(name)?;
    let file = ScenarioFile::read(&path, set)?;
    let text = |name: &str| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned());
    let colours = text("NO_COLOR").is_none_or(|value| value.is_empty());
    tour::lead(&name, &file, &tour::Looks { keep, terminal: text("TERM"), colours }, say).await
}

fn write_json(path: Option<&Path>, report: &impl Serialize) -> Result<()> {
    let Some(path) = path else { return Ok(()) };
    let text = serde_json::to_string_pretty(report)?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// `key=value`, as `--set` takes it.
fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("give it as key=value")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

async fn scenario_run(name: &str, set: &[(String, String)]) -> Result<Report> {
    let (name, path) = lab::find(name)?;
    let scenario = ScenarioFile::read(&path, set)?;
    let binaries = Binaries::locate()?;
    binaries.verify().await?;
    say(&format!("{name}: {}", scenario.summary()));
    run_unless_told_to_end(&name, &scenario, &binaries, &say).await
}

async fn sabotage(name: &str, part: SabotagePart) -> Result<bool> {
    let (name, path) = lab::find(name)?;
    let scenario = ScenarioFile::read(&path, &[])?;
    let numbered = |number: usize| {
        let found = number.checked_sub(1).and_then(|index| scenario.sabotages().get(index));
        found.with_context(|| format!("{name} has no sabotage {number}"))
    };
    match part {
        SabotagePart::List => scenario.sabotages().iter().for_each(|sabotage| say(&sabotage.breaks)),
        SabotagePart::Copy { number, directory } => {
            Workshop::at(directory).copy(&lab::workspace_root()?, numbered(number)?)?;
        }
        SabotagePart::Judge { number, directory } => {
            let sabotage = numbered(number)?;
            let shop = Workshop::at(directory);
            let binaries = shop.binaries();
            binaries.made_from(&shop.tree()).await?;
            let report = run_unless_told_to_end(&name, &scenario, &binaries, &|_: &str| {}).await?;
            let verdict = Verdict::of(sabotage, &report);
            say(&verdict.to_string());
            return Ok(verdict.seen());
        }
    }
    Ok(true)
}

async fn run_unless_told_to_end(
    name: &str,
    scenario: &ScenarioFile,
    binaries: &Binaries,
    audience: &dyn lab::Audience,
) -> Result<Report> {
    unless_told_to_end(lab::run(name, scenario, binaries, audience)).await
}

async fn unless_told_to_end<T>(run: impl Future<Output = T>) -> Result<T> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ran = run => Ok(ran),
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

/// A line for the reader; a reader who left (a closed pipe) does not stop the run.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
