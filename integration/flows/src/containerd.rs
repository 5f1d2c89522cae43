//! A real containerd with runc on a lab node: private socket, directories, mounts and pids, in the node's network. Everything
//! it started ends with it, also when the test panics or is killed. Knows no pod; what is said to it is in `cri`.

use anyhow::{Context, Result, bail};
use lab::{Node, Run, command, until};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::cri::Cri;
use crate::image;

const SCRIPT: &str = include_str!("containerd.sh");
const CONFIG: &str = include_str!("containerd.toml");

/// What has to be on the machine.
const TOOLS: [&str; 4] = ["containerd", "containerd-shim-runc-v2", "ctr", "runc"];

/// Written when every service is up; the socket is there earlier.
const BOOTED: &str = "containerd successfully booted";

/// It boots in a tenth of a second; a machine busy with a build takes longer.
const BOOT_SECONDS_MAX: u64 = 30;

/// SIGKILL to pid 1 of a pid namespace ends everything in it at once.
const END_SECONDS_MAX: u64 = 10;

/// Enough of a log to see why.
const LOG_TAIL_LINES: usize = 25;

/// Why no containerd can run here, if that is so.
#[must_use]
pub fn missing() -> Option<String> {
    if !lab::is_root() {
        return Some("not root".to_owned());
    }
    let absent: Vec<&str> = TOOLS
        .into_iter()
        .filter(|tool| !command::PATH.split(':').any(|place| Path::new(place).join(tool).is_file()))
        .collect();
    (!absent.is_empty()).then(|| format!("{} not installed", absent.join(", ")))
}

/// A running containerd. It is killed when this is dropped; drop it before the world that its node is in.
#[derive(Debug)]
pub struct Containerd {
    /// `unshare`, which dies with pid 1 of the namespace that it made.
    wrapper: Option<Child>,
    directory: PathBuf,
    cgroup: String,
}

impl Containerd {
    /// Starts containerd on this node, waits until it is up, and gives it the image that pods run.
    ///
    /// # Errors
    /// When it ends or does not come up in time, with the end of its log; or when it refuses the image.
    pub async fn start(run: &Run, node: &Node) -> Result<Self> {
        let directory = run.directory().join(format!("{}-containerd", node.name()));
        std::fs::create_dir_all(directory.join("run-containerd"))
            .context("cannot make containerd's directories")?;
        let bin_dir = node.host_path("/opt/cni/bin")?;
        let config = CONFIG
            .replace("DIRECTORY", &directory.display().to_string())
            .replace("BIN_DIR", &bin_dir.display().to_string())
            .replace("IMAGE", image::NAME);
        std::fs::write(directory.join("config.toml"), config)
            .context("cannot write containerd's settings")?;
        let mut containerd =
            Self { wrapper: Some(spawn(node, &directory)?), directory, cgroup: run.cgroup() };
        containerd.booted().await?;
        containerd.import().await?;
        Ok(containerd)
    }

    async fn booted(&mut self) -> Result<()> {
        let log = self.log();
        let wrapper = self.wrapper.as_mut().context("containerd is gone")?;
        let mut look = || -> Result<Option<String>> {
            if let Some(status) = wrapper.try_wait()? {
                bail!("containerd ended ({status}); its log ends:\n{}", tail(&log));
            }
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            Ok((!text.contains(BOOTED)).then(|| "containerd did not come up".to_owned()))
        };
        let complaint =
            until::quiet(Duration::from_secs(BOOT_SECONDS_MAX), || std::future::ready(look())).await?;
        match complaint {
            Some(complaint) => bail!("{complaint}; its log ends:\n{}", tail(&log)),
            None => Ok(()),
        }
    }

    /// Imports the image, and waits until the part that runs pods has heard of it.
    async fn import(&self) -> Result<()> {
        let tar = self.directory.join("image.tar");
        image::write(&tar)?;
        self.ctr(&["images", "import", &tar.display().to_string()]).await?;
        let mut cri = self.cri().await?;
        cri.wait_for_runtime().await?;
        cri.wait_for_image(image::NAME).await
    }

    /// A connection to it.
    ///
    /// # Errors
    /// When nobody listens on its socket.
    pub async fn cri(&self) -> Result<Cri> {
        Cri::connect(self.socket()).await
    }

    /// Imports an archive of an image, and waits until the part that runs pods has heard of it.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn import_archive(&self, archive: &Path, name: &str) -> Result<()> {
        self.ctr(&["images", "import", &archive.display().to_string()]).await?;
        self.cri().await?.wait_for_image(name).await
    }

    /// The ids of all containers, those of sandboxes too.
    ///
    /// # Errors
    /// When containerd does not answer.
    pub async fn containers(&self) -> Result<Vec<String>> {
        let listed = self.ctr(&["containers", "ls", "-q"]).await?;
        Ok(listed.split_whitespace().map(str::to_owned).collect())
    }

    async fn ctr(&self, arguments: &[&str]) -> Result<String> {
        let socket = self.socket().display().to_string();
        let mut all = vec!["-a", socket.as_str(), "-n", "k8s.io"];
        all.extend(arguments);
        command::run("ctr", &all).await
    }

    /// What the pods' cgroups are made in: a directory of this run alone.
    #[must_use]
    pub fn cgroup(&self) -> &str {
        &self.cgroup
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("containerd.sock")
    }

    fn log(&self) -> PathBuf {
        self.directory.join("containerd.log")
    }

    /// The end of its log, for a failure's report.
    #[must_use]
    pub fn log_tail(&self) -> String {
        tail(&self.log())
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        if let Some(wrapper) = self.wrapper.take() {
            end(wrapper);
        }
    }
}

/// Pid 1 of a pid namespace reaps for everyone in it, and everyone dies with it. `unshare` dies with the thread of the test,
/// and pid 1 with `unshare`. Mounts made on the host are seen (and, when they go, let go), those made here are not seen there.
fn spawn(node: &Node, directory: &Path) -> Result<Child> {
    let log = File::create(directory.join("containerd.log")).context("cannot make containerd's log")?;
    let mut command = node.command(Path::new("setpriv"))?;
    command
        .args(["--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork"])
        .args(["--kill-child", "--mount-proc", "--propagation", "slave"])
        .args(["sh", "-c", SCRIPT, "containerd"])
        .arg(directory)
        .process_group(0) // Ctrl-C is for the test, which then ends its children itself
        .stdin(Stdio::null())
        .stderr(log.try_clone().context("cannot share the log")?)
        .stdout(log);
    command.as_std_mut().spawn().context("cannot start containerd")
}

/// Kills pid 1, with which all processes and mounts go, and waits for the wrapper that waits for it. Goes on past errors: the
/// run's end looks again.
fn end(mut wrapper: Child) {
    let id = wrapper.id();
    let children = std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let first = children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .find_map(rustix::process::Pid::from_raw);
    match first {
        Some(pid) => drop(rustix::process::kill_process(pid, rustix::process::Signal::KILL)),
        None => drop(wrapper.kill()),
    }
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || {
        let _ = wrapper.wait();
        let _ = ended.send(());
    });
    let _ = end.recv_timeout(Duration::from_secs(END_SECONDS_MAX));
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LOG_TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}
