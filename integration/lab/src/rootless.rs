//! The lab of an ordinary user: the same program again, as root of a user namespace with mounts, network and processes of its
//! own. Whatever it makes is seen by nobody else, and the kernel removes it with the last process.

use anyhow::{Context, Result, bail};
use rustix::process::{Signal, kill_process};
use std::ffi::OsString;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::command;

const ROOM: &str = include_str!("rootless/room.sh");

/// Exit code of a lab that cannot run here at all, as test harnesses know it: whoever counts counts a skip.
pub const EXIT_UNABLE: u8 = 77;

/// A run that is told to end removes its world, in a second or so.
const END_SECONDS_MAX: u64 = 15;

/// Namespaces, and the kernel's promise to end everything in them: with `unshare`, which ends with us.
const NAMESPACES: [&str; 10] = [
    "--pdeathsig",
    "KILL",
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "--net",
    "--pid",
    "--fork",
    "--kill-child=KILL",
];

/// Runs this program again with these arguments, in namespaces of its own, and returns its exit code.
///
/// # Errors
/// When it cannot be started, or a signal told us to end; everything in the namespaces is gone then.
pub async fn again(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode> {
    let program = std::env::current_exe().context("cannot find this program's own path")?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = Command::new("setpriv")
        .args(NAMESPACES)
        .args(["sh", "-c", ROOM, "room"])
        .arg(program)
        .args(arguments)
        .env("PATH", command::PATH)
        .process_group(0) // Ctrl-C is for us, who end them all
        .kill_on_drop(true)
        .spawn()
        .context("cannot start setpriv")?;
    let told = tokio::select! {
        status = child.wait() => {
            return Ok(code_of(status?));
        }
        _ = interrupt.recv() => "interrupted",
        _ = terminate.recv() => "told to end",
    };
    // Who shows something on the terminal puts it back; and whoever stays on purpose ends well.
    if let Some(code) = ends_itself(&mut child).await {
        return Ok(code);
    }
    child.kill().await.context("cannot end the run")?;
    bail!("{told}; everything the run made is removed")
}

/// Tells the lab inside to end, and waits for that; `None` if it does not.
async fn ends_itself(child: &mut Child) -> Option<ExitCode> {
    let inside = command::only_child(child.id()?)?;
    kill_process(inside, Signal::TERM).ok()?;
    let ended = timeout(Duration::from_secs(END_SECONDS_MAX), child.wait()).await;
    ended.ok()?.ok().map(code_of)
}

fn code_of(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Does the kernel let this user do that?
///
/// # Errors
/// When it does not, with its words, and what root would do.
pub async fn able() -> Result<()> {
    let mut arguments = NAMESPACES.to_vec();
    arguments.extend(["sh", "-c", ROOM, "room", "ip", "netns", "add", "enid-able"]);
    command::run("setpriv", &arguments).await.map(drop).map_err(|error| {
        let words = error.to_string();
        let said = words.rsplit("): ").next().unwrap_or(&words).trim();
        anyhow::anyhow!(
            "the lab makes network namespaces and mounts. This kernel does not let an ordinary user make them in a user \
             namespace ({said}); root needs none: sudo -E cargo lab"
        )
    })
}
