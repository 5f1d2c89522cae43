//! Filters of the Describe calls: all must hold, any of a filter's values will do, `*` and `?` are wildcards. A filter that an
//! action does not have is refused, never ignored.

use crate::error::ApiError;
use crate::params::Params;
use crate::tags::Tags;

/// The filters of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Reads `Filter.N`, each one of `known`; `tag:` among these stands for it and any key.
    pub(crate) fn read(params: &Params, known: &[&str]) -> Result<Self, ApiError> {
        let mut filters = Vec::new();
        for record in params.records("Filter") {
            let name = record.required("Name").map_err(|_| ApiError::missing("Filter.Name"))?;
            let kind = name.strip_prefix("tag:").filter(|key| !key.is_empty()).map_or(name, |_| "tag:");
            if !known.contains(&kind) || name == "tag:" {
                return Err(ApiError::invalid_value(format!("The filter '{name}' is invalid")));
            }
            let values: Vec<String> = record.list("Value").into_iter().map(str::to_owned).collect();
            if values.is_empty() {
                return Err(ApiError::invalid_value(format!("The filter '{name}' has no value")));
            }
            filters.push((name.to_owned(), values));
        }
        Ok(Self(filters))
    }

    /// Whether a resource with these tags passes; `facts` gives what it has for a filter's name.
    pub(crate) fn pass(&self, tags: &Tags, facts: impl Fn(&str) -> Vec<String>) -> bool {
        self.0.iter().all(|(name, patterns)| {
            let has = match name.strip_prefix("tag:") {
                Some(key) => tags.get(key).cloned().into_iter().collect(),
                None if name == "tag-key" => tags.keys().cloned().collect(),
                None => facts(name),
            };
            has.iter().any(|fact| patterns.iter().any(|pattern| matches(pattern, fact)))
        })
    }
}

/// `*` is any run of characters, `?` is one; everything else is itself, case and all.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // reach[i]: the pattern read so far can end after the first i characters of the text.
    let mut reach: Vec<bool> = (0..=text.len()).map(|end| end == 0).collect();
    for sign in pattern {
        let before = reach.clone();
        let mut any = false;
        for (end, now) in reach.iter_mut().enumerate() {
            any |= before.get(end).copied().unwrap_or(false);
            let previous = end.checked_sub(1);
            let stepped = previous.and_then(|index| before.get(index)).copied().unwrap_or(false);
            let read = previous.and_then(|index| text.get(index));
            *now = match sign {
                '*' => any,
                '?' => stepped,
                _ => stepped && read == Some(&sign),
            };
        }
    }
    reach.last().copied().unwrap_or(false)
}
