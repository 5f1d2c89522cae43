//! Credentials of roles: made up by the metadata service, checked when a call presents them. No secrets: which set a key belongs
//! to can be read off the key, so that nothing has to be kept but when a role's sets were last thrown away.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::error::ApiError;
use crate::ids::InstanceId;
use crate::instance::{Instance, InstanceState};
use crate::instant;
use crate::region::Region;

/// How far the date of a signature may be from EC2's clock (the bound of AWS's signature version 4).
const SKEW_SECONDS_MAX: u64 = 300;

/// What a call says about who signed it. The signature itself is not looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presented {
    /// From the `Credential` of the `Authorization` header.
    pub access_key_id: String,
    /// `X-Amz-Security-Token`.
    pub session_token: Option<String>,
    /// `X-Amz-Date`, as `20260101T000000Z`.
    pub date: Option<String>,
}

/// One set of credentials of a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: String,
    pub(crate) issued_at: Duration,
    pub(crate) expires_at: Duration,
}

/// How the region gives and takes credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CredentialKnobs {
    /// No role has credentials before this time: its metadata keys are 404, as before a profile is attached.
    pub absent_until_milliseconds: u64,
    /// The first set is the last: the metadata service goes on showing it when it has expired.
    pub never_renewed: bool,
    /// How expired credentials are refused.
    pub expired: CredentialRefusal,
    /// How a signature is refused whose date is more than five minutes away.
    pub skewed: CredentialRefusal,
    /// How far EC2's clock is ahead of the region's.
    pub clock_ahead_seconds: i64,
}

/// AWS's ways to refuse credentials. Which one EC2 chooses when is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialRefusal {
    /// 400: too old, be it the credentials or the signature.
    RequestExpired,
    /// 400: the session token is too old.
    ExpiredToken,
    /// 401: not credentials of anybody.
    AuthFailure,
    /// 403: the signature is not the one EC2 computes.
    SignatureDoesNotMatch,
    /// 403: the clocks differ.
    RequestTimeTooSkewed,
}

// === impl CredentialKnobs ===

impl Default for CredentialKnobs {
    fn default() -> Self {
        Self {
            absent_until_milliseconds: 0,
            never_renewed: false,
            expired: CredentialRefusal::RequestExpired,
            skewed: CredentialRefusal::RequestExpired,
            clock_ahead_seconds: 0,
        }
    }
}

// === impl CredentialRefusal ===

impl CredentialRefusal {
    fn error(self) -> ApiError {
        match self {
            Self::RequestExpired => ApiError::new("RequestExpired", "Request has expired."),
            Self::ExpiredToken => {
                ApiError::new("ExpiredToken", "The security token included in the request is expired")
            }
            Self::AuthFailure => {
                let message = "AWS was not able to validate the provided access credentials";
                ApiError::new("AuthFailure", message).with_status(401)
            }
            Self::SignatureDoesNotMatch => {
                let message =
                    "The request signature we calculated does not match the signature you provided.";
                ApiError::new("SignatureDoesNotMatch", message).with_status(403)
            }
            Self::RequestTimeTooSkewed => {
                let message = "The difference between the request time and the current time is too large.";
                ApiError::new("RequestTimeTooSkewed", message).with_status(403)
            }
        }
    }
}

// === impl Region: credentials ===

impl Region {
    /// Throws away every set of credentials an instance's role has had: from now on they are nobody's, and its metadata service
    /// shows a new one.
    ///
    /// # Errors
    /// There is no such instance.
    pub fn rotate_credentials(&mut self, instance: &InstanceId, now: Duration) -> Result<(), ApiError> {
        self.settle(now);
        // A set is named by its milliseconds.
        let since = Duration::from_millis(u64::try_from(self.clock.as_millis()).unwrap_or(u64::MAX));
        self.instances.get_mut(instance).ok_or_else(|| instance.not_found())?.credentials_since = since;
        Ok(())
    }

    /// The set an instance's role has at this time.
    pub(crate) fn credentials_of(&self, instance: &Instance, now: Duration) -> Option<Credentials> {
        instance.role.as_ref()?;
        let absent_until = Duration::from_millis(self.knobs.credentials.absent_until_milliseconds);
        let half_seconds = (self.knobs.credentials_lifetime_seconds / 2).max(1);
        let first = instance.credentials_since.max(absent_until);
        let age = now.checked_sub(first)?;
        let renewals = if self.knobs.credentials.never_renewed { 0 } else { age.as_secs() / half_seconds };
        let issued_at = first + Duration::from_secs(renewals * half_seconds);
        Some(self.set_of(instance, issued_at))
    }

    fn set_of(&self, instance: &Instance, issued_at: Duration) -> Credentials {
        let name = instance.id.tail();
        let number = issued_at.as_millis();
        let life = Duration::from_secs(self.knobs.credentials_lifetime_seconds.max(2));
        Credentials {
            access_key_id: format!("ASIA{name}{number:X}"),
            secret_access_key: format!("not-a-secret-{name}-{number}"),
            session_token: format!("session-{name}-{number}"),
            issued_at,
            expires_at: issued_at.saturating_add(life),
        }
    }

    /// Whether credentials are good for a call made now, and whose they are.
    pub(crate) fn authenticate(&self, presented: &Presented) -> Result<InstanceId, ApiError> {
        let knobs = &self.knobs.credentials;
        let nobody = || CredentialRefusal::AuthFailure.error();
        let (instance, issued_at) = self.owner_of(&presented.access_key_id).ok_or_else(nobody)?;
        let set = self.set_of(instance, issued_at);
        let is_known = instance.state != InstanceState::Terminated
            && (instance.credentials_since..=self.clock).contains(&issued_at)
            && presented.session_token.as_deref() == Some(set.session_token.as_str());
        if !is_known {
            return Err(nobody());
        }
        if self.clock >= set.expires_at {
            return Err(knobs.expired.error());
        }
        if presented.date.as_deref().is_some_and(|date| !self.is_near(date)) {
            return Err(knobs.skewed.error());
        }
        Ok(instance.id.clone())
    }

    fn owner_of(&self, access_key_id: &str) -> Option<(&Instance, Duration)> {
        let key = access_key_id.strip_prefix("ASIA")?;
        let instance = self.instances.values().find(|instance| key.starts_with(&instance.id.tail()))?;
        let number = u64::from_str_radix(key.strip_prefix(&instance.id.tail())?, 16).ok()?;
        Some((instance, Duration::from_millis(number)))
    }

    /// Whether the date of a signature is one that EC2's clock can agree with. One that is no date is not.
    fn is_near(&self, date: &str) -> bool {
        let format = format_description!("[year][month][day]T[hour][minute][second]Z");
        let Ok(signed_at) = PrimitiveDateTime::parse(date, format) else { return false };
        let here = instant::wall(self.knobs.epoch_unix_seconds, self.clock);
        let apart = here.unix_timestamp().saturating_add(self.knobs.credentials.clock_ahead_seconds)
            - OffsetDateTime::unix_timestamp(signed_at.assume_utc());
        apart.unsigned_abs() <= SKEW_SECONDS_MAX
    }
}
