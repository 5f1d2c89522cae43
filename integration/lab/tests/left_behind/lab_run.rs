//! A run of the real lab as a child, and what of it can be seen on the machine.

use lab::{Binaries, is_root, program};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The user and group of nobody.
const NOBODY: u32 = 65_534;

/// A run under way.
pub(crate) struct LabRun {
    child: Child,
    output: BufReader<ChildStdout>,
    _scenario: TempDir,
}

/// What a run has on the machine: names, and the namespaces by number.
pub(crate) struct Traces {
    id: String,
    namespaces: BTreeSet<u64>,
}

impl LabRun {
    /// Starts a run of this scenario as root; `None`, with the reason, where that cannot be.
    pub(crate) fn start(scenario: &str) -> Option<Self> {
        if !is_root() {
            println!("SKIPPED what runs leave behind: not root");
            return None;
        }
        if let Err(error) = Binaries::locate() {
            println!("SKIPPED what runs leave behind: {error}");
            return None;
        }
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("waits.toml");
        fs::write(&file, scenario).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
        command.arg("run").arg(&file);
        let (child, output) = spawn(&mut command);
        Some(Self { child, output, _scenario: directory })
    }

    /// Waits until the pod is there, and notes what the run has then.
    pub(crate) fn after_the_pod(&mut self) -> Traces {
        assert!(lines_until(&mut self.output, "add "), "the run ended before its pod was there");
        let id = format!("{:x}.0", self.child.id());
        let mut traces = Traces { id, namespaces: BTreeSet::new() };
        traces.namespaces = traces.names().iter().map(|path| fs::metadata(path).unwrap().ino()).collect();
        assert!(traces.whole(), "the run's namespaces are not where they are looked for");
        traces
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().cast_signed()).unwrap(), signal).unwrap();
    }

    /// Waits for the end of the run.
    pub(crate) fn end(&mut self) -> ExitStatus {
        while lines_until(&mut self.output, "\0") {}
        self.child.wait().unwrap()
    }
}

impl Drop for LabRun {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Traces {
    /// The names of its namespaces, as far as they are there.
    fn names(&self) -> Vec<PathBuf> {
        let prefix = format!("enid-{}-", self.id);
        let names = fs::read_dir("/run/netns").into_iter().flatten().flatten();
        let own = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix));
        own.map(|entry| entry.path()).collect()
    }

    /// VPC, internet, outside, node and pod.
    pub(crate) fn whole(&self) -> bool {
        self.names().len() == 5 && Path::new("/run/enid-lab").join(&self.id).is_dir()
    }

    /// What of the run is on the machine, in words.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = self.names().iter().map(|path| path.display().to_string()).collect();
        let directory = format!("/run/enid-lab/{}", self.id);
        if Path::new(&directory).exists() {
            left.push(directory.clone());
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let own = mounts
            .lines()
            .filter(|line| line.contains(&directory) || line.contains(&format!("enid-{}-", self.id)));
        left.extend(own.map(|line| format!("mount {line}")));
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let namespace = fs::metadata(process.path().join("ns/net"));
            if namespace.is_ok_and(|namespace| self.namespaces.contains(&namespace.ino())) {
                left.push(format!("process {}", process.file_name().display()));
            }
        }
        let group = format!("enid-{}-", self.id);
        left.extend(lab::cgroups::named(&group).iter().map(|group| group.display().to_string()));
        left
    }
}

/// Runs a scenario of the lab as nobody, with binaries that nobody can read; with a signal, until it has a node, and then no
/// further.
pub(crate) fn run_as_ordinary_user(scenario: &str, signal: Option<Signal>) {
    let Some(directory) = readable_lab() else { return };
    let lab = directory.path().join("debug/lab");
    let (mut child, mut output) = spawn(as_nobody(&lab).args(["run", scenario]));
    if let Some(signal) = signal
        && lines_until(&mut output, "node ")
    {
        assert!(!processes_of(&lab).is_empty());
        kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), signal).unwrap();
    }
    let mut said = String::new();
    std::io::Read::read_to_string(&mut output, &mut said).unwrap();
    let status = child.wait().unwrap();
    if status.code() == Some(i32::from(lab::rootless::EXIT_UNABLE)) {
        println!("SKIPPED {scenario} without root: the kernel does not let ordinary users make namespaces");
        return;
    }
    assert!(status.success() || signal.is_some(), "{said}");
    assert_eq!(left_after_a_while(&lab), Vec::<String>::new());
}

/// Processes that are there still when the kernel, which takes them one by one, has had its time.
fn left_after_a_while(lab: &Path) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let gone = async {
        while !processes_of(lab).is_empty() {
            lab::until::pause().await;
        }
    };
    drop(runtime.block_on(async { tokio::time::timeout(Duration::from_secs(15), gone).await }));
    processes_of(lab)
}

/// A copy of what was built, where nobody may read and execute it; `None`, with the reason, where that would show nothing.
fn readable_lab() -> Option<TempDir> {
    let found = is_root().then(Binaries::locate).transpose();
    let binaries = match found {
        Ok(Some(binaries)) => binaries,
        Ok(None) => return skip("not root, and so no other user"),
        Err(error) => return skip(&error.to_string()),
    };
    let directory = tempfile::tempdir().unwrap();
    let own = PathBuf::from(env!("CARGO_BIN_EXE_lab"));
    for (from, to) in
        [(&own, "debug/lab"), (&binaries.daemon, "debug/enid"), (&binaries.shim, "shim/enid-cni")]
    {
        let to = directory.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        program::copy(from, &to).unwrap();
    }
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // It compares binaries with sources.
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
    let read = as_nobody(Path::new("cat")).arg(&sources).stdout(Stdio::null()).status().unwrap();
    if !read.success() {
        return skip("other users cannot read the sources");
    }
    Some(directory)
}

fn skip(why: &str) -> Option<TempDir> {
    println!("SKIPPED the lab of an ordinary user: {why}");
    None
}

fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args([format!("--reuid={NOBODY}"), format!("--regid={NOBODY}"), "--clear-groups".to_owned()]);
    command.arg(program).current_dir("/");
    command
}

/// Processes that were started from this directory's lab.
fn processes_of(lab: &Path) -> Vec<String> {
    let of_it = |process: &fs::DirEntry| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&*lab.parent().unwrap().parent().unwrap().to_string_lossy())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter(of_it).map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}

fn spawn(command: &mut Command) -> (Child, BufReader<ChildStdout>) {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Reads lines up to one that begins like this; whether there was one.
fn lines_until(output: &mut BufReader<ChildStdout>, beginning: &str) -> bool {
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        if line.starts_with(beginning) {
            return true;
        }
        line.clear();
    }
    false
}
