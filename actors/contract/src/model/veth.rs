//! The name of a pod's host-side link: prefix and 11 hex digits of SHA-1 over `namespace.pod`, as the agent we replace
//! makes it. It is for humans and for finding links that either made; identity is the attachment, never the name.

use sha1::{Digest, Sha1};
use std::fmt;

use super::{AttachmentKey, Mac, Pod};

/// What a host link's name begins with: one to four letters, digits, `-` or `_`; not `eth`, `lo` or `vlan`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VethPrefix(String);

/// A prefix that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("veth prefix `{0}`: 1 to 4 letters, digits, `-` or `_`, and not `eth`, `lo` or `vlan`")]
pub struct VethError(pub String);

impl VethPrefix {
    /// Checks and takes a prefix.
    ///
    /// # Errors
    /// When the prefix is empty, longer than 4 characters, has other characters, or is one that means another kind of link.
    pub fn new(text: &str) -> Result<Self, VethError> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if text.is_empty() || text.len() > 4 || !plain || matches!(text, "eth" | "lo" | "vlan") {
            return Err(VethError(text.chars().take(64).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of a host-side link, at most 15 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostVeth(String);

impl HostVeth {
    /// The name for a pod's first interface.
    #[must_use]
    pub fn of_pod(prefix: &VethPrefix, pod: &Pod) -> Self {
        let digest = Sha1::digest(format!("{}.{}", pod.namespace, pod.name).as_bytes());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let suffix: String = hex.chars().take(11).collect();
        Self(format!("{}{suffix}", prefix.as_str()))
    }

    /// The MAC of the host-side link of this attachment: stable, so that wiring can be repeated, and different for two
    /// attachments of one pod name.
    #[must_use]
    pub fn mac(key: &AttachmentKey) -> Mac {
        let digest = Sha1::digest(key.to_string().as_bytes());
        let mut bytes = [0; 6];
        for (to, from) in bytes.iter_mut().zip(digest.iter()) {
            *to = *from;
        }
        Mac::locally_administered(bytes)
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostVeth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(namespace: &str, name: &str) -> Pod {
        Pod { namespace: namespace.into(), name: name.into(), uid: String::new() }
    }

    #[test]
    fn names_are_those_of_the_agent_we_replace() {
        let prefix = VethPrefix::new("eni").unwrap();
        for (namespace, name, suffix) in [
            ("kube-system", "coredns-57ff979f67-qqbdh", "b5faff8a083"),
            ("kube-system", "coredns-57ff979f67-8ns9b", "9571956a6cc"),
            ("default", "sample-pod", "cc21c2d7785"),
            ("default", "nginx", "c440f455693"),
        ] {
            assert_eq!(HostVeth::of_pod(&prefix, &pod(namespace, name)).as_str(), format!("eni{suffix}"));
        }
    }

    #[test]
    fn a_prefix_that_means_another_link_is_refused() {
        for text in ["", "eth", "lo", "vlan", "toolong", "a/b", "e i", "é"] {
            assert!(VethPrefix::new(text).is_err(), "{text}");
        }
        assert!(VethPrefix::new("eni").is_ok());
    }
}
