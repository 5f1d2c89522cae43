//! The proof that nothing of a run is left on the machine: no process, mount, namespace, cgroup or directory. Looks, and
//! never removes.

use anyhow::{Context, Result, bail};
use lab::{Run, cgroups, until};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What was killed goes at once; a machine busy with a build takes longer.
const GONE_SECONDS_MAX: u64 = 10;

/// What a run can be told by after its end.
#[derive(Debug, Clone)]
pub struct Marks {
    /// What its namespaces' and cgroups' names begin with.
    prefix: String,
    directory: PathBuf,
    /// Of its network namespaces, as `/proc/PID/ns/net` has them.
    namespaces: BTreeSet<PathBuf>,
}

impl Marks {
    /// The marks of a run, and of the namespaces that have a name in it now.
    ///
    /// # Errors
    /// When the processes in them cannot be listed.
    pub fn of(run: &Run) -> Result<Self> {
        let mut marks = Self {
            prefix: run.namespace(""),
            directory: run.directory().to_path_buf(),
            namespaces: BTreeSet::new(),
        };
        let begun_here = marks.processes()?;
        for pid in begun_here {
            marks.add_namespace_of(pid)?;
        }
        Ok(marks)
    }

    /// Adds the network namespace of a process.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn add_namespace_of(&mut self, pid: u32) -> Result<()> {
        let own = fs::read_link("/proc/self/ns/net").context("cannot read the own namespace")?;
        let found = fs::read_link(format!("/proc/{pid}/ns/net"))
            .with_context(|| format!("cannot read the namespace of process {pid}"))?;
        if found != own {
            self.namespaces.insert(found);
        }
        Ok(())
    }

    /// Waits until nothing is left.
    ///
    /// # Errors
    /// With everything that is left, when the time is over.
    pub async fn gone(&self) -> Result<()> {
        let left = until::quiet(Duration::from_secs(GONE_SECONDS_MAX), || async {
            let found = self.found()?;
            Ok((!found.is_empty()).then(|| found.join("\n")))
        })
        .await?;
        left.map_or(Ok(()), |left| bail!("left behind:\n{left}"))
    }

    fn found(&self) -> Result<Vec<String>> {
        let mut found: Vec<String> =
            self.processes()?.into_iter().map(|pid| format!("process {pid} {}", command_line(pid))).collect();
        found.extend(self.mounts()?);
        for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&self.prefix) {
                found.push(format!("namespace {}", entry.path().display()));
            }
        }
        let groups = cgroups::named(&self.prefix);
        found.extend(groups.iter().map(|path| format!("cgroup {}", path.display())));
        if self.directory.exists() {
            found.push(format!("directory {}", self.directory.display()));
        }
        Ok(found)
    }

    /// Processes that are in a namespace or a cgroup of the run, or name its directory in their command line.
    fn processes(&self) -> Result<Vec<u32>> {
        let directory = self.directory.display().to_string();
        Ok(pids()?
            .into_iter()
            .filter(|pid| {
                let namespace = fs::read_link(format!("/proc/{pid}/ns/net"));
                let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
                namespace.is_ok_and(|path| self.namespaces.contains(&path))
                    || cgroup.contains(&self.prefix)
                    || command_line(*pid).contains(&directory)
            })
            .collect())
    }

    /// Mounts of the run in anybody's view.
    fn mounts(&self) -> Result<BTreeSet<String>> {
        let directory = self.directory.display().to_string();
        let mut found = BTreeSet::new();
        for pid in pids()? {
            let text = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
            let ours = |line: &&str| line.contains(&self.prefix) || line.contains(&directory);
            found.extend(text.lines().filter(ours).map(|line| format!("mount {line}")));
        }
        Ok(found)
    }
}

/// The first process of a sandbox or container, told by the cgroup that carries its id: runtimes count pids in their own
/// namespace.
///
/// # Errors
/// When there is none.
pub fn pid_of(id: &str) -> Result<u32> {
    let found = pids()?.into_iter().find(|pid| {
        let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
        cgroup.contains(id)
    });
    found.with_context(|| format!("no process is in a cgroup of {id}"))
}

fn pids() -> Result<Vec<u32>> {
    let entries = fs::read_dir(Path::new("/proc")).context("cannot list /proc")?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

fn command_line(pid: u32) -> String {
    let bytes = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', " ")
}
