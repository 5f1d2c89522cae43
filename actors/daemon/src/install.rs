//! `enid install`: puts the shim, under its versioned name, and the reference plugins that an image brings into the node's plugin
//! directory. Each file is replaced whole, never written in place: a runtime may be executing it. What somebody else put there stays.

use protocol::whole_file;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// The shim, as the image has it.
const SHIM: &str = "enid-cni";

/// What an earlier install put into the plugin directory: by file name, the digests it may have.
const RECORD: &str = ".enid-installed.json";

/// Runtimes that delete by the list of the ADD execute the shim of that time. Eight upgrades of 2 MiB each.
const OLDER_SHIMS_MAX: usize = 8;

/// All reference plugins are eighteen.
const FILES_MAX: usize = 64;

const PROGRAM_MODE: u32 = 0o755;
const RECORD_MODE: u32 = 0o644;

/// An install that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// A file could not be read, looked at or removed.
    #[error("cannot {step} {path}: {source}")]
    Step {
        step: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A file could not be put in place.
    #[error(transparent)]
    Write(#[from] whole_file::WholeFileError),
    /// The image is not one.
    #[error("{path} has no {SHIM}")]
    NoShim { path: PathBuf },
    /// Too much lies there.
    #[error("{path} has more than {FILES_MAX} files")]
    TooMany { path: PathBuf },
}

/// What is to be done with one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is not there, or is an older one of ours.
    Put,
    /// It is there already.
    Same,
    /// Somebody else's is there.
    Theirs,
}

/// Digests of what an earlier install put there.
type Record = BTreeMap<String, BTreeSet<String>>;

/// Installs what lies in `from` into `into`, the shim as `enid-cni-VERSION`: one line for each file.
pub(crate) fn install(from: &Path, into: &Path, version: &str) -> Result<Vec<String>, InstallError> {
    let programs = programs(from)?;
    let mut record = read_record(into);
    let mut lines = Vec::new();
    for (name, path) in programs {
        let ours = name == SHIM;
        let target = into.join(if ours { format!("{SHIM}-{version}") } else { name });
        let bytes = std::fs::read(&path).map_err(step("read", &path))?;
        lines.push(put(&target, &bytes, ours, &mut record)?);
    }
    lines.extend(remove_older(into, version)?);
    Ok(lines)
}

fn put(target: &Path, bytes: &[u8], ours: bool, record: &mut Record) -> Result<String, InstallError> {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let wanted = digest(bytes);
    let there = match std::fs::read(target) {
        Ok(there) => Some(digest(&there)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(step("read", target)(error)),
    };
    let was_ours = there.as_ref().is_some_and(|there| record.get(&name).is_some_and(|of| of.contains(there)));
    let fate = fate(&wanted, there.as_deref(), ours || was_ours);
    if fate == Fate::Put {
        if !ours {
            // Before the file, so that one whose install was cut short is still known as ours.
            record.entry(name.clone()).or_default().insert(wanted.clone());
            write_record(target, record)?;
        }
        whole_file::put(target, bytes, PROGRAM_MODE)?;
        if !ours {
            record.insert(name, BTreeSet::from([wanted]));
            write_record(target, record)?;
        }
    }
    let what = match fate {
        Fate::Put => "installed",
        Fate::Same => "there already",
        Fate::Theirs => "somebody else's, left as it is",
    };
    Ok(format!("{}: {what}", target.display()))
}

fn fate(wanted: &str, there: Option<&str>, may_replace: bool) -> Fate {
    match there {
        Some(there) if there == wanted => Fate::Same,
        Some(_) if !may_replace => Fate::Theirs,
        _ => Fate::Put,
    }
}

/// The files of the image, by name.
fn programs(from: &Path) -> Result<BTreeMap<String, PathBuf>, InstallError> {
    let found = files(from)?;
    let programs: BTreeMap<String, PathBuf> =
        found.into_iter().filter(|(name, _)| !name.starts_with('.')).collect();
    if programs.len() > FILES_MAX {
        return Err(InstallError::TooMany { path: from.to_path_buf() });
    }
    if !programs.contains_key(SHIM) {
        return Err(InstallError::NoShim { path: from.to_path_buf() });
    }
    Ok(programs)
}

/// The newest of the older shims stay.
fn remove_older(into: &Path, version: &str) -> Result<Vec<String>, InstallError> {
    let current = format!("{SHIM}-{version}");
    let mut older = Vec::new();
    for (name, path) in files(into)? {
        if name != current && name.starts_with(&format!("{SHIM}-")) {
            let about = std::fs::metadata(&path).map_err(step("look at", &path))?;
            older.push((about.modified().map_err(step("look at", &path))?, path));
        }
    }
    older.sort();
    let mut lines = Vec::new();
    for (_, path) in older.iter().rev().skip(OLDER_SHIMS_MAX) {
        std::fs::remove_file(path).map_err(step("remove", path))?;
        lines.push(format!("{}: removed, {OLDER_SHIMS_MAX} newer ones are there", path.display()));
    }
    Ok(lines)
}

fn files(directory: &Path) -> Result<Vec<(String, PathBuf)>, InstallError> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(step("read", directory))? {
        let path = entry.map_err(step("read", directory))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_file() {
            found.push((name, path));
        }
    }
    Ok(found)
}

