//! Durations, and what is said of them. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

/// What was measured of one thing, sample by sample.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    nanoseconds: Vec<u64>,
    parts: BTreeMap<String, Vec<u64>>,
}

impl Samples {
    pub(super) fn add(&mut self, nanoseconds: u64, parts: &BTreeMap<String, u64>) {
        self.nanoseconds.push(nanoseconds);
        for (name, part) in parts {
            self.parts.entry(name.clone()).or_default().push(*part);
        }
    }

    pub(super) fn took(&mut self, took: Duration) {
        self.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), &BTreeMap::new());
    }

    pub(super) fn count(&self) -> usize {
        self.nanoseconds.len()
    }

    /// So many percent of them took at most this long, milliseconds.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        percentile(&self.nanoseconds, percent)
    }

    /// The halves of the parts, in words.
    pub(super) fn parts(&self) -> String {
        let halves = self.parts.iter().map(|(name, all)| format!("{name} {:.2}", percentile(all, 50)));
        halves.collect::<Vec<_>>().join(", ")
    }
}

fn percentile(nanoseconds: &[u64], percent: usize) -> f64 {
    let mut sorted = nanoseconds.to_vec();
    sorted.sort_unstable();
    // The nearest rank: the smallest that so many percent do not exceed.
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(0.0, |nanoseconds| milliseconds(*nanoseconds))
}

#[expect(clippy::cast_precision_loss, reason = "a duration that is no exact f64 is longer than a month")]
fn milliseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_sample_by_its_rank() {
        let mut samples = Samples::default();
        assert!(samples.percentile(50).abs() < f64::EPSILON);
        for milliseconds in [5, 1, 4, 2, 3] {
            let nanoseconds = milliseconds * 1_000_000;
            samples.add(nanoseconds, &[("half".to_owned(), nanoseconds / 2)].into());
        }
        let of = |percent| samples.percentile(percent);
        assert_eq!([of(1), of(50), of(99), of(100)], [1.0, 3.0, 5.0, 5.0]);
        assert_eq!(samples.parts(), "half 1.50");
        assert_eq!(samples.count(), 5);
    }
}
