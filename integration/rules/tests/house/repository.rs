//! This repository: its files, its members, and how a broken rule is told.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use rules::edges::{Member, members};
use rules::tree::Tree;

/// Every file, read once for all tests.
pub(crate) fn tree() -> &'static Tree {
    static TREE: LazyLock<Tree> =
        LazyLock::new(|| Tree::read(&root()).expect("the repository cannot be read"));
    &TREE
}

/// Every member, as cargo sees it. Reads manifests only: no lock file, no network.
pub(crate) fn workspace() -> Vec<Member> {
    let asked = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(root())
        .output()
        .expect("cargo cannot be started");
    assert!(asked.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&asked.stderr));
    members(&String::from_utf8_lossy(&asked.stdout)).expect("cargo answers in its own format")
}

/// Fails with every complaint, one on a line.
pub(crate) fn holds(broken: &[String]) {
    assert!(broken.is_empty(), "{} broken:\n{}", broken.len(), broken.join("\n"));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
