//! Runs the machine's own tools (`ip`, `nft`, `nsenter`, `mount`), each with a time limit, and turns a failure into the
//! command line and its own words. Knows nothing of what they do.

use anyhow::{Context, Result, bail};
use rustix::process::Pid;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Set-up commands take milliseconds; a machine busy with a build takes longer.
const COMMAND_SECONDS_MAX: u64 = 30;

/// Where the tools of a Linux host live; our children get no other environment.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs a command and returns what it printed.
///
/// # Errors
/// When it cannot be started, takes too long, or exits with anything but 0; the error quotes its stderr.
pub async fn run(program: &str, arguments: &[&str]) -> Result<String> {
    run_with_input(program, arguments, "").await
}

/// Runs a command with this text as its stdin and returns what it printed.
///
/// # Errors
/// As [`run`].
pub async fn run_with_input(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let line = format!("{program} {}", arguments.join(" "));
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let mut stdin = child.stdin.take().context("no stdin")?;
    let input = input.to_owned();
    let finished = async {
        // A child that does not read its input answers with its exit code, not with our broken pipe.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(Duration::from_secs(COMMAND_SECONDS_MAX), finished)
        .await
        .with_context(|| format!("`{line}` did not end within {COMMAND_SECONDS_MAX} s"))?
        .with_context(|| format!("cannot run `{line}`"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("`{line}` failed ({}): {} {input}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The only child of a process that wraps it (`unshare`).
pub(crate) fn only_child(wrapper: u32) -> Option<Pid> {
    let children = Path::new("/proc").join(format!("{wrapper}/task/{wrapper}/children"));
    let children = std::fs::read_to_string(children).ok()?;
    children.split_whitespace().next()?.parse().ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failed_command_is_quoted_with_its_own_words() {
        let error = run("sh", &["-c", "echo no such thing >&2; exit 3"]).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("no such thing") && text.contains("exit 3"), "{text}");
    }

    #[tokio::test]
    async fn input_reaches_the_command() {
        assert_eq!(run_with_input("cat", &[], "hello").await.unwrap(), "hello");
    }
}
