//! The daemon of a node: started in its box, asked for its health, stopped or killed, restarted. Reads its log only to quote it.

use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::{Instant, timeout};

use super::Node;
use crate::command::{PATH, only_child};
use crate::netns::Netns;
use crate::{http, program, until};

const BOX: &str = include_str!("box.sh");

/// Where the daemon tells its health, by default.
const HEALTH: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 61_680);

/// Where it shows its metrics, by default.
const METRICS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 61_678);

/// Serving takes half a second by design §9; a machine busy with a build takes longer, a hang takes for ever.
const READY_SECONDS_MAX: u64 = 30;

/// A daemon that is told to stop writes its last checkpoint and goes.
const STOP_SECONDS_MAX: u64 = 15;

/// The node's own program, in its directory.
const PROGRAM: &str = "enid";

/// Enough of a log to see why.
const LOG_TAIL_LINES: usize = 25;

/// Environment of a daemon, and the content of `/etc/enid/enid.toml` if there is one.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The settings file.
    pub file: Option<String>,
    /// It gets no capability at all: it sees the kernel and can change nothing.
    pub powerless: bool,
}

/// How a daemon ended by itself.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote.
    pub log: String,
}

/// A running daemon.
#[derive(Debug)]
pub(super) struct Daemon {
    /// `unshare`, which dies with the daemon and takes it along.
    wrapper: Child,
    log: PathBuf,
}

impl Node {
    /// Has the plugin installed, starts the daemon and waits until it says it is ready. Returns how long the last two took.
    ///
    /// # Errors
    /// When one is running already, when it ends, or does not become ready in time; with the end of its log.
    pub async fn start_daemon(&self, settings: &Settings) -> Result<Duration> {
        if self.has_daemon() {
            bail!("{}: a daemon runs already", self.name);
        }
        self.install().await?;
        let begun = Instant::now();
        self.daemon.replace(Some(self.spawn_daemon(settings)?));
        self.ready().await?;
        Ok(begun.elapsed())
    }

    /// Starts a daemon that is expected to end by itself, beside the running one if there is one.
    ///
    /// # Errors
    /// When it still runs after `limit`, with the end of its log; it is killed then.
    pub async fn daemon_that_ends(&self, settings: &Settings, limit: Duration) -> Result<Ended> {
        let mut daemon = self.spawn_daemon(settings)?;
        let ended = timeout(limit, daemon.wrapper.wait()).await;
        let log = std::fs::read_to_string(&daemon.log).unwrap_or_default();
        match ended {
            Ok(status) => Ok(Ended { status: status?, log }),
            Err(_) => {
                let _ = daemon.wrapper.kill().await;
                bail!(
                    "the daemon should have refused to start, and ran for {} s; its log ends:\n{}",
                    limit.as_secs(),
                    tail(&log)
                )
            }
        }
    }

