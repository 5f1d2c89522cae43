//! What `deploy/` says, held against what it is about: the settings, the sources, and the confinement that the scenarios run
//! the daemon in. Whether an image can be built of it is for `integration/flows` to show.

mod iam;
mod image;
mod manifest;

use crate::tree::Tree;

const SETTINGS: &str = "config/README.md";

/// What is broken in the files of `deploy/`.
#[must_use]
pub fn broken(tree: &Tree) -> Vec<String> {
    let mut found = manifest::broken(tree);
    found.extend(image::broken(tree));
    found.extend(iam::broken(tree));
    found
}

/// A setting, as the table of `config/README.md` has it (another test holds that table to the code).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting<'a> {
    key: &'a str,
    variable: &'a str,
    /// What it takes, in words.
    value: &'a str,
    /// Without its quotes.
    default: &'a str,
}

fn settings(tree: &Tree) -> Vec<Setting<'_>> {
    let rows = tree.text(SETTINGS).unwrap_or_default().lines().filter(|line| line.starts_with("| `"));
    rows.filter_map(|row| {
        let mut cells = row.split('|').skip(1).map(str::trim);
        let (key, variable, value, default) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let key = ticked(key).filter(|key| key.contains('.'))?;
        Some(Setting { key, variable: ticked(variable)?, value, default: default.trim_matches(['`', '"']) })
    })
    .collect()
}

/// What stands between the first two backticks.
fn ticked(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

/// The version of everything here.
fn version(tree: &Tree) -> Option<String> {
    let manifest: toml::Table = tree.text("Cargo.toml")?.parse().ok()?;
    let version = manifest.get("workspace")?.get("package")?.get("version")?;
    version.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_read_from_its_row_and_other_tables_hold_none() {
        let tree = Tree::of(&[(
            SETTINGS,
            "| Key | Variable |\n|---|---|\n\
             | `daemon.metrics` | `DISABLE_METRICS` (the opposite) | `true` or `false` | `true` | Whether. |\n\
             | `node.name` | `MY_NODE_NAME` | a name | – | Name. |\n| `ENABLE_IPv6` | refused | no |\n",
        )]);
        let keys: Vec<(&str, &str, &str)> =
            settings(&tree).iter().map(|it| (it.key, it.variable, it.default)).collect();
        assert_eq!(keys, [("daemon.metrics", "DISABLE_METRICS", "true"), ("node.name", "MY_NODE_NAME", "–")]);
    }
}
