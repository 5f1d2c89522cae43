//! `cargo lab …` and `cargo verify`: builds the workspace as a whole, once, and starts what was built. It has no dependencies,
//! so that it is there in a second, and so that no build of it can resolve features differently.

mod cargo;
mod lanes;
mod packages;
mod progress;
mod sabotage;
mod tally;
mod verify;

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

const USAGE: &str = "\
cargo lab                      the tour: two nodes, their pods, and what goes wrong, before your eyes  [--keep]
cargo lab shell NODE           a shell on a node of a lab that was kept  [COMMAND…]
cargo lab list                 the scenarios
cargo lab run NAME|FILE        runs one  [--json OUT]
cargo lab sabotage NAME|FILE   breaks the product in the ways a scenario names, and shows it red
cargo lab sabotage --all       the same for every scenario
cargo lab bench                the product beside what it must take at least  [--json OUT] [--dev] [--short]
cargo lab simulate             the node in virtual time  [--steps N] [--seed S] [--replay FILE]
cargo lab clean                removes what killed runs left
cargo verify                   everything that is checked, as CI does
cargo verify --sabotage        and that every scenario can turn red";

/// A bench with one of these needs no daemon as it is shipped.
const BY_WHAT_IS_BUILT: [Option<&str>; 3] = [Some("--dev"), Some("--help"), Some("-h")];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let verb = arguments.next().unwrap_or_default();
    let rest: Vec<OsString> = arguments.collect();
    match verb.to_str() {
        Some("lab") => match rest.split_first() {
            Some((first, names)) if first == "sabotage" => sabotage::run(names),
            Some((first, more)) if first == "simulate" => become_built("simulate", more),
            Some((first, more))
                if first == "bench" && !more.iter().any(|word| BY_WHAT_IS_BUILT.contains(&word.to_str())) =>
            {
                measure(&rest)
            }
            _ => become_built("lab", &rest),
        },
        Some("verify") if rest.is_empty() => verify::run(false),
        Some("verify") if rest == ["--sabotage"] => verify::run(true),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Builds what is measured beside what measures it, once its words are understood: a slip should not cost a quarter of an hour.
fn measure(arguments: &[OsString]) -> ExitCode {
    match understood(arguments) {
        Ok(true) => {}
        Ok(false) => return ExitCode::from(2),
        Err(problem) => return failed(&problem),
    }
    match cargo::build_for_bench() {
        Ok(()) => become_built("lab", arguments),
        Err(problem) => failed(&problem),
    }
}

/// Whether the lab knows what to do with these; if not, it has said so.
fn understood(arguments: &[OsString]) -> Result<bool, String> {
    cargo::build_for_lab()?;
    let lab = cargo::beside("lab")?;
    let asked = Command::new(&lab).args(arguments).arg("--understand").status();
    asked.map(|asked| asked.success()).map_err(|error| format!("cannot start {}: {error}", lab.display()))
}

/// Builds, then becomes what was built.
fn become_built(program: &str, arguments: &[OsString]) -> ExitCode {
    let built = cargo::build_for_lab().and_then(|()| cargo::beside(program));
    match built {
        Ok(program) => {
            let error = Command::new(&program).args(arguments).exec();
            failed(&format!("cannot start {}: {error}", program.display()))
        }
        Err(problem) => failed(&problem),
    }
}

fn failed(problem: &str) -> ExitCode {
    eprintln!("{problem}");
    ExitCode::FAILURE
}
