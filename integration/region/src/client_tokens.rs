//! What a ClientToken promises: the same call again gives what the first one made, for a day. One book per action.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::error::ApiError;
use crate::params::Params;

/// How long a token is remembered (EC2 promises at least a day).
const TOKEN_KEPT: Duration = Duration::from_hours(24);
/// Characters of a token (EC2's bound).
const TOKEN_CHARACTERS_MAX: usize = 64;

/// The calls of one action that carried a token, with what they made.
#[derive(Debug, Clone)]
pub(crate) struct ClientTokens<T> {
    known: BTreeMap<String, Remembered<T>>,
    /// Tokens by the time they were first used, oldest first.
    order: VecDeque<(Duration, String)>,
}

#[derive(Debug, Clone)]
struct Remembered<T> {
    /// Everything asked but the token, sorted.
    params: Vec<(String, String)>,
    made: T,
}

/// The token of a call, if it carries one.
pub(crate) fn token(params: &Params) -> Option<&str> {
    params.text("ClientToken").filter(|token| !token.is_empty())
}

// === impl ClientTokens ===

impl<T: Clone> ClientTokens<T> {
    /// What the call with this token made before, if there was one with these very parameters.
    pub(crate) fn recall(&mut self, params: &Params, now: Duration) -> Result<Option<T>, ApiError> {
        while let Some((_, token)) = self.order.pop_front_if(|(at, _)| now.saturating_sub(*at) >= TOKEN_KEPT)
        {
            self.known.remove(&token);
        }
        let Some(token) = token(params) else { return Ok(None) };
        if token.chars().count() > TOKEN_CHARACTERS_MAX {
            return Err(ApiError::invalid_value("The ClientToken exceeds 64 characters"));
        }
        match self.known.get(token) {
            Some(known) if known.params != asked(params) => Err(ApiError::new(
                "IdempotentParameterMismatch",
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
            )),
            known => Ok(known.map(|known| known.made.clone())),
        }
    }

    /// Keeps what a call made, if it carries a token.
    pub(crate) fn remember(&mut self, params: &Params, made: T, now: Duration) {
        if let Some(token) = token(params) {
            self.order.push_back((now, token.to_owned()));
            self.known.insert(token.to_owned(), Remembered { params: asked(params), made });
        }
    }
}

// Not derived: an empty book needs no default of what is made.
impl<T> Default for ClientTokens<T> {
    fn default() -> Self {
        Self { known: BTreeMap::new(), order: VecDeque::new() }
    }
}

fn asked(params: &Params) -> Vec<(String, String)> {
    params.without(&["ClientToken", "DryRun"])
}
