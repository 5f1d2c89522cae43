//! An image that holds one static program, as a tar in the OCI image layout. Pure but for reading and writing the files: no
//! registry, no image tool.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::path::Path;

/// The image's name. The registry in it does not exist, so that nothing is ever pulled.
pub const NAME: &str = "localhost/pod-echo:test";

/// Where the program is in the image. With `echo` as its argument it answers datagrams on port 7; a sandbox runs it with
/// `pause`.
pub const PROGRAM: &str = "/pod-echo";

/// A tar's unit, bytes.
const BLOCK: usize = 512;

/// Writes the image as a tar.
///
/// # Errors
/// When the program is not there any more, or the tar cannot be written.
pub fn write(tar: &Path) -> Result<()> {
    let path = env!("POD_ECHO");
    let program = std::fs::read(path).with_context(|| format!("cannot read {path}"))?;
    std::fs::write(tar, layout(&program)).with_context(|| format!("cannot write {}", tar.display()))
}

fn layout(program: &[u8]) -> Vec<u8> {
    let layer = archive(&[(PROGRAM.trim_start_matches('/').to_owned(), program)]);
    let config = json!({
        "os": "linux",
        "architecture": architecture(),
        "config": { "Entrypoint": [PROGRAM, "pause"] },
        "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
    })
    .to_string()
    .into_bytes();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar", &layer)],
    })
    .to_string()
    .into_bytes();
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    if let Some(object) = entry.as_object_mut() {
        object.insert("annotations".to_owned(), json!({ "io.containerd.image.name": NAME }));
    }
    let index = json!({ "schemaVersion": 2, "manifests": [entry] }).to_string();
    let mut files = vec![
        ("oci-layout".to_owned(), br#"{"imageLayoutVersion":"1.0.0"}"#.as_slice()),
        ("index.json".to_owned(), index.as_bytes()),
    ];
    for blob in [&layer, &config, &manifest] {
        files.push((format!("blobs/{}", digest(blob).replace(':', "/")), blob));
    }
    archive(&files)
}

/// The architecture by the name that images use.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": digest(content), "size": content.len() })
}

fn digest(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// A tar of these files, in the ustar format, each owned by root and executable.
fn archive(files: &[(String, &[u8])]) -> Vec<u8> {
    let mut tar = Vec::new();
    for (name, content) in files {
        tar.extend(header(name, content.len()));
        tar.extend_from_slice(content);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0); // two empty blocks end a tar
    tar
}

/// A header: fields of fixed width, filled up with NUL; the checksum is taken with its own field blank.
fn header(name: &str, size: usize) -> Vec<u8> {
    let fields = |checksum: &str| {
        let mut header = Vec::with_capacity(BLOCK);
        for (text, width) in [
            (name, 100),
            ("0000755", 8),
            ("0000000", 8),
            ("0000000", 8),
            (format!("{size:011o}").as_str(), 12),
            ("00000000000", 12),
            (checksum, 8),
            ("0", 1),
            ("", 100),
            ("ustar\0\x30\x30", 8),
        ] {
            let end = header.len() + width;
            header.extend_from_slice(text.as_bytes());
            header.resize(end, 0);
        }
        header.resize(BLOCK, 0);
        header
    };
    let sum: u32 = fields("        ").iter().map(|byte| u32::from(*byte)).sum();
    fields(&format!("{sum:06o}\0 "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_image_is_a_tar_that_tar_reads_and_every_digest_names_its_blob() {
        let directory = tempfile::tempdir().unwrap();
        let tar = directory.path().join("image.tar");
        write(&tar).unwrap();
        let unpack = |tar: &Path| {
            let status = Command::new("tar").arg("-xf").arg(tar).arg("-C").arg(directory.path()).status();
            assert!(status.unwrap().success());
        };
        unpack(&tar);
        let object =
            |path: &Path| -> Value { serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap() };
        let blob = |descriptor: &Value| {
            let digest = descriptor["digest"].as_str().unwrap();
            let path = directory.path().join("blobs").join(digest.replace(':', "/"));
            let content = std::fs::read(&path).unwrap();
            assert_eq!(super::digest(&content), digest);
            assert_eq!(descriptor["size"], content.len());
            path
        };
        let index = object(&directory.path().join("index.json"));
        let manifest = object(&blob(&index["manifests"][0]));
        let config = object(&blob(&manifest["config"]));
        let layer = &manifest["layers"][0];
        assert_eq!(config["rootfs"]["diff_ids"][0], layer["digest"]);
        unpack(&blob(layer));
        let unpacked = std::fs::read(directory.path().join("pod-echo")).unwrap();
        assert_eq!(unpacked, std::fs::read(env!("POD_ECHO")).unwrap());
    }
}
