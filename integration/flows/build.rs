//! Generates the client side of `proto/cri.proto`, and compiles the program that pods of a flow run: static, for an image
//! that holds nothing else.

use std::path::PathBuf;
use std::process::Command;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["proto/cri.proto"], ["proto"])?;
    tonic_prost_build::configure().build_server(false).compile_fds(descriptors)?;
    pod_echo()?;
    println!("cargo::rerun-if-changed=proto/cri.proto");
    println!("cargo::rerun-if-changed=programs/pod_echo.rs");
    Ok(())
}

/// By the compiler itself and not as a binary of this crate: linked statically while all others are not.
fn pod_echo() -> Result<(), Box<dyn std::error::Error>> {
    let variable = |name: &str| std::env::var_os(name).ok_or_else(|| format!("cargo did not set {name}"));
    let program = PathBuf::from(variable("OUT_DIR")?).join("pod-echo");
    let status = Command::new(variable("RUSTC")?)
        .args(["--edition", "2024", "-Copt-level=s", "-Cstrip=symbols"])
        .args(["-Ctarget-feature=+crt-static", "--target"])
        .arg(variable("TARGET")?)
        .arg("-o")
        .arg(&program)
        .arg("programs/pod_echo.rs")
        .status()?;
    if !status.success() {
        return Err("cannot link programs/pod_echo.rs statically: is the static C library installed?".into());
    }
    println!("cargo::rustc-env=POD_ECHO={}", program.display());
    Ok(())
}
