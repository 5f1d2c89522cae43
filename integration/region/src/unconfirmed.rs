//! Refusals that EC2 surely gives, in a code and words that no source confirms. They are kept apart so that whoever meets the
//! real ones knows what to change, and that no scenario is built on their text.

use crate::error::ApiError;

impl ApiError {
    pub(crate) fn no_ipv6_block() -> Self {
        Self::invalid_value("The specified subnet does not have an IPv6 CIDR block.")
    }

    pub(crate) fn ipv6_limit() -> Self {
        Self::new("PrivateIpAddressLimitExceeded", "Number of IPv6 addresses will exceed limit.")
    }
}
