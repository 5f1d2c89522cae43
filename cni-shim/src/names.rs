//! The names the shim derives itself, so that no plan can make it touch another link: the host's end of the pod's veth,
//! and the entry of the result that carries the device number. Same derivation as the agent we replace.

use sha1::{Digest, Sha1};

/// What a host link's name begins with when the configuration says nothing.
pub const DEFAULT_PREFIX: &str = "eni";
/// Prefix and 11 digits must fit into the kernel's 15 characters.
pub const PREFIX_CHARACTERS_MAX: usize = 4;
const HASH_DIGITS: usize = 11;

/// Can a host link's name begin like this? One to four letters, digits, `-` or `_`, and not the name of another kind of
/// link.
#[must_use]
pub fn is_prefix(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    !text.is_empty() && text.len() <= PREFIX_CHARACTERS_MAX && plain && !matches!(text, "eth" | "lo" | "vlan")
}

/// Name of the host's end of a pod's veth.
#[must_use]
pub fn host_veth(prefix: &str, namespace: &str, pod: &str) -> String {
    format!("{prefix}{}", hash(namespace, pod))
}

/// Name of the result's entry that is no interface.
#[must_use]
pub fn dummy(namespace: &str, pod: &str) -> String {
    format!("dummy{}", hash(namespace, pod))
}

fn hash(namespace: &str, pod: &str) -> String {
    hex_sha1(format!("{namespace}.{pod}").as_bytes()).chars().take(HASH_DIGITS).collect()
}

/// SHA-1 in lower-case hex.
#[must_use]
pub fn hex_sha1(bytes: &[u8]) -> String {
    Sha1::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_agent_we_replace() {
        for (namespace, pod, suffix) in [
            ("kube-system", "coredns-57ff979f67-qqbdh", "b5faff8a083"),
            ("kube-system", "coredns-57ff979f67-8ns9b", "9571956a6cc"),
            ("default", "sample-pod", "cc21c2d7785"),
            ("default", "nginx", "c440f455693"),
        ] {
            assert_eq!(host_veth("eni", namespace, pod), format!("eni{suffix}"));
            assert_eq!(dummy(namespace, pod), format!("dummy{suffix}"));
        }
    }

    #[test]
    fn a_prefix_that_means_another_link_is_refused() {
        for text in ["", "eth", "lo", "vlan", "toolong", "a/b", "e i", "é", "a%d"] {
            assert!(!is_prefix(text), "{text}");
        }
        assert!(is_prefix("eni") && is_prefix("e-1_"));
    }
}
