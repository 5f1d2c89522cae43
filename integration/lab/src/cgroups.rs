//! Control groups that a run's containers were in: found by name under every hierarchy, and removed once nobody is in them. A
//! runtime removes a container's group, and leaves the one around it to kubelet.

use std::fs;
use std::path::{Path, PathBuf};

/// Where hierarchies are mounted: one each (v1), or one alone (v2).
const ROOT: &str = "/sys/fs/cgroup";

/// The groups right under a hierarchy's root whose names begin like this.
#[must_use]
pub fn named(prefix: &str) -> Vec<PathBuf> {
    let root = Path::new(ROOT);
    let mut found = Vec::new();
    for hierarchy in directories(root).into_iter().chain([root.to_path_buf()]) {
        found.extend(directories(&hierarchy).into_iter().filter(|group| {
            let name = group.file_name().unwrap_or_default();
            name.to_string_lossy().starts_with(prefix)
        }));
    }
    found
}

/// Removes a group and those inside it; one that still has processes stays.
pub(crate) fn remove(group: &Path) {
    for inner in directories(group) {
        remove(&inner);
    }
    let _ = fs::remove_dir(group);
}

fn directories(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}
