//! A lab node: the namespace of an instance, its private directories, and the mount view that its runtime has. Starts hostile
//! (rp_filter 1 everywhere, nothing inherited from the machine). The daemon is in `node/daemon`.

mod daemon;

pub(crate) use daemon::health_of;
pub use daemon::{Ended, Settings};

use anyhow::{Context, Result, bail};
use ipnet::Ipv4Net;
use std::cell::RefCell;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};

use crate::binaries::Binaries;
use crate::command::{self, PATH};
use crate::netns::Netns;
use crate::program;
use crate::run::Run;

const HOLDER: &str = include_str!("node/holder.sh");

/// Four bind mounts; seconds only on a machine that is busy.
const HOLDER_SECONDS_MAX: u64 = 20;

/// The node's directories: name in the run directory, and where the node has it.
const PLACES: [(&str, &str); 6] = [
    ("run-aws-node", "/var/run/aws-node"),
    ("etc-cni", "/etc/cni"),
    ("etc-enid", "/etc/enid"),
    ("opt-cni-bin", "/opt/cni/bin"),
    ("var-lib-cni", "/var/lib/cni"),
    ("var-lib-enid", "/var/lib/enid"),
];

/// In a node's directory: the process whose mounts and network are the node's.
pub(crate) const HOLDER_PID: &str = "holder.pid";

/// The metadata service's address.
pub const IMDS_ADDRESS: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// A node.
#[derive(Debug)]
pub struct Node {
    name: String,
    netns: Netns,
    /// Holds the node's directories, its logs, and the daemon's root.
    state: PathBuf,
    binaries: Binaries,
    /// Keeps the mount view; ends when `_holder_stdin` closes.
    holder: Child,
    _holder_stdin: ChildStdin,
    /// In a cell, so that a daemon can come and go while plugins are executed on the node.
    daemon: RefCell<Option<daemon::Daemon>>,
    /// How many daemons were started: each has its own log.
    started: Arc<AtomicU32>,
}

impl Node {
    /// Makes a node without any ENI yet.
    ///
    /// # Errors
    /// When the kernel refuses a namespace or a mount.
    pub async fn create(run: &Run, name: &str, binaries: &Binaries) -> Result<Self> {
        let netns = hostile_netns(run.namespace(name)).await?;
        let state = run.directory().join(name);
        for (directory, _) in PLACES {
            std::fs::create_dir_all(state.join(directory)).context("cannot make the node's directories")?;
        }
        std::fs::create_dir_all(state.join("root")).context("cannot make the daemon's root")?;
        new_boot(&state)?;
        let mut holder = hold(&netns, &state)?;
        let _holder_stdin = holder.stdin.take().context("no stdin")?;
        let mut node = Self {
            name: name.to_owned(),
            netns,
            state,
            binaries: binaries.clone(),
            holder,
            _holder_stdin,
            daemon: RefCell::new(None),
            started: Arc::default(),
        };
        node.held().await?;
        Ok(node)
    }

    /// What an image's install step does: the plugin, under its versioned name, in the node's plugin directory. By the product's
    /// own daemon only, since nothing confines it: what stands in for one in a test is never executed so.
    async fn install(&self) -> Result<()> {
        let image = self.state.join("image");
        std::fs::create_dir_all(&image).context("cannot make an image")?;
        program::copy(&self.binaries.shim, &image.join("enid-cni"))?;
        let plugins = format!("HOST_CNI_BIN_PATH={}", self.state.join("opt-cni-bin").display());
        let (daemon, image) = (self.binaries.daemon.display().to_string(), image.display().to_string());
        command::run("env", &[&plugins, &daemon, "install", "--from", &image]).await?;
        Ok(())
    }

