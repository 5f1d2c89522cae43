//! The Debian packages that the namespaces' tests need: which are missing, and their installation by root.

use std::path::Path;
use std::process::{Command, Stdio};

/// A program, or what else is looked for by its whole path, and the package that brings it.
const NEEDED: [(&str, &str); 12] = [
    ("nft", "nftables"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("iptables-legacy", "iptables"),
    ("ping", "iputils-ping"),
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("buildah", "buildah"),
    ("mmdebstrap", "mmdebstrap"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("/usr/lib/python3/dist-packages/botocore", "python3-botocore"),
];

/// Where programs for root live; a user's PATH may lack the half of it.
const DIRECTORIES: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Packages whose programs are not there.
pub(crate) fn missing() -> Vec<&'static str> {
    let there =
        |program: &str| DIRECTORIES.iter().any(|directory| Path::new(directory).join(program).exists());
    let mut missing: Vec<&str> =
        NEEDED.iter().filter(|(program, _)| !there(program)).map(|(_, package)| *package).collect();
    missing.dedup();
    missing
}

/// Installs packages.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    apt(&["update"])?;
    let mut arguments = vec!["install", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&arguments)
}

fn apt(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("apt-get")
        .arg("-qq")
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start apt-get: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("apt-get {} failed: {}", arguments.join(" "), said.trim()))
}

/// Is this process root? (The owner of its own entry in /proc.)
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
