//! A number that must be seen: exactly one, or one within bounds. Pure.

use serde::de::{Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, de};
use std::fmt;

/// `3`, `{ min = 1 }`, `{ max = 4 }`, `{ min = 1, max = 4 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// At least.
    pub min: u64,
    /// At most; `None` is no bound.
    pub max: Option<u64>,
}

/// The keys of a count with bounds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Bounds {
    min: Option<u64>,
    max: Option<u64>,
}

impl Count {
    /// Exactly this.
    #[must_use]
    pub const fn exactly(count: u64) -> Self {
        Self { min: count, max: Some(count) }
    }

    /// Does this number fit?
    #[must_use]
    pub fn fits(self, seen: u64) -> bool {
        seen >= self.min && self.max.is_none_or(|max| seen <= max)
    }

    /// Would it fit if nothing at all had happened?
    #[must_use]
    pub fn allows_nothing(self) -> bool {
        self.fits(0)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (min, Some(max)) if min == max => write!(f, "{min}"),
            (0, Some(max)) => write!(f, "at most {max}"),
            (min, Some(max)) => write!(f, "{min} to {max}"),
            (min, None) => write!(f, "at least {min}"),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CountVisitor)
    }
}

struct CountVisitor;

impl<'de> Visitor<'de> for CountVisitor {
    type Value = Count;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or { min = …, max = … }")
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Count, E> {
        Ok(Count::exactly(count))
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Count, E> {
        u64::try_from(count).map(Count::exactly).map_err(|_| E::custom("a count is not negative"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Count, A::Error> {
        let bounds = Bounds::deserialize(MapAccessDeserializer::new(map))?;
        let min = bounds.min.unwrap_or_default();
        match bounds.max {
            None if bounds.min.is_none() => Err(de::Error::custom("give min, max, or both")),
            Some(max) if max < min => Err(de::Error::custom("max is less than min: nothing fits")),
            None if min == 0 => Err(de::Error::custom("min = 0 alone fits everything")),
            max => Ok(Count { min, max }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn count(text: &str) -> Result<Count, String> {
        let read = toml::from_str::<BTreeMap<String, Count>>(&format!("n = {text}"));
        read.map(|mut all| all.remove("n").unwrap()).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_count_is_exact_or_within_bounds() {
        for (text, fits, not, shown) in [
            ("3", 3, 4, "3"),
            ("{ min = 2 }", 9, 1, "at least 2"),
            ("{ max = 2 }", 0, 3, "at most 2"),
            ("{ min = 1, max = 4 }", 4, 5, "1 to 4"),
        ] {
            let count = count(text).unwrap();
            assert!(count.fits(fits) && !count.fits(not), "{text}");
            assert_eq!(count.to_string(), shown);
        }
    }

    #[test]
    fn a_count_that_says_nothing_or_the_impossible_is_refused() {
        for (text, reason) in [
            ("-1", "not negative"),
            ("{}", "min, max"),
            ("{ min = 3, max = 2 }", "nothing fits"),
            ("{ min = 0 }", "fits everything"),
            ("{ mix = 3 }", "unknown field `mix`"),
            ("\"3\"", "a number"),
        ] {
            let error = count(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
