//! Pages of the Describe calls. A token says where the last page ended, for which call it is good and since when; it survives changes in
//! between, because it names a key and not a position.

use std::time::Duration;

use crate::error::ApiError;
use crate::ids::mix;
use crate::params::Params;

/// One page of a list that is ordered by its key.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next_token: Option<String>,
}

/// What a call's pages may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PageRule {
    pub(crate) action: &'static str,
    /// The parameters that name resources one by one, which excludes pages.
    pub(crate) ids: &'static [&'static str],
    /// Items of a page when the call does not say; `None`: all.
    pub(crate) default_size: Option<u32>,
    pub(crate) size_max: u32,
}

/// How long a token is good (EC2 promises no length; a day is what its other tokens have).
const TOKEN_KEPT_SECONDS: u64 = 24 * 3_600;
/// EC2 takes no smaller pages than this.
const SIZE_MIN: u32 = 5;

impl PageRule {
    pub(crate) fn page<T>(
        &self,
        params: &Params,
        now: Duration,
        items: Vec<T>,
        key: impl Fn(&T) -> String,
    ) -> Result<Page<T>, ApiError> {
        let asked = params.integer("MaxResults");
        let token = params.text("NextToken").filter(|token| !token.is_empty());
        if let Some(ids) = self.ids.iter().find(|ids| !params.list(ids).is_empty()) {
            if asked.is_some() {
                let message = format!("The parameter {ids} cannot be used with the parameter MaxResults");
                return Err(ApiError::combination(message));
            }
            return Ok(Page { items, next_token: None });
        }
        if let Some(size) = asked.filter(|size| !(SIZE_MIN..=self.size_max).contains(size)) {
            return Err(ApiError::invalid_value(format!(
                "Value ( {size} ) for parameter maxResults is invalid. Expecting a value between {SIZE_MIN} and {}.",
                self.size_max
            )));
        }
        let call = self.fingerprint(params);
        let after = token.map(|token| decoded(token, call, now)).transpose()?;
        let mut rest: Vec<T> =
            items.into_iter().filter(|item| after.as_ref().is_none_or(|last| key(item) > *last)).collect();
        let size = asked.or(self.default_size).map_or(usize::MAX, |size| size as usize);
        let more = rest.len() > size;
        rest.truncate(size);
        let next_token = rest.last().filter(|_| more).map(|last| encoded(call, now, &key(last)));
        Ok(Page { items: rest, next_token })
    }

    /// What makes two calls pages of the same list.
    fn fingerprint(&self, params: &Params) -> u64 {
        let rest = params.without(&["NextToken", "MaxResults", "DryRun"]);
        let text = format!("{} {rest:?}", self.action);
        text.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte)).wrapping_add(1))
    }
}

fn encoded(call: u64, now: Duration, last: &str) -> String {
    let key: String = last.bytes().map(|byte| format!("{byte:02x}")).collect();
    format!("{call:016x}{:016x}{key}", now.as_secs())
}

fn decoded(token: &str, call: u64, now: Duration) -> Result<String, ApiError> {
    let refused = || {
        ApiError::new("InvalidPaginationToken", "The specified pagination token is not valid or is expired.")
    };
    let rest = token.strip_prefix(&format!("{call:016x}")).ok_or_else(refused)?;
    let (at, key) = rest.split_at_checked(16).ok_or_else(refused)?;
    let at = u64::from_str_radix(at, 16).map_err(|_| refused())?;
    if now.as_secs().saturating_sub(at) >= TOKEN_KEPT_SECONDS {
        return Err(refused());
    }
    let bytes: Option<Vec<u8>> =
        (0..key.len()).step_by(2).map(|at| u8::from_str_radix(key.get(at..at + 2)?, 16).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refused)
}
