//! One run of the lab: its name, its directory under `/run/enid-lab`, and the promise that nothing of it is left on the
//! machine: at its end, after a failure, and (at the next start) after a SIGKILL. Knows names, not what they are for.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::cgroups;
use crate::command::PATH;

/// Where runs keep their directories. Named after the lab, not after a user: namespaces belong to the whole machine.
const RUNS: &str = "/run/enid-lab";

/// Where `ip netns` keeps its names.
const NETNS: &str = "/run/netns";

/// Each world of this process has its own number, so that tests run side by side.
static WORLDS: AtomicU32 = AtomicU32::new(0);

/// A run of the lab. Everything it made goes when it is dropped.
#[derive(Debug)]
pub struct Run {
    /// `<pid in hex>.<number>`: whose it is can be told from the name alone.
    id: String,
    directory: PathBuf,
}

impl Run {
    /// Begins a run: clears what dead runs left, and makes the run's directory.
    ///
    /// # Errors
    /// When the run directory cannot be made (not root, for one).
    pub fn begin() -> Result<Self> {
        clear_leftovers()?;
        let pid = std::process::id();
        let id = format!("{pid:x}.{}", WORLDS.fetch_add(1, Ordering::Relaxed));
        let directory = Path::new(RUNS).join(&id);
        fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let owner = start_time(pid).unwrap_or_default();
        fs::write(directory.join("owner"), owner).context("cannot write the run's owner file")?;
        Ok(Self { id, directory })
    }

    /// The run's directory: logs, node directories, results.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The full name of a namespace of this run.
    #[must_use]
    pub fn namespace(&self, name: &str) -> String {
        format!("enid-{}-{name}", self.id)
    }

    /// The cgroup that containers of this run are to be made in, as a path under each hierarchy.
    #[must_use]
    pub fn cgroup(&self) -> String {
        format!("/enid-{}-pods", self.id)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        remove(&self.id);
    }
}

/// Removes what runs left whose process is gone. Returns the ids of those runs.
///
/// # Errors
/// When the directories cannot be listed.
pub fn clear_leftovers() -> Result<Vec<String>> {
    let mut dead: Vec<String> = names_in(Path::new(RUNS))?;
    dead.extend(names_in(Path::new(NETNS))?.iter().filter_map(|name| owner_id(name)));
    let groups = cgroups::named("enid-");
    dead.extend(groups.iter().filter_map(|group| owner_id(group.file_name()?.to_str()?)));
    dead.retain(|id| !alive(id));
    dead.sort();
    dead.dedup();
    for id in &dead {
        remove(id);
    }
    Ok(dead)
}

/// The directories of runs whose process is there.
///
/// # Errors
/// When they cannot be listed.
pub(crate) fn live() -> Result<Vec<PathBuf>> {
    let mut ids = names_in(Path::new(RUNS))?;
    ids.retain(|id| alive(id));
    Ok(ids.into_iter().map(|id| Path::new(RUNS).join(id)).collect())
}

/// `enid-<id>-vpc` → `<id>`, and nothing for names of others.
fn owner_id(namespace: &str) -> Option<String> {
    let (id, _) = namespace.strip_prefix("enid-")?.split_once('-')?;
    let (pid, number) = id.split_once('.')?;
    u32::from_str_radix(pid, 16).ok()?;
    number.parse::<u32>().ok()?;
    Some(id.to_owned())
}

/// Is the process that made this run still there? A pid that another process got since does not count.
fn alive(id: &str) -> bool {
    let Some(pid) = id.split('.').next().and_then(|pid| u32::from_str_radix(pid, 16).ok()) else {
        return true; // not a name of ours: leave it
    };
    let Some(now) = start_time(pid) else {
        return false;
    };
    match fs::read_to_string(Path::new(RUNS).join(id).join("owner")) {
        Ok(then) => then == now,
        // Its directory is being made, or is gone already: only its own process can tell.
        Err(_) => true,
    }
}

/// When this process started, in the kernel's ticks: the 22nd field of its stat line, counted behind its name, which may hold
/// spaces and brackets.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

/// Ends what runs in the run's namespaces, and removes them and its directory. Goes on past errors: it is the last chance.
fn remove(id: &str) {
    let prefix = format!("enid-{id}-");
    let namespaces: Vec<String> = names_in(Path::new(NETNS))
        .unwrap_or_default()
        .into_iter()
        .filter(|name| name.starts_with(&prefix))
        .collect();
    for namespace in &namespaces {
        let pids = quiet("ip", &["netns", "pids", namespace]);
        for pid in pids.split_whitespace().filter_map(|pid| pid.parse().ok()) {
            if pid == std::process::id().cast_signed() {
                continue;
            }
            if let Some(pid) = rustix::process::Pid::from_raw(pid) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
        }
    }
    for namespace in &namespaces {
        quiet("ip", &["netns", "del", namespace]);
    }
    for group in cgroups::named(&prefix) {
        cgroups::remove(&group);
    }
    let _ = fs::remove_dir_all(Path::new(RUNS).join(id));
}

fn quiet(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output();
    output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn names_in(directory: &Path) -> Result<Vec<String>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    Ok(entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
}

/// Is this process root?
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_our_own_form_are_taken_for_ours() {
        assert_eq!(owner_id("enid-1f.0-vpc"), Some("1f.0".to_owned()));
        for foreign in ["enid-vpc", "cni-1f.0-x", "enid-node-a", "enid-xyz.0-vpc", "enid-1f-vpc"] {
            assert_eq!(owner_id(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_run_of_a_living_process_is_alive_and_one_of_a_dead_pid_is_not() {
        assert!(alive(&format!("{:x}.77", std::process::id())));
        assert!(!alive("3fffff0.0"));
    }

    #[test]
    fn nothing_is_left_when_a_run_ends_and_when_its_process_was_killed() {
        if !is_root() {
            println!("SKIPPED runs of the lab: not root");
            return;
        }
        let run = Run::begin().unwrap();
        let namespace = run.namespace("vpc");
        let directory = run.directory().to_path_buf();
        quiet("ip", &["netns", "add", &namespace]);
        assert!(Path::new(NETNS).join(&namespace).exists());
        drop(run);
        assert!(!Path::new(NETNS).join(&namespace).exists() && !directory.exists());

        // A run whose process is gone: its directory and a namespace that has no directory any more.
        let dead = Path::new(RUNS).join("3fffff1.0");
        fs::create_dir_all(&dead).unwrap();
        quiet("ip", &["netns", "add", "enid-3fffff2.0-node"]);
        let cleared = clear_leftovers().unwrap();
        assert!(!dead.exists() && !Path::new(NETNS).join("enid-3fffff2.0-node").exists());
        assert!(cleared.contains(&"3fffff1.0".to_owned()) || cleared.contains(&"3fffff2.0".to_owned()));
    }
}