    fn spawn_daemon(&self, settings: &Settings) -> Result<Daemon> {
        let life = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        let file = self.state.join("etc-enid/enid.toml");
        match &settings.file {
            Some(text) => std::fs::write(&file, text).context("cannot write the settings file")?,
            None => drop(std::fs::remove_file(&file)),
        }
        // Two daemons at once need two roots.
        let root = self.state.join(format!("root/{life}"));
        std::fs::create_dir_all(&root).context("cannot make the daemon's root")?;
        let log = self.state.join(format!("daemon-{life}.log"));
        let out = File::create(&log).context("cannot make the daemon's log")?;
        let wrapper = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "nsenter"])
            .arg(format!("--net={}", self.netns.path().display()))
            .args(["unshare", "--mount", "--pid", "--fork", "--kill-child"])
            .args(["--propagation", "private", "sh", "-c", BOX, "box"])
            .args([&root, &self.state, &self.program()])
            .args([if settings.powerless { "none" } else { "given" }, "run"])
            .env_clear()
            .env("PATH", PATH)
            .envs(&settings.environment)
            .process_group(0)
            .stdin(Stdio::null())
            .stderr(out.try_clone().context("cannot share the log")?)
            .stdout(out)
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the daemon")?;
        Ok(Daemon { wrapper, log })
    }

    /// Puts another file of the same build in the place of the node's program, as an upgrade does: a daemon that runs goes on
    /// with the old one, the next starts from this.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn replace_daemon(&self) -> Result<()> {
        let next = self.state.join("enid.next");
        program::copy(&self.program(), &next)?;
        std::fs::rename(next, self.state.join(PROGRAM)).context("cannot replace the program")
    }

    /// What daemons are started from: the build's file, or what took its place.
    fn program(&self) -> PathBuf {
        let own = self.state.join(PROGRAM);
        if own.is_file() { own } else { self.binaries.daemon.clone() }
    }

    /// Waits until the daemon says that it is ready.
    ///
    /// # Errors
    /// When it ends, or the time is over.
    pub async fn ready(&self) -> Result<()> {
        // Out of its cell while we wait; whoever gives up waiting lets it go.
        let mut daemon = self.take_daemon()?;
        let ready = self.becomes_ready(&mut daemon).await;
        self.daemon.replace(Some(daemon));
        ready
    }

    async fn becomes_ready(&self, daemon: &mut Daemon) -> Result<()> {
        let name = &self.name;
        let deadline = Instant::now() + Duration::from_secs(READY_SECONDS_MAX);
        let mut last = String::from("it does not listen");
        while Instant::now() < deadline {
            if let Some(status) = daemon.wrapper.try_wait()? {
                bail!("{name}: the daemon ended ({status}); its log ends:\n{}", daemon.tail());
            }
            match http::get(&self.netns, HEALTH, "/readyz").await {
                Ok((200, _)) => return Ok(()),
                Ok((status, body)) => last = format!("{status} {}", body.trim()),
                Err(_) => {}
            }
            until::pause().await;
        }
        bail!(
            "{name}: the daemon is not ready after {READY_SECONDS_MAX} s ({last}); its log ends:\n{}",
            daemon.tail()
        )
    }

    /// What the daemon answers on its health or metrics address: status and body.
    ///
    /// # Errors
    /// When nobody listens there.
    pub async fn health(&self, path: &str) -> Result<(u16, String)> {
        health_of(&self.netns, path).await
    }

    /// Does a daemon run?
    #[must_use]
    pub fn has_daemon(&self) -> bool {
        self.daemon.borrow().is_some()
    }

    /// Tells the daemon to stop, and waits for its end.
    ///
    /// # Errors
    /// When none runs, it does not end in time, or ends with anything but 0.
    pub async fn stop_daemon(&self) -> Result<Duration> {
        let mut daemon = self.take_daemon()?;
        let begun = Instant::now();
        signal(&daemon, rustix::process::Signal::TERM)?;
        let ended = timeout(Duration::from_secs(STOP_SECONDS_MAX), daemon.wrapper.wait()).await;
        let Ok(status) = ended else {
            let _ = daemon.wrapper.kill().await;
            bail!(
                "{}: the daemon did not stop within {STOP_SECONDS_MAX} s; its log ends:\n{}",
                self.name,
                daemon.tail()
            );
        };
        let status = status?;
        if !status.success() {
            bail!("{}: the daemon stopped with {status}; its log ends:\n{}", self.name, daemon.tail());
        }
        Ok(begun.elapsed())
    }

    /// Kills the daemon: no handler of it runs.
    ///
    /// # Errors
    /// When none runs.
    pub async fn kill_daemon(&self) -> Result<()> {
        let mut daemon = self.take_daemon()?;
        signal(&daemon, rustix::process::Signal::KILL)?;
        daemon.wrapper.wait().await?;
        Ok(())
    }

    /// The daemon's process, as the lab sees it.
    ///
    /// # Errors
    /// When none runs.
    pub(crate) fn daemon_pid(&self) -> Result<i32> {
        let daemon = self.daemon.borrow();
        let daemon = daemon.as_ref().with_context(|| format!("{}: no daemon runs", self.name))?;
        Ok(pid(daemon)?.as_raw_nonzero().get())
    }

    fn take_daemon(&self) -> Result<Daemon> {
        self.daemon.take().with_context(|| format!("{}: no daemon runs", self.name))
    }

    /// The last daemon's log.
    #[must_use]
    pub fn log(&self) -> String {
        let life = self.started.load(Ordering::Relaxed);
        let log = self.state.join(format!("daemon-{life}.log"));
        std::fs::read_to_string(log).unwrap_or_default()
    }

    /// Its end, for a failure's report.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log())
    }
}

/// What the daemon in a node's namespace answers on its health or metrics address: status and body.
pub(crate) async fn health_of(netns: &Netns, path: &str) -> Result<(u16, String)> {
    let address = if path == "/metrics" { METRICS } else { HEALTH };
    http::get(netns, address, path).await
}

impl Daemon {
    fn tail(&self) -> String {
        tail(&std::fs::read_to_string(&self.log).unwrap_or_default())
    }
}

/// Signals the daemon itself: the only child of the wrapper. (pid 1 of a pid namespace gets from outside what it handles, and
/// SIGKILL.)
fn signal(daemon: &Daemon, signal: rustix::process::Signal) -> Result<()> {
    rustix::process::kill_process(pid(daemon)?, signal).context("cannot signal the daemon")
}

fn pid(daemon: &Daemon) -> Result<rustix::process::Pid> {
    daemon.wrapper.id().and_then(only_child).context("the daemon is gone already")
}

fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(LOG_TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}
