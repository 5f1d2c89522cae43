//! Calls to cargo. Always the whole workspace: a build of one crate resolves features for that crate alone, and would compile
//! the AWS SDK (minutes, 8 GB) a second time.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::progress;

/// The SDK's crate, as cargo names its library target.
const SDK: &str = "\"name\":\"aws_sdk_ec2\"";

/// How the shim is built: its own small profile, static, so that containerd can execute it on any host.
const SHIM: [&str; 9] = [
    "rustc",
    "-p",
    "cni-shim",
    "--bin",
    "enid-cni",
    "--profile",
    "shim",
    "--",
    "-Ctarget-feature=+crt-static",
];

/// The daemon as an image ships it, and the bench's hand. Only a bench needs them: everything else runs what is developed.
const SHIPPED: [&str; 7] = ["build", "--release", "--workspace", "--bin", "enid", "--bin", "floor"];

/// The empty program, built as the shim is.
const EMPTY: [&str; 9] =
    ["rustc", "-p", "empty", "--bin", "empty", "--profile", "shim", "--", "-Ctarget-feature=+crt-static"];

/// What came out of a cargo command.
pub(crate) struct Outcome {
    /// It ended well.
    pub(crate) ok: bool,
    /// How often the SDK's library was compiled.
    pub(crate) sdk_compiled: u32,
    /// Everything it printed on stdout that is no message about an artifact.
    pub(crate) text: String,
}

/// A cargo command, run by the cargo that started us.
fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program built beside this one.
pub(crate) fn beside(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| format!("cannot find this program's path: {error}"))?;
    Ok(own.with_file_name(name))
}

/// Builds the workspace and the shim, and tells how it goes.
pub(crate) fn build_for_lab() -> Result<(), String> {
    progress::announce();
    let crates = crates();
    for (arguments, crates) in [(&["build", "--workspace"][..], crates), (&SHIM[..], None)] {
        if !build(arguments, crates)? {
            return Err("the build failed; nothing was run".to_owned());
        }
    }
    Ok(())
}

/// Builds what is measured.
pub(crate) fn build_for_bench() -> Result<(), String> {
    println!("the daemon as it is shipped: the first time takes fifteen minutes, it optimises the AWS SDK");
    for arguments in [&SHIPPED[..], &EMPTY[..]] {
        if !build(arguments, None)? {
            return Err("the build failed; nothing was measured".to_owned());
        }
    }
    Ok(())
}

/// A build. On a terminal cargo shows its bar; elsewhere it says nothing but errors, and we say how far it is.
fn build(arguments: &[&str], crates: Option<usize>) -> Result<bool, String> {
    let mut command = cargo();
    command.args(arguments.iter().take(1));
    if progress::is_watched() {
        let status = command.args(arguments.iter().skip(1)).status();
        return status.map(|status| status.success()).map_err(|error| format!("cannot start cargo: {error}"));
    }
    command.args(["--quiet", "--message-format=json-render-diagnostics"]).args(arguments.iter().skip(1));
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| format!("cannot start cargo: {error}"))?;
    progress::tell(child.stdout.take().ok_or("no stdout")?, crates);
    let status = child.wait().map_err(|error| format!("cannot wait for cargo: {error}"))?;
    Ok(status.success())
}

/// How many crates there are to build, as far as cargo tells without building.
fn crates() -> Option<usize> {
    let tree = ["tree", "--workspace", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    let output = cargo().args(tree).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // `name v1.2.3 (*)`: the same crate again.
    let names: BTreeSet<&str> = text.lines().filter_map(|line| line.split(" v").next()).collect();
    (!names.is_empty()).then_some(names.len())
}

/// Is the SDK among what was built beside this program?
pub(crate) fn has_compiled_sdk() -> bool {
    let Ok(entries) =
        beside("deps").and_then(|deps| std::fs::read_dir(deps).map_err(|error| error.to_string()))
    else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.starts_with("libaws_sdk_ec2-") && name.ends_with(".rlib")
    })
}

/// Builds the shim.
pub(crate) fn build_shim() -> Result<Outcome, String> {
    run(&SHIM)
}

/// Runs cargo with artifact messages, so that what was compiled can be counted. Compiler errors and warnings go to stderr as
/// usual.
pub(crate) fn run_counting(arguments: &[&str]) -> Result<Outcome, String> {
    let mut all = arguments.to_vec();
    all.insert(1.min(all.len()), "--message-format=json-render-diagnostics");
    run(&all)
}

/// Builds the product's binaries of a copy of the workspace, into a target directory of its own. The whole workspace is named,
/// so that features are resolved as for a normal build.
pub(crate) fn build_copy(tree: &Path, target: &Path) -> Result<Outcome, String> {
    let mut command = cargo();
    command
        .args(["build", "--message-format=json-render-diagnostics", "--workspace"])
        .args(["--bin", "enid", "--bin", "enid-cni", "--target-dir"])
        .arg(target)
        .env("CARGO_TERM_QUIET", "true")
        .current_dir(tree);
    collect(&mut command)
}

/// Runs tests. Not quietly: quiet test programs do not name what failed.
pub(crate) fn run_tests(arguments: &[&str]) -> Result<Outcome, String> {
    collect(cargo().args(arguments).env("CARGO_TERM_COLOR", "never"))
}

/// Runs cargo, quietly, and keeps what it prints on stdout.
pub(crate) fn run(arguments: &[&str]) -> Result<Outcome, String> {
    collect(cargo().args(arguments).env("CARGO_TERM_QUIET", "true"))
}

fn collect(command: &mut Command) -> Result<Outcome, String> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    let stdout = child.stdout.take().ok_or("no stdout")?;
    let mut outcome = Outcome { ok: false, sdk_compiled: 0, text: String::new() };
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.map_err(|error| format!("cannot read cargo's output: {error}"))?;
        let line = String::from_utf8_lossy(&line);
        if line.starts_with("{\"reason\":") {
            outcome.sdk_compiled += u32::from(compiles_sdk(&line));
        } else {
            outcome.text.push_str(&line);
            outcome.text.push('\n');
        }
    }
    let status = child.wait().map_err(|error| format!("cannot wait for cargo: {error}"))?;
    outcome.ok = status.success();
    Ok(outcome)
}

/// Does this message say that the SDK's library was compiled just now (and not taken from an earlier build)?
fn compiles_sdk(message: &str) -> bool {
    message.starts_with("{\"reason\":\"compiler-artifact\"")
        && message.contains(SDK)
        && message.contains("\"kind\":[\"lib\"]")
        && message.contains("\"fresh\":false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compiled_sdk_is_told_from_a_fresh_one_and_from_other_crates() {
        let message = |name: &str, kind: &str, fresh: bool| {
            format!(
                "{{\"reason\":\"compiler-artifact\",\"package_id\":\"x\",\"target\":{{\"kind\":[\"{kind}\"],\
                 \"name\":\"{name}\"}},\"fresh\":{fresh}}}"
            )
        };
        assert!(compiles_sdk(&message("aws_sdk_ec2", "lib", false)));
        assert!(!compiles_sdk(&message("aws_sdk_ec2", "lib", true)));
        assert!(!compiles_sdk(&message("aws_sdk_ec2", "custom-build", false)));
        assert!(!compiles_sdk(&message("aws_sdk_sts", "lib", false)));
        assert!(!compiles_sdk("{\"reason\":\"build-finished\",\"success\":true}"));
    }
}
