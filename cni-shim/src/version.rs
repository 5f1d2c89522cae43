//! VERSION: which encodings are served; and, outside CNI, which binary this is.

use serde::Serialize;

use crate::netconf::Document;
use crate::result::CniVersion;

#[derive(Serialize)]
struct VersionDocument<'a> {
    #[serde(rename = "cniVersion")]
    cni_version: &'a str,
    #[serde(rename = "supportedVersions")]
    supported_versions: [&'a str; 4],
}

#[derive(Serialize)]
struct Identity<'a> {
    version: &'a str,
    source_digest: &'a str,
    protocol: u32,
}

/// The answer to VERSION. It is given whatever stdin holds: a runtime asks because it does not know yet.
///
/// # Errors
/// Never in practice.
pub fn answer(stdin: &[u8]) -> Result<String, serde_json::Error> {
    let asked = Document::parse(stdin).and_then(|document| document.version());
    serde_json::to_string(&VersionDocument {
        cni_version: asked.unwrap_or(CniVersion::NEWEST).text(),
        supported_versions: CniVersion::SERVED.map(CniVersion::text),
    })
}

/// The answer to `enid-cni version`.
///
/// # Errors
/// Never in practice.
pub fn identity() -> Result<String, serde_json::Error> {
    serde_json::to_string(&Identity {
        version: source_digest::VERSION,
        source_digest: source_digest::BUILT_FROM,
        protocol: protocol::PROTOCOL,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_lists_what_is_served_and_nothing_else() {
        for (stdin, said) in
            [(r#"{"cniVersion":"0.4.0"}"#, "0.4.0"), (r#"{"cniVersion":"1.2.0"}"#, "1.1.0"), ("", "1.1.0")]
        {
            assert_eq!(
                answer(stdin.as_bytes()).unwrap(),
                format!(r#"{{"cniVersion":"{said}","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}}"#)
            );
        }
    }

    #[test]
    fn the_binary_says_which_source_it_was_made_from() {
        let identity: serde_json::Value = serde_json::from_str(&identity().unwrap()).unwrap();
        assert_eq!(identity["source_digest"].as_str().unwrap().len(), 64);
        assert_eq!(identity["protocol"], 1);
    }
}
