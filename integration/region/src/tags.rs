//! Tags and what EC2 asks of them. It never knows what carries them.

use std::collections::BTreeMap;

use crate::error::ApiError;

/// Tags of one resource, by key.
pub type Tags = BTreeMap<String, String>;

/// Tags per resource (EC2's quota).
const TAGS_MAX: usize = 50;
/// Characters of a key (EC2's quota).
const KEY_CHARACTERS_MAX: usize = 128;
/// Characters of a value (EC2's quota).
const VALUE_CHARACTERS_MAX: usize = 256;

/// Whether EC2 would take this tag from a caller.
pub(crate) fn check(key: &str, value: &str) -> Result<(), ApiError> {
    let reserved = key.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"));
    if reserved {
        return Err(ApiError::invalid_value(format!(
            "Value ( {key} ) for parameter key is invalid. Tag keys starting with 'aws:' are reserved for internal use"
        )));
    }
    if key.is_empty() || key.chars().count() > KEY_CHARACTERS_MAX {
        return Err(ApiError::invalid_value(format!(
            "Tag key exceeds the maximum length of {KEY_CHARACTERS_MAX} characters"
        )));
    }
    if value.chars().count() > VALUE_CHARACTERS_MAX {
        return Err(ApiError::invalid_value(format!(
            "Tag value exceeds the maximum length of {VALUE_CHARACTERS_MAX} characters"
        )));
    }
    Ok(())
}

/// The tags after `new` ones were put over `old` ones.
pub(crate) fn merged(old: &Tags, new: &Tags) -> Result<Tags, ApiError> {
    let mut tags = old.clone();
    tags.extend(new.iter().map(|(key, value)| (key.clone(), value.clone())));
    if tags.len() > TAGS_MAX {
        return Err(ApiError::new(
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",
        ));
    }
    Ok(tags)
}
