//! Takes the digest of the product's sources and hands it to the compiler.

#[path = "src/sources.rs"]
#[allow(unreachable_pub, reason = "the same file is a public module of the library")]
mod sources;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Cargo runs this in the crate's folder. A path compiled in would be that of another copy of the workspace whose build of
    // this script was taken over.
    let root = std::path::Path::new("../..").canonicalize()?;
    println!("cargo::rustc-env=ENID_SOURCE_DIGEST={}", sources::of_tree(&root)?);
    for name in ["actors", "cni-shim", "config", "Cargo.toml", "Cargo.lock"] {
        // Relative to this crate, so that a copy of the workspace looks at its own files.
        println!("cargo::rerun-if-changed=../../{name}");
    }
    Ok(())
}
