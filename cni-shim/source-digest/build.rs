//! Takes the digest of the product's sources and hands it to the compiler.

#[path = "src/sources.rs"]
#[allow(unreachable_pub, reason = "the same file is a public module of the library")]
mod sources;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize()?;
    println!("cargo::rustc-env=ENID_SOURCE_DIGEST={}", sources::of_tree(&root)?);
    for name in ["actors", "cni-shim", "config", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(name).display());
    }
    Ok(())
}
