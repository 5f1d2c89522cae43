//! "Did you mean …?": the known name that is closest to an unknown one, if one is close.

use crate::peer::PEER_VARIABLES;
use crate::table::SETTINGS;

/// Longer names are not compared: nobody mistypes them, and the comparison is quadratic.
const CHARACTERS_MAX: usize = 80;

/// The setting that an unknown key of the file may have meant.
pub(crate) fn key(unknown: &str) -> Option<String> {
    let by_variable = SETTINGS.iter().find(|row| row.variable.eq_ignore_ascii_case(unknown));
    let last = unknown.rsplit('.').next().unwrap_or(unknown);
    let by_name = SETTINGS.iter().find(|row| row.key.rsplit('.').next() == Some(last));
    by_variable
        .or(by_name)
        .map(|row| row.key)
        .or_else(|| closest(unknown, SETTINGS.iter().map(|row| row.key)))
        .or_else(|| {
            closest(last, SETTINGS.iter().filter_map(|row| row.key.rsplit('.').next())).and_then(full_key)
        })
        .map(str::to_owned)
}

/// The variable that an unknown one may have meant.
pub(crate) fn variable(unknown: &str) -> Option<String> {
    let bare = unknown.strip_prefix("ENID_").unwrap_or(unknown);
    let by_key = SETTINGS.iter().find(|row| {
        row.variable == bare
            || row.key.replace('.', "_").eq_ignore_ascii_case(bare)
            || row.key.rsplit('.').next().is_some_and(|last| last.eq_ignore_ascii_case(bare))
    });
    let known =
        || SETTINGS.iter().map(|row| row.variable).chain(PEER_VARIABLES.iter().map(|variable| variable.name));
    by_key
        .map(|row| row.variable)
        .or_else(|| closest(unknown, known()))
        .or_else(|| closest(bare, known()))
        .map(str::to_owned)
}

fn full_key(last: &str) -> Option<&'static str> {
    SETTINGS.iter().map(|row| row.key).find(|key| key.rsplit('.').next() == Some(last))
}

/// The known name that an unknown one may have meant: at most one edit for each four characters, and at most three.
#[must_use]
pub fn closest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = unknown.chars().count();
    if length > CHARACTERS_MAX {
        return None;
    }
    let bound = (length / 4).min(3);
    known
        .map(|name| (distance(&unknown.to_ascii_lowercase(), &name.to_ascii_lowercase()), name))
        .filter(|(edits, _)| *edits <= bound)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, name)| name)
}

/// Levenshtein's: insertions, deletions and replacements that lead from one to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, f) in from.chars().enumerate() {
        let mut left = i + 1;
        let mut next = vec![left];
        for (t, pair) in to.iter().zip(row.windows(2)) {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(f != *t)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (from, to, edits) in
            [("", "", 0), ("abc", "abc", 0), ("abc", "axc", 1), ("", "abc", 3), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }

    #[test]
    fn a_typo_a_wrong_section_and_a_variables_name_are_recognised() {
        for (unknown, meant) in [
            ("pool.warm_ip_targt", Some("pool.warm_ip_target")),
            ("node.warm_ip_target", Some("pool.warm_ip_target")),
            ("warm_ip_targets", Some("pool.warm_ip_target")),
            ("WARM_IP_TARGET", Some("pool.warm_ip_target")),
            ("quite.something_else", None),
        ] {
            assert_eq!(key(unknown).as_deref(), meant, "{unknown}");
        }
        for (unknown, meant) in [
            ("ENID_WARM_IP_TARGET", Some("WARM_IP_TARGET")),
            ("ENID_POOL_WARM_IP_TARGET", Some("WARM_IP_TARGET")),
            ("ENID_DAEMON_SOCKET_PAHT", Some("ENID_DAEMON_SOCKET_PATH")),
            ("ENID_SOCKET_PATH", Some("ENID_DAEMON_SOCKET_PATH")),
            ("AWS_VPC_K8S_CNI_EXTERNAL_SNAT", Some("AWS_VPC_K8S_CNI_EXTERNALSNAT")),
            ("ENID_NOTHING_LIKE_IT", None),
        ] {
            assert_eq!(variable(unknown).as_deref(), meant, "{unknown}");
        }
    }
}
