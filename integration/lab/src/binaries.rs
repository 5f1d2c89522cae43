//! The product's binaries: where they are, and whether they were made from the sources as they are now. A lab that runs against
//! an old binary proves nothing, so it refuses.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};

use crate::command;

/// The daemon and the shim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// `enid`.
    pub daemon: PathBuf,
    /// `enid-cni`.
    pub shim: PathBuf,
}

impl Binaries {
    /// Finds the binaries of this build: the daemon in the target directory that this program runs from, the shim beside it in
    /// the directory of its own profile.
    ///
    /// # Errors
    /// When one is not there; the error says how to build it.
    pub fn locate() -> Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's own path")?;
        let mut directory = program.parent().context("this program has no directory")?;
        if directory.ends_with("deps") {
            directory = directory.parent().context("no target directory")?; // a test binary
        }
        let target = directory.parent().context("no target directory")?;
        let found = Self { daemon: directory.join("enid"), shim: target.join("shim/enid-cni") };
        for path in [&found.daemon, &found.shim] {
            if !path.is_file() {
                bail!("{} is not there: start the lab as `cargo lab`, which builds it", path.display());
            }
        }
        Ok(found)
    }

    /// Refuses binaries that were made from other sources than those of the working tree.
    ///
    /// # Errors
    /// When a digest differs or cannot be had.
    pub async fn verify(&self) -> Result<()> {
        self.made_from(&workspace_root()?).await
    }

    /// Refuses binaries that were made from other sources than those under `root`.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub async fn made_from(&self, root: &Path) -> Result<()> {
        let tree = source_digest::of_tree(root).context("cannot take the digest of the sources")?;
        for path in [&self.daemon, &self.shim] {
            let program = path.display().to_string();
            let told = command::run(&program, &["version"]).await?;
            agree(&program, &told, &tree)?;
        }
        Ok(())
    }
}

/// Does what a binary told about itself agree with the tree?
fn agree(program: &str, told: &str, tree: &str) -> Result<()> {
    let version: Value = serde_json::from_str(told)
        .with_context(|| format!("`{program} version` printed no JSON: {}", told.trim()))?;
    let digest = version.get("source_digest").and_then(Value::as_str);
    match digest {
        Some(digest) if digest == tree => Ok(()),
        Some(digest) => bail!(
            "{program} was made from other sources ({} instead of {}): build again, with `cargo lab`",
            short(digest),
            short(tree)
        ),
        None => bail!("`{program} version` tells no source_digest: {}", told.trim()),
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// The workspace's root, where this crate was built.
///
/// # Errors
/// When the sources are not there any more.
pub fn workspace_root() -> Result<PathBuf> {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .context("the sources that this program was built from are gone")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_made_from_other_sources_is_refused_with_the_reason() {
        let tree = "a".repeat(64);
        assert!(agree("enid", &format!(r#"{{"source_digest":"{tree}"}}"#), &tree).is_ok());
        let other = "b".repeat(64);
        let error = agree("enid", &format!(r#"{{"source_digest":"{other}"}}"#), &tree).unwrap_err();
        assert!(error.to_string().contains("other sources"), "{error}");
        for told in ["", "enid 0.1.0", "{}"] {
            assert!(agree("enid", told, &tree).is_err(), "{told}");
        }
    }
}
