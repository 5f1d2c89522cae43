//! The digest itself: path and content of every source file of the product, in order of path. Used by this crate's build
//! script and by the lab alike.

use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folders and files a product binary is made of, from the workspace's root.
const PRODUCT: [&str; 5] = ["actors", "cni-shim", "config", "Cargo.toml", "Cargo.lock"];

/// A source file that could not be read.
#[derive(Debug)]
pub struct DigestError {
    /// Which.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl std::fmt::Display for DigestError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot read {}", self.path.display())
    }
}

impl std::error::Error for DigestError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// The digest of the product's sources under `root`, the workspace's root: 64 hex digits.
///
/// # Errors
/// When a source file cannot be read.
pub fn of_tree(root: &Path) -> Result<String, DigestError> {
    let mut files = Vec::new();
    for name in PRODUCT {
        collect(&root.join(name), &mut files)?;
    }
    files.sort();
    let mut digest = Sha256::new();
    for path in files {
        let content = fs::read(&path).map_err(|source| DigestError { path: path.clone(), source })?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
        digest.update((name.len() as u64).to_le_bytes());
        digest.update(name.as_bytes());
        digest.update((content.len() as u64).to_le_bytes());
        digest.update(content);
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Tests cannot change a product binary, and documents neither.
fn counts(path: &Path) -> bool {
    let ends = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    matches!(ends, "rs" | "toml" | "lock" | "proto" | "json" | "txt")
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), DigestError> {
    let failed = |source| DigestError { path: path.to_path_buf(), source };
    if !path.is_dir() {
        if counts(path) {
            files.push(path.to_path_buf());
        }
        return Ok(());
    }
    if path.file_name().is_some_and(|name| name == "tests") {
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(failed)? {
        collect(&entry.map_err(failed)?.path(), files)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_knows_the_tree_it_was_made_from() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        assert_eq!(of_tree(&root.canonicalize().unwrap()).unwrap(), crate::BUILT_FROM);
    }

    #[test]
    fn a_changed_file_changes_the_digest() {
        let root = std::env::temp_dir().join(format!("enid-digest-{}", std::process::id()));
        for name in PRODUCT {
            fs::create_dir_all(root.join(name)).unwrap();
        }
        let file = root.join("config").join("a.rs");
        fs::write(&file, "one").unwrap();
        let before = of_tree(&root).unwrap();
        fs::write(&file, "two").unwrap();
        let after = of_tree(&root).unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert_ne!(before, after);
    }
}
