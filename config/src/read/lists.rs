//! Lists: CIDRs and tags. In the environment a bad part is left out, as the peer does; in the file it is an error.

use std::collections::BTreeMap;

use figment::value::Value;

use super::{Fault, Raw, Understood, expected, go};
use crate::shown::shown;
use crate::table::Kind;

/// Each is a rule in the kernel, checked for every connection.
const CIDRS_MAX: usize = 256;
/// EC2 allows 50 tags, of which up to five are our own.
const TAGS_MAX: usize = 45;
/// EC2's limits.
const TAG_KEY_CHARACTERS_MAX: usize = 128;
/// EC2's limits.
const TAG_VALUE_CHARACTERS_MAX: usize = 256;

pub(super) fn cidrs(raw: Raw<'_>) -> Result<Understood, Fault> {
    let mut left_out = Vec::new();
    let mut nets = Vec::new();
    match raw {
        Raw::Text(text) => {
            for part in text.split(',').map(str::trim) {
                match go::parse_ipv4_cidr(part) {
                    Some(net) => nets.push(net),
                    None => left_out.push((part.to_owned(), "it is not an IPv4 CIDR".to_owned())),
                }
            }
        }
        Raw::Toml(toml) => {
            let parts = toml.as_array().ok_or_else(|| Fault::Refused(wanted_cidrs()))?;
            for part in parts {
                let net = part.as_str().and_then(go::parse_ipv4_cidr).ok_or_else(|| {
                    Fault::Refused(format!("{}: see {}", wanted_cidrs(), shown(&part.to_string())))
                })?;
                nets.push(net);
            }
        }
    }
    nets.sort_unstable();
    nets.dedup();
    if nets.len() > CIDRS_MAX {
        return Err(Fault::Refused(format!("at most {CIDRS_MAX} CIDRs")));
    }
    let value = Value::from(nets.iter().map(ToString::to_string).collect::<Vec<_>>());
    Ok(Understood { value, left_out })
}

pub(super) fn tags(raw: Raw<'_>) -> Result<Understood, Fault> {
    let mut left_out = Vec::new();
    let mut tags: BTreeMap<String, String> = match raw {
        // A key that is there twice: the last wins, and `null` is nothing, both as in Go.
        Raw::Text(text) => serde_json::from_str::<Option<BTreeMap<String, Option<String>>>>(text)
            .map_err(|_| Fault::Unreadable("a JSON object of texts, {\"team\":\"blue\"}".to_owned()))?
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, value.unwrap_or_default()))
            .collect(),
        Raw::Toml(toml) => toml
            .as_table()
            .and_then(|table| {
                table.iter().map(|(k, v)| Some((k.clone(), v.as_str()?.to_owned()))).collect::<Option<_>>()
            })
            .ok_or_else(|| Fault::Refused(expected(&Kind::Tags)))?,
    };
    for (key, value) in std::mem::take(&mut tags) {
        match (refusal_of_tag(&key, &value), raw) {
            (None, _) => drop(tags.insert(key, value)),
            (Some(why), Raw::Text(_)) => left_out.push((key, why.to_owned())),
            (Some(why), Raw::Toml(_)) => {
                return Err(Fault::Refused(format!("a set of tags that EC2 takes: {}: {why}", shown(&key))));
            }
        }
    }
    if tags.len() > TAGS_MAX {
        return Err(Fault::Refused(format!("at most {TAGS_MAX} tags")));
    }
    let pairs = tags.into_iter().map(|(key, value)| Value::from(vec![key, value])).collect::<Vec<_>>();
    Ok(Understood { value: Value::from(pairs), left_out })
}

/// One tag that EC2 refuses would make every new ENI fail.
fn refusal_of_tag(key: &str, value: &str) -> Option<&'static str> {
    if key.contains("k8s.amazonaws.com") {
        Some("keys with k8s.amazonaws.com are reserved")
    } else if key.to_ascii_lowercase().starts_with("aws:") {
        Some("keys that begin with aws: are reserved by EC2")
    } else if key.is_empty() || key.chars().count() > TAG_KEY_CHARACTERS_MAX {
        Some("a key has 1 to 128 characters")
    } else if value.chars().count() > TAG_VALUE_CHARACTERS_MAX {
        Some("a value has at most 256 characters")
    } else {
        None
    }
}

fn wanted_cidrs() -> String {
    format!("an array of {}", expected(&Kind::Cidrs))
}
