//! Pages of the Describe calls. A token says where the last page ended, for which call it is good and since when; it survives changes in
//! between, because it names a key and not a position.

use std::time::Duration;

use crate::error::ApiError;
use crate::ids::mix;
use crate::params::{Paging, Params};

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

/// EC2 takes no smaller pages than this.
const SIZE_MIN: u32 = 5;

impl PageRule {
    pub(crate) fn page<T>(
        &self,
        params: &Params,
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
        let (call, paging) = (self.fingerprint(params), params.paging());
        if paging.knobs.first_is_empty && asked.is_some() && token.is_none() {
            return Ok(Page { items: Vec::new(), next_token: Some(encoded(call, paging.now, "")) });
        }
        let after = token.map(|token| decoded(token, call, paging)).transpose()?;
        let mut rest: Vec<T> =
            items.into_iter().filter(|item| after.as_ref().is_none_or(|last| key(item) > *last)).collect();
        let size = asked.or(self.default_size).map_or(usize::MAX, |size| size as usize);
        let more = rest.len() > size;
        rest.truncate(size);
        let next_token = rest.last().filter(|_| more).map(|last| encoded(call, paging.now, &key(last)));
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
    format!("{call:016x}{:016x}{key}", now.as_millis())
}

fn decoded(token: &str, call: u64, paging: &Paging) -> Result<String, ApiError> {
    let refused = || paging.knobs.refusal.error();
    let rest = token.strip_prefix(&format!("{call:016x}")).ok_or_else(refused)?;
    let (issued, key) = rest.split_at_checked(16).ok_or_else(refused)?;
    let issued_at = Duration::from_millis(u64::from_str_radix(issued, 16).map_err(|_| refused())?);
    let age = paging.now.saturating_sub(issued_at);
    if age >= Duration::from_millis(paging.knobs.token_life_milliseconds) {
        return Err(refused());
    }
    let bytes: Option<Vec<u8>> =
        (0..key.len()).step_by(2).map(|at| u8::from_str_radix(key.get(at..at + 2)?, 16).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refused)
}