/// A record that cannot be read says nothing: what is there is somebody else's then, and stays.
fn read_record(into: &Path) -> Record {
    let text = std::fs::read(into.join(RECORD)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn write_record(beside: &Path, record: &Record) -> Result<(), InstallError> {
    let path = beside.with_file_name(RECORD);
    let text = serde_json::to_vec(record).map_err(|error| step("write", &path)(error.into()))?;
    Ok(whole_file::put(&path, &text, RECORD_MODE)?)
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn step(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> InstallError {
    let path = path.to_path_buf();
    move |source| InstallError::Step { step, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    struct Node {
        image: tempfile::TempDir,
        bin: tempfile::TempDir,
    }

    impl Node {
        fn with(files: &[(&str, &str)]) -> Self {
            let node = Self { image: tempfile::tempdir().unwrap(), bin: tempfile::tempdir().unwrap() };
            files.iter().for_each(|(name, text)| node.brings(name, text));
            node
        }

        fn brings(&self, name: &str, text: &str) {
            std::fs::write(self.image.path().join(name), text).unwrap();
        }

        fn install(&self, version: &str) -> Vec<String> {
            install(self.image.path(), self.bin.path(), version).unwrap()
        }

        fn has(&self, name: &str) -> String {
            std::fs::read_to_string(self.bin.path().join(name)).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> =
                files(self.bin.path()).unwrap().into_iter().map(|(name, _)| name).collect();
            names.sort();
            names
        }
    }

    #[test]
    fn shim_and_plugins_are_there_executable_and_a_second_time_changes_nothing() {
        let node = Node::with(&[("enid-cni", "shim"), ("portmap", "one"), (".hidden", "x")]);
        node.install("0.1.0");
        assert_eq!(node.names(), [RECORD, "enid-cni-0.1.0", "portmap"]);
        let about = |name: &str| std::fs::metadata(node.bin.path().join(name)).unwrap();
        assert_eq!(about("enid-cni-0.1.0").permissions().mode() & 0o777, 0o755);
        let inode = about("enid-cni-0.1.0").ino();
        let again = node.install("0.1.0");
        assert!(again.iter().all(|line| line.ends_with("there already")), "{again:?}");
        assert_eq!(about("enid-cni-0.1.0").ino(), inode);
    }

    #[test]
    fn a_plugin_of_somebody_else_stays_and_one_of_ours_is_renewed() {
        let node = Node::with(&[("enid-cni", "shim"), ("portmap", "one"), ("loopback", "one")]);
        std::fs::write(node.bin.path().join("loopback"), "of the node").unwrap();
        node.install("0.1.0");
        node.brings("portmap", "two");
        node.brings("loopback", "two");
        node.install("0.1.1");
        assert_eq!((node.has("portmap"), node.has("loopback")), ("two".into(), "of the node".into()));
        // Somebody replaces ours: from then on it is theirs.
        std::fs::write(node.bin.path().join("portmap"), "theirs").unwrap();
        node.brings("portmap", "three");
        node.install("0.1.2");
        assert_eq!(node.has("portmap"), "theirs");
    }

    #[test]
    fn older_shims_stay_up_to_a_number() {
        let node = Node::with(&[("enid-cni", "shim")]);
        for minor in 0..12_u64 {
            node.install(&format!("0.{minor}.0"));
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(minor);
            let path = node.bin.path().join(format!("enid-cni-0.{minor}.0"));
            std::fs::File::open(path).unwrap().set_modified(at).unwrap();
        }
        let names = node.names();
        assert_eq!(names.len(), OLDER_SHIMS_MAX + 1);
        assert!(
            names.contains(&"enid-cni-0.11.0".to_owned()) && !names.contains(&"enid-cni-0.2.0".to_owned())
        );
    }

    #[test]
    fn a_running_shim_is_replaced_and_not_written_to() {
        let node = Node::with(&[]);
        let sleeper = std::fs::read("/bin/sleep").unwrap();
        std::fs::write(node.image.path().join("enid-cni"), &sleeper).unwrap();
        node.install("0.1.0");
        let mut running =
            std::process::Command::new(node.bin.path().join("enid-cni-0.1.0")).arg("60").spawn().unwrap();
        node.brings("enid-cni", "another build of this version");
        node.install("0.1.0");
        running.kill().unwrap();
        running.wait().unwrap();
        assert_eq!(node.has("enid-cni-0.1.0"), "another build of this version");
    }

    #[test]
    fn an_image_without_a_shim_and_a_node_without_a_directory_are_named() {
        let node = Node::with(&[("portmap", "one")]);
        let refused = install(node.image.path(), node.bin.path(), "0.1.0").unwrap_err().to_string();
        assert!(refused.contains("has no enid-cni"), "{refused}");
        node.brings("enid-cni", "shim");
        let refused = install(node.image.path(), Path::new("/nonexistent"), "0.1.0").unwrap_err().to_string();
        assert!(refused.contains("/nonexistent"), "{refused}");
    }
}
