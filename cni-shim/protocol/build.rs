//! Generates the Rust side of `proto/enid.proto`, without a protoc binary.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let descriptors = protox::compile(["proto/enid.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    println!("cargo::rerun-if-changed=proto/enid.proto");
    Ok(())
}
