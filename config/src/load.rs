//! Loading: the layers are read, stacked and judged, and every mistake of every layer is told at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use figment::Figment;
use figment::value::Value;

use crate::layers::{self, Findings};
use crate::problems::{ConfigErrors, Problem, Provenance, Warning};
use crate::rules;
use crate::settings::Settings;
use crate::shown::shown;
use crate::table::SETTINGS;

/// The lowest layer.
pub(crate) const DEFAULTS: &str = include_str!("../defaults.toml");

/// Settings that can be worked with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is not as it was asked for; to be logged.
    pub warnings: Vec<Warning>,
    /// Every setting of the table, in its order: what it is, and why.
    pub provenance: Vec<Explained>,
}

/// One setting explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// `section.name`
    pub key: &'static str,
    /// What it is, as text; `None` if it is not set.
    pub value: Option<String>,
    /// Where that is from.
    pub from: Provenance,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {} ({})", self.key, shown(value), self.from),
            None => write!(f, "{} is not set ({})", self.key, self.from),
        }
    }
}

impl Settings {
    /// Loads the settings from the defaults, a file (its path, for messages, and its text) and the environment.
    ///
    /// # Errors
    /// Everything that is wrong in any layer. A daemon must not start on it: it exits with 2.
    pub fn load(
        file: Option<(PathBuf, String)>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Loaded, ConfigErrors> {
        let mut findings = Findings::default();
        let variables: BTreeMap<String, String> = environment.into_iter().collect();

        let mut stack = Figment::from(layers::of_toml(&Provenance::Default, DEFAULTS, &mut findings));
        if let Some((path, text)) = file {
            stack = stack.merge(layers::of_toml(&Provenance::File(path), &text, &mut findings));
        }
        stack = stack.merge(layers::of_environment(&variables, &mut findings));

        let provenance = explain(&stack);
        rules::standing(&provenance, &mut findings);
        let settings = match stack.extract::<Settings>() {
            Ok(settings) => settings,
            Err(error) => {
                findings.problems.push(Problem::Internal { detail: error.to_string() });
                return Err(ConfigErrors::new(findings.problems));
            }
        };
        rules::together(&settings, &provenance, &mut findings);
        if findings.problems.is_empty() {
            Ok(Loaded { settings, warnings: findings.warnings, provenance })
        } else {
            Err(ConfigErrors::new(findings.problems))
        }
    }
}

fn explain(stack: &Figment) -> Vec<Explained> {
    SETTINGS
        .iter()
        .map(|row| {
            let found = stack.find_value(row.key).ok();
            let metadata = found.as_ref().and_then(|value| stack.get_metadata(value.tag()));
            Explained {
                key: row.key,
                from: layers::provenance(row, metadata),
                value: found.as_ref().and_then(as_text),
            }
        })
        .collect()
}

/// A canonical value as text: lists by commas, tags as `key=value`.
pub(crate) fn as_text(value: &Value) -> Option<String> {
    let joined = |values: &[Value], by: &str| values.iter().filter_map(as_text).collect::<Vec<_>>().join(by);
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Char(_, c) => Some(c.to_string()),
        Value::Bool(_, is) => Some(is.to_string()),
        Value::Num(_, number) => number.to_u128().map(|n| n.to_string()),
        Value::Array(_, parts) => Some(
            parts
                .iter()
                .filter_map(|part| match part {
                    Value::Array(_, pair) => Some(joined(pair, "=")),
                    other => as_text(other),
                })
                .collect::<Vec<_>>()
                .join(","),
        ),
        Value::Empty(..) | Value::Dict(..) => None,
    }
}
