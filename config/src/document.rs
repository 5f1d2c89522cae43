//! The tables of the README, written from the tables of the code, so that they cannot disagree.

use std::fmt::Write;

use crate::load::DEFAULTS;
use crate::peer::{PEER_VARIABLES, Treatment};
use crate::read::expected;
use crate::table::{Kind, Row, SETTINGS, Standing};

/// Every setting, as a Markdown table.
#[must_use]
pub fn settings_table() -> String {
    let defaults: toml::Table = DEFAULTS.parse().unwrap_or_default();
    let mut out = String::from("| Key | Variable | Value | Default | Meaning |\n|---|---|---|---|---|\n");
    for row in SETTINGS {
        let default = row
            .key
            .split_once('.')
            .and_then(|(section, name)| defaults.get(section)?.get(name))
            .map_or_else(|| "–".to_owned(), |value| format!("`{}`", value.to_string().trim()));
        let (value, meaning) = (expected(&row.kind), meaning(row));
        let _ = writeln!(out, "| `{}` | {} | {value} | {default} | {meaning} |", row.key, variable(row));
    }
    out
}

/// The variables of the peer that are no setting, as a Markdown table.
#[must_use]
pub fn peer_table() -> String {
    let mut out = String::from("| Variable | What becomes of it | Why |\n|---|---|---|\n");
    for known in PEER_VARIABLES {
        let treatment = match known.treatment {
            Treatment::NoMeaning => "no meaning".to_owned(),
            Treatment::WarnedWhenSet => "a warning when set".to_owned(),
            Treatment::WarnedWhen(is) => format!("a warning when {is}"),
            Treatment::RefusedWhen(is, _) => format!("refused when {is}"),
            Treatment::RefusedWord(word) => format!("refused when `{word}`"),
        };
        let _ = writeln!(out, "| `{}` | {treatment} | {} |", known.name, known.why);
    }
    out
}

fn variable(row: &Row) -> String {
    match row.kind {
        Kind::Switch { inverted: true } => format!("`{}` (the opposite)", row.variable),
        _ => format!("`{}`", row.variable),
    }
}

fn meaning(row: &Row) -> String {
    match row.standing {
        Standing::InForce => row.meaning.to_owned(),
        Standing::Only { otherwise, .. } => format!("{} Refused: {otherwise}.", row.meaning),
        Standing::WarnedUnless { value, otherwise } => {
            format!("{} A warning unless `{value}`: {otherwise}.", row.meaning)
        }
        Standing::NotShipped(_) => format!("{} Refused by a build for shipping.", row.meaning),
    }
}
