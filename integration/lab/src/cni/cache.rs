//! The result cache as libcni keeps it: one file per attachment, with the result, the list it came from, and what the runtime
//! had said.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::Attachment;
use super::list::List;
use super::version::{FAMILY_UNTIL, INTERFACES_SINCE, NEWEST, Version};

/// Where libcni keeps results, as the node knows it.
pub(super) const CACHE: &str = "/var/lib/cni/results";

/// The only kind there is.
const KIND: &str = "cniCacheV1";

/// The cache of a node.
#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// The cache in this directory, which need not be there yet.
    pub(super) fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    fn file(&self, network: &str, of: &Attachment) -> PathBuf {
        self.directory.join(format!("{network}-{}-{}", of.container_id, of.interface))
    }

    /// Keeps the result of an ADD.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn keep(&self, list: &List, of: &Attachment, result: &Value) -> Result<()> {
        std::fs::create_dir_all(&self.directory).context("cannot make the result cache")?;
        let entry = json!({
            "kind": KIND,
            "containerId": of.container_id,
            "config": base64(list.text.as_bytes()),
            "ifName": of.interface,
            "networkName": list.name,
            "netns": of.netns,
            "cniArgs": of.arguments,
            "capabilityArgs": of.capabilities,
            "result": result,
        });
        std::fs::write(self.file(&list.name, of), entry.to_string()).context("cannot write the result cache")
    }

    /// The result of the last ADD in the list's version; `None` if there is none.
    ///
    /// # Errors
    /// When what is there is no result, or cannot be put into that version.
    pub(super) fn result(&self, list: &List, of: &Attachment) -> Result<Option<Value>> {
        let Ok(text) = std::fs::read_to_string(self.file(&list.name, of)) else { return Ok(None) };
        let entry: Value = serde_json::from_str(&text).context("the cached result is no JSON")?;
        // A file without the kind is the result itself: so it was once.
        let result = if entry.get("kind").and_then(Value::as_str) == Some(KIND) {
            entry.get("result").cloned().context("the cache has no result")?
        } else {
            entry
        };
        as_version(result, list.version()?, &list.version).map(Some)
    }

    /// Forgets an attachment; one that is not known is forgotten already.
    pub(super) fn forget(&self, list: &List, of: &Attachment) {
        let _ = std::fs::remove_file(self.file(&list.name, of));
    }

    /// Every attachment of the network, in the order of their files; files that are none are passed over.
    pub(super) fn attachments(&self, network: &str) -> Vec<Attachment> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().filter_map(|path| read(path, network)).collect()
    }
}

fn read(path: &Path, network: &str) -> Option<Attachment> {
    let entry: Value = serde_json::from_str(&std::fs::read_to_string(path).ok()?).ok()?;
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    if text("kind") != KIND || text("networkName") != network || text("ifName").is_empty() {
        return None;
    }
    let arguments: Vec<(String, String)> =
        serde_json::from_value(entry.get("cniArgs").cloned().unwrap_or_else(|| json!([]))).ok()?;
    let capabilities: BTreeMap<String, Value> =
        serde_json::from_value(entry.get("capabilityArgs").cloned().unwrap_or_else(|| json!({}))).ok()?;
    Some(Attachment {
        container_id: text("containerId"),
        netns: text("netns"),
        interface: text("ifName"),
        arguments,
        capabilities,
    })
}

/// A result in another version: before 1.0.0 each address says its family; what came with 1.1.0 goes.
fn as_version(mut result: Value, wanted: Version, written: &str) -> Result<Value> {
    let object = result.as_object_mut().context("the result is no object")?;
    let had = object.get("cniVersion").and_then(Value::as_str).unwrap_or_default().to_owned();
    if had == written {
        return Ok(result);
    }
    let from: Version = had.parse()?;
    anyhow::ensure!(
        from >= INTERFACES_SINCE && wanted >= INTERFACES_SINCE && from <= NEWEST && wanted <= NEWEST,
        "a result of version {from} cannot be put into version {wanted}"
    );
    object.insert("cniVersion".to_owned(), written.into());
    for address in objects(object, "ips") {
        if wanted < FAMILY_UNTIL {
            let six = address.get("address").and_then(Value::as_str).is_some_and(|text| text.contains(':'));
            address.insert("version".to_owned(), if six { "6" } else { "4" }.into());
        } else {
            address.remove("version");
        }
    }
    if wanted < NEWEST {
        for interface in objects(object, "interfaces") {
            interface.retain(|key, _| matches!(key.as_str(), "name" | "mac" | "sandbox"));
        }
        for route in objects(object, "routes") {
            route.retain(|key, _| matches!(key.as_str(), "dst" | "gw"));
        }
    }
    Ok(result)
}

fn objects<'a>(
    of: &'a mut Map<String, Value>,
    key: &str,
) -> impl Iterator<Item = &'a mut Map<String, Value>> + use<'a> {
    of.get_mut(key).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

/// As Go writes bytes into JSON (RFC 4648, with padding).
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or_default());
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let index = (group >> (18 - 6 * digit)) & 63;
            let letter = ALPHABET.get(index as usize).copied().unwrap_or_default();
            text.push(if digit as usize > chunk.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_as_go_writes_them() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
            ("\u{ff}?", "w78/"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn a_result_is_put_into_the_lists_version() {
        let newest = json!({"cniVersion": "1.1.0",
            "interfaces": [{"name": "eth0", "mtu": 9001, "sandbox": "/x"}],
            "ips": [{"address": "10.0.0.7/32", "interface": 0}],
            "routes": [{"dst": "0.0.0.0/0", "mtu": 1500}]});
        let old = as_version(newest.clone(), "0.4.0".parse().unwrap(), "0.4.0").unwrap();
        assert_eq!(
            old,
            json!({"cniVersion": "0.4.0", "interfaces": [{"name": "eth0", "sandbox": "/x"}],
                "ips": [{"address": "10.0.0.7/32", "interface": 0, "version": "4"}],
                "routes": [{"dst": "0.0.0.0/0"}]})
        );
        let back = as_version(old, "1.0.0".parse().unwrap(), "1.0.0").unwrap();
        assert!(back["ips"][0].get("version").is_none());
        assert!(as_version(newest.clone(), "0.2.0".parse().unwrap(), "0.2.0").is_err());
        assert_eq!(as_version(newest.clone(), NEWEST, "1.1.0").unwrap(), newest);
    }

    #[test]
    fn an_attachment_is_kept_with_what_the_runtime_said_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::at(directory.path().join("results"));
        let text = r#"{"name":"net","cniVersion":"1.0.0","plugins":[{"type":"a"}]}"#;
        let list = List::parse(text).unwrap();
        let of = Attachment {
            container_id: "c1".into(),
            netns: "/n".into(),
            interface: "eth0".into(),
            arguments: vec![("K8S_POD_NAME".into(), "web".into())],
            capabilities: [("portMappings".to_owned(), json!([]))].into(),
        };
        assert_eq!(cache.result(&list, &of).unwrap(), None);
        let result = json!({"cniVersion": "1.0.0", "ips": []});
        cache.keep(&list, &of, &result).unwrap();
        let file = directory.path().join("results/net-c1-eth0");
        let entry: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(entry["config"], base64(text.as_bytes()));
        assert_eq!(cache.result(&list, &of).unwrap(), Some(result));
        assert_eq!(cache.attachments("net"), std::slice::from_ref(&of));
        assert_eq!(cache.attachments("other"), []);
        std::fs::write(&file, "torn").unwrap();
        assert!(cache.result(&list, &of).is_err());
        cache.forget(&list, &of);
        assert!(!file.exists());
    }
}