    /// Goes down without a warning and comes up again without ENIs, pods or a daemon: the kernel's state is gone, `/var/run`
    /// (a tmpfs) is empty, the other directories are as they were, and the boot has another id, which is returned.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub async fn reboot(&mut self) -> Result<String> {
        if self.has_daemon() {
            self.kill_daemon().await?;
        }
        self.holder.kill().await.context("cannot end the node's mount view")?;
        self.netns.remove().await?;
        let volatile = self.state.join("run-aws-node");
        std::fs::remove_dir_all(&volatile).context("cannot empty /var/run")?;
        std::fs::create_dir_all(&volatile).context("cannot empty /var/run")?;
        let boot = new_boot(&self.state)?;
        self.netns = hostile_netns(self.netns.name().to_owned()).await?;
        self.holder = hold(&self.netns, &self.state)?;
        self._holder_stdin = self.holder.stdin.take().context("no stdin")?;
        self.held().await?;
        Ok(boot)
    }

    /// Waits until the mount view stands.
    async fn held(&mut self) -> Result<()> {
        let stdout = self.holder.stdout.take().context("no stdout")?;
        let mut line = String::new();
        let mut reader = BufReader::new(stdout);
        tokio::time::timeout(Duration::from_secs(HOLDER_SECONDS_MAX), reader.read_line(&mut line))
            .await
            .context("the node's mounts did not come up")??;
        if line.trim() != "ready" {
            bail!("the node's mounts failed: are you root, with mount rights? (see the messages above)");
        }
        let holder = self.holder.id().context("the process that holds the node's mounts is gone")?;
        std::fs::write(self.state.join(HOLDER_PID), holder.to_string())
            .context("cannot say who holds the node's mounts")
    }

    /// A daemon was started on it at some time.
    #[must_use]
    pub fn had_daemon(&self) -> bool {
        self.started.load(Ordering::Relaxed) > 0
    }

    /// Brings up the primary ENI as an instance's boot does.
    ///
    /// # Errors
    /// When the device is not there.
    pub async fn boot_network(&self, address: Ipv4Addr, subnet: Ipv4Net, router: Ipv4Addr) -> Result<()> {
        let prefix = subnet.prefix_len();
        self.netns
            .ip_batch(&format!(
                "link set eth0 up\naddr add {address}/{prefix} brd + dev eth0\nroute add default via {router} dev eth0\n"
            ))
            .await
    }

    /// Its name in the scenario.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many daemons were started on it so far, as it goes on.
    pub(crate) fn lives(&self) -> Arc<AtomicU32> {
        Arc::clone(&self.started)
    }

    /// Its network namespace.
    #[must_use]
    pub fn netns(&self) -> &Netns {
        &self.netns
    }

    /// The directory that a runtime gives as `CNI_PATH`, and the plugin's name in it.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// Where the lab finds a file that the node knows as `path`.
    ///
    /// # Errors
    /// When the path is not in one of the node's own directories, or climbs out of one.
    pub fn host_path(&self, path: &str) -> Result<PathBuf> {
        for (directory, place) in PLACES {
            if let Ok(rest) = Path::new(path).strip_prefix(place) {
                if rest.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
                    bail!("{path} climbs out of {place}");
                }
                return Ok(self.state.join(directory).join(rest));
            }
        }
        let places: Vec<&str> = PLACES.iter().map(|(_, place)| *place).collect();
        bail!("{path} is not in a directory of the node ({})", places.join(", "))
    }

    /// A command in the node's mount view and network, as the runtime on the node would execute it; no environment yet.
    ///
    /// # Errors
    /// When the node's holder is gone.
    pub fn command(&self, program: &Path) -> Result<Command> {
        Ok(self.view()?.command(program))
    }

    /// Where programs of the node are executed, until its next reboot.
    ///
    /// # Errors
    /// When the node's holder is gone.
    pub fn view(&self) -> Result<View> {
        let holder = self.holder.id().context("the process that holds the node's mounts is gone")?;
        Ok(View { holder })
    }
}

/// The node's mount view and network.
#[derive(Debug, Clone, Copy)]
pub struct View {
    holder: u32,
}

impl View {
    /// A command in it, as the runtime on the node would execute it; no environment yet.
    #[must_use]
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--target={}", self.holder))
            .args(["--mount", "--net", "--"])
            .arg(program)
            .env_clear()
            .env("PATH", PATH)
            .kill_on_drop(true);
        command
    }
}

/// The namespace of a node that has just booted, hostile, with an address for the metadata service.
async fn hostile_netns(name: String) -> Result<Netns> {
    let netns = Netns::create(name).await?;
    netns.sysctl(&[
        ("ipv4/ip_forward", "1"),
        ("ipv4/conf/all/rp_filter", "1"),
        ("ipv4/conf/default/rp_filter", "1"),
    ])?;
    // On a real node this address is somebody else's. Of the host's scope it is at least no source for anything that
    // leaves; with the global one, masquerading would choose it for links without an address.
    netns.ip(&["addr", "add", &format!("{IMDS_ADDRESS}/32"), "dev", "lo", "scope", "host"]).await?;
    Ok(netns)
}

/// Gives the node a boot id of its own, as the kernel makes them.
fn new_boot(state: &Path) -> Result<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/uuid").context("cannot have a boot id")?;
    std::fs::write(state.join("boot-id"), &id).context("cannot write the node's boot id")?;
    Ok(id.trim().to_owned())
}

/// Starts the process that keeps the mount view. It dies with the lab twice over: its stdin closes, and the kernel kills it.
fn hold(netns: &Netns, state: &Path) -> Result<Child> {
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "nsenter"])
        .arg(format!("--net={}", netns.path().display()))
        .args(["unshare", "--mount", "--propagation", "slave"])
        .args(["sh", "-c", HOLDER, "holder"])
        .arg(state)
        .env_clear()
        .env("PATH", PATH)
        .process_group(0) // Ctrl-C is for the lab, which then ends its children itself
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start the process that holds the node's mounts")
}
