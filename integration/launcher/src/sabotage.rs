//! `cargo lab sabotage`: for each sabotage of a scenario, a broken copy of the sources is built and the scenario run against it.
//! Everything is under `target/sabotage`: a cache, which is all that an interrupted run leaves.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use crate::cargo;
use crate::lanes::Found;
use crate::tally::Tally;

/// What of the normal target directory a build of the copy begins with, and how `cp` takes it: what was compiled is replaced and
/// never changed in place, and is shared; what cargo and build scripts note beside it is rewritten, and is copied.
const SEEDS: [(&str, &str); 3] = [("-aln", "deps"), ("-an", "build"), ("-an", ".fingerprint")];

/// The lab, and the directory in which things are broken.
struct Shop {
    lab: PathBuf,
    directory: PathBuf,
}

/// Shows that scenarios turn red: the named one, or all.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let shown = match arguments {
        [all] if all == "--all" => cargo::build_for_lab().and_then(|()| every()),
        [name] if !name.to_string_lossy().starts_with('-') => {
            cargo::build_for_lab().and_then(|()| Shop::open()?.show(name))
        }
        _ => Err("cargo lab sabotage NAME|FILE, or cargo lab sabotage --all".to_owned()),
    };
    match shown {
        Ok(found) => {
            println!("{}", found.tally.line());
            if found.tally.good(false) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Every sabotage of every scenario, each one test.
pub(crate) fn every() -> Result<Found, String> {
    let shop = Shop::open()?;
    let mut all = Found { tally: Tally::default(), sdk_compiled: 0 };
    for name in shop.lab(&["list".as_ref(), "--names".as_ref()])?.lines() {
        let found = shop.show(name.as_ref())?;
        all.tally += found.tally;
        all.sdk_compiled += found.sdk_compiled;
    }
    Ok(all)
}

impl Shop {
    /// Finds the lab, and puts what is built already where the copy's build looks for it.
    fn open() -> Result<Self, String> {
        let lab = cargo::beside("lab")?;
        let built = lab.parent().ok_or("no target directory")?;
        let directory = built.with_file_name("sabotage");
        let seeded = directory.join("target/debug");
        std::fs::create_dir_all(&seeded)
            .map_err(|error| format!("cannot make {}: {error}", seeded.display()))?;
        for (how, folder) in SEEDS {
            let copied = Command::new("cp").arg(how).arg(built.join(folder)).arg(&seeded).status();
            if !copied.is_ok_and(|status| status.success()) {
                return Err(format!("cannot fill {}", seeded.display()));
            }
        }
        Ok(Self { lab, directory })
    }

    /// Every sabotage of one scenario.
    fn show(&self, scenario: &OsStr) -> Result<Found, String> {
        let breaks = self.lab(&["sabotage".as_ref(), scenario, "list".as_ref()])?;
        let mut found = Found { tally: Tally::default(), sdk_compiled: 0 };
        for (sabotage, number) in breaks.lines().zip(1_u32..) {
            println!("{}: {sabotage}", scenario.display());
            let number = number.to_string();
            let part =
                |verb| ["sabotage".as_ref(), scenario, verb, number.as_ref(), self.directory.as_os_str()];
            self.lab(&part("copy".as_ref()))?;
            let built = cargo::build_copy(&self.directory.join("tree"), &self.directory.join("target"))?;
            found.sdk_compiled += built.sdk_compiled;
            let seen = if built.ok {
                self.judge(&part("judge".as_ref()))?
            } else {
                println!("    IT DOES NOT COMPILE");
                false
            };
            found.tally += Tally::of_one(&format!("sabotage {number} of {}", scenario.display()), seen);
        }
        if breaks.is_empty() {
            return Err(format!("{} names no sabotage", scenario.display()));
        }
        Ok(found)
    }

    /// What the lab says, if it succeeds.
    fn lab(&self, arguments: &[&OsStr]) -> Result<String, String> {
        let output = command(&self.lab, arguments).output().map_err(|error| self.absent(&error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }

    /// Runs the scenario; whether it turned red as it should.
    fn judge(&self, arguments: &[&OsStr]) -> Result<bool, String> {
        let output = command(&self.lab, arguments).output().map_err(|error| self.absent(&error))?;
        for text in [&output.stdout, &output.stderr] {
            String::from_utf8_lossy(text).lines().for_each(|line| println!("    {line}"));
        }
        Ok(output.status.success())
    }

    fn absent(&self, error: &std::io::Error) -> String {
        format!("cannot start {}: {error}", self.lab.display())
    }
}

fn command(program: &Path, arguments: &[&OsStr]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    command
}
