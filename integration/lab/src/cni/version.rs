//! Versions of the specification, compared as libcni compares them.

use anyhow::{Context, Result, ensure};
use std::fmt;
use std::str::FromStr;

/// The newest that current libcni implements.
pub(super) const NEWEST: Version = Version([1, 1, 0]);

/// From here on CHECK exists, and DEL gets the cached result.
pub(super) const CHECK_SINCE: Version = Version([0, 4, 0]);

/// From here on GC and STATUS exist.
pub(super) const STATUS_SINCE: Version = Version([1, 1, 0]);

/// From here on an address in a result does not say its family any more.
pub(super) const FAMILY_UNTIL: Version = Version([1, 0, 0]);

/// Below this a result has another shape altogether.
pub(super) const INTERFACES_SINCE: Version = Version([0, 3, 0]);

/// `major.minor.micro`; absent (empty) means 0.1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version([u32; 3]);

impl FromStr for Version {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.is_empty() {
            return Ok(Self([0, 1, 0]));
        }
        let mut numbers = [0; 3];
        let mut parts = text.split('.');
        for (index, number) in numbers.iter_mut().enumerate() {
            let Some(part) = parts.next() else {
                ensure!(index > 0, "{text} is no CNI version");
                break; // `1` and `1.1` are versions to libcni
            };
            *number = part.parse().with_context(|| format!("{text} is no CNI version"))?;
        }
        ensure!(parts.next().is_none(), "{text} is no CNI version: it has more than three parts");
        Ok(Self(numbers))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, micro] = self.0;
        write!(f, "{major}.{minor}.{micro}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_number_and_nothing_is_the_first() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("0.10.0") > version("0.4.0") && version("1.0.0") < NEWEST);
        assert_eq!(version("").to_string(), "0.1.0");
        assert_eq!(version("1.1"), NEWEST);
        for wrong in ["x", "1.0.0.0", "1..0", "1.0.0-rc1", "."] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}
