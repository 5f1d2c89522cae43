//! What the lab reads in a daemon's `/metrics`. Pure.

use std::collections::BTreeMap;

/// Free addresses, if the daemon tells.
#[must_use]
pub(crate) fn free_addresses(page: &str) -> Option<u64> {
    addresses(page, "free")
}

/// Addresses that leases hold, if the daemon tells.
#[must_use]
pub(crate) fn leased_addresses(page: &str) -> Option<u64> {
    addresses(page, "leased")
}

/// Addresses that rest after use, if the daemon tells.
#[must_use]
pub(crate) fn resting_addresses(page: &str) -> Option<u64> {
    addresses(page, "cooling")
}

fn addresses(page: &str, state: &str) -> Option<u64> {
    let label = format!("state=\"{state}\"");
    samples(page, "enid_addresses").find(|(labels, _)| labels.contains(&label)).map(|(_, value)| value)
}

/// ADDs in the waiting line, if the daemon tells.
#[must_use]
pub(crate) fn waiting(page: &str) -> Option<u64> {
    page.lines().find_map(|line| line.strip_prefix("enid_waiting_adds ")?.trim().parse().ok())
}

/// How often each actor of this daemon was restarted.
#[must_use]
pub(crate) fn restarts(page: &str) -> BTreeMap<String, u64> {
    by_label(page, "enid_child_incarnation", "child", |sum, life| sum + life.saturating_sub(1))
}

/// ADDs and DELs by what they were answered with.
#[must_use]
pub(crate) fn answers(page: &str) -> BTreeMap<String, u64> {
    by_label(page, "enid_answers_total", "outcome", |sum, many| sum + many)
}

fn by_label(page: &str, name: &str, label: &str, fold: fn(u64, u64) -> u64) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for (labels, value) in samples(page, name) {
        let start = format!("{label}=\"");
        let told = labels.split_once(&start).and_then(|(_, rest)| rest.split('"').next());
        if let Some(told) = told {
            let sum = found.entry(told.to_owned()).or_default();
            *sum = fold(*sum, value);
        }
    }
    found
}

/// The lines of one metric: labels and value.
fn samples<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
    page.lines().filter_map(move |line| {
        let (labels, value) = line.strip_prefix(name)?.strip_prefix('{')?.split_once("} ")?;
        Some((labels, value.trim().parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# TYPE enid_addresses gauge\n\
        enid_addresses{state=\"leased\"} 2\nenid_addresses{state=\"free\"} 7\nenid_addresses{state=\"cooling\"} 3\n\
        enid_child_incarnation{child=\"warm-pool\"} 3\nenid_child_incarnation{child=\"eni-manager\"} 1\n\
        enid_answers_total{verb=\"ADD\",outcome=\"ok\"} 4\nenid_answers_total{verb=\"DEL\",outcome=\"ok\"} 1\n\
        enid_answers_total{verb=\"ADD\",outcome=\"PoolEmpty\"} 2\n";

    #[test]
    fn a_page_is_read_by_name_and_label() {
        assert_eq!((free_addresses(PAGE), leased_addresses(PAGE)), (Some(7), Some(2)));
        assert_eq!(resting_addresses(PAGE), Some(3));
        assert_eq!(free_addresses("enid_addresses_more{state=\"free\"} 1\n"), None);
        let restarts = restarts(PAGE);
        assert_eq!((restarts["warm-pool"], restarts["eni-manager"]), (2, 0));
        let answers = answers(PAGE);
        assert_eq!((answers["ok"], answers["PoolEmpty"]), (5, 2));
    }
}
