//! The product's image, built as `deploy/Dockerfile` says. No registry is asked: the Debian that it begins from is made of
//! Debian's packages.

use anyhow::{Context, Result, bail};
use lab::{Binaries, command, workspace_root};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// The Dockerfile's own is from a registry; this is the same release.
const DEBIAN: &str = "bookworm";
const DEBIAN_IMAGE: &str = "localhost/debian";

const TOOLS: [&str; 3] = ["buildah", "mmdebstrap", "strip"];

/// Half a minute for each; a machine busy with a build, or far from its packages, takes longer.
const STEP_SECONDS_MAX: u64 = 300;

/// Enough of a tool's words to see why.
const QUOTED_CHARACTERS: usize = 3000;

/// Why no image can be built here, if that is so.
#[must_use]
pub fn missing() -> Option<String> {
    let there = |tool: &&str| command::PATH.split(':').any(|place| Path::new(place).join(tool).is_file());
    let absent: Vec<&str> = TOOLS.into_iter().filter(|tool| !there(tool)).collect();
    (!absent.is_empty()).then(|| format!("{} not installed", absent.join(", ")))
}

/// Builds the image of these binaries under this name, as an archive in `directory`, in which everything happens. `kept` keeps
/// the Debian it begins from.
///
/// # Errors
/// When a tool fails, with its last words.
pub async fn build(binaries: &Binaries, name: &str, directory: &Path, kept: &Path) -> Result<PathBuf> {
    let debian = debian(kept).await?;
    let context = directory.join("context");
    std::fs::create_dir_all(&context).context("cannot make the context")?;
    for (from, name) in [(&binaries.daemon, "enid"), (&binaries.shim, "enid-cni")] {
        // Without what a release build does not have: it is copied half a dozen times.
        let (from, to) = (from.display().to_string(), context.join(name).display().to_string());
        tool("strip", &["--strip-debug", "-o", &to, &from]).await?;
    }
    let dockerfile = workspace_root()?.join("deploy/Dockerfile");
    let base = format!("DEBIAN={DEBIAN_IMAGE}");
    let archive = directory.join("image.tar");
    let target = format!("oci-archive:{}:{name}", archive.display());
    let (debian, context) = (debian.display().to_string(), context.display().to_string());
    let begun = buildah(directory, &["from", "scratch"]).await?;
    let begun = begun.trim();
    buildah(directory, &["add", begun, &debian, "/"]).await?;
    buildah(directory, &["commit", "--rm", begun, DEBIAN_IMAGE]).await?;
    let arguments = ["bud", "--isolation", "chroot", "--layers=false", "--pull-never", "--build-arg", &base];
    let dockerfile = dockerfile.display().to_string();
    buildah(directory, &[&arguments[..], &["-t", name, "-f", &dockerfile, &context]].concat()).await?;
    buildah(directory, &["push", "--disable-compression", name, &target]).await?;
    Ok(archive)
}

/// The archive of a minimal Debian; made once.
async fn debian(kept: &Path) -> Result<PathBuf> {
    let archive = kept.join(format!("debian-{DEBIAN}.tar"));
    if !archive.is_file() {
        std::fs::create_dir_all(kept).context("cannot make the directory of what is kept")?;
        let unfinished = archive.with_extension(format!("{}.tar", std::process::id()));
        let path = unfinished.display().to_string();
        // What is thrown away when the machine fails need not be on disk.
        tool("mmdebstrap", &["--variant=apt", "--dpkgopt=force-unsafe-io", DEBIAN, &path]).await?;
        std::fs::rename(&unfinished, &archive).context("cannot keep the archive")?;
    }
    Ok(archive)
}

/// The plain storage driver: it works on every file system.
async fn buildah(directory: &Path, arguments: &[&str]) -> Result<String> {
    let (root, runroot) =
        (directory.join("storage").display().to_string(), directory.join("run").display().to_string());
    let mut all = vec!["--storage-driver", "vfs", "--root", &root, "--runroot", &runroot];
    all.extend(arguments);
    tool("buildah", &all).await
}

/// Runs a tool in the environment of this program: proxies are found there. Returns what it printed.
async fn tool(program: &str, arguments: &[&str]) -> Result<String> {
    let line = format!("{program} {}", arguments.join(" "));
    let limit = Duration::from_secs(STEP_SECONDS_MAX);
    let run = Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(limit, run)
        .await
        .with_context(|| format!("`{line}` did not end within {STEP_SECONDS_MAX} s"))?
        .with_context(|| format!("cannot run `{line}`"))?;
    if !output.status.success() {
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        let from = said.char_indices().rev().nth(QUOTED_CHARACTERS).map_or(0, |(at, _)| at);
        bail!("`{line}` failed ({}): {}", output.status, said.get(from..).unwrap_or_default());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
