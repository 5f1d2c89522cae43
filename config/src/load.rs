//! Loading: the layers are read, stacked and judged, and every mistake of every layer is told at once.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use figment::Figment;
use figment::value::Value;

use crate::layers::{self, Findings};
use crate::problems::{ConfigErrors, Problem, Provenance, Warning};
use crate::rules::{self, Build};
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
        Self::load_in(Build::this(), file, environment)
    }

    fn load_in(
        build: Build,
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
        rules::standing(build, &provenance, &mut findings);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn with_fault_socket(build: Build, path: &str) -> Result<Option<PathBuf>, String> {
        let environment = [("ENID_FAULT_SOCKET".to_owned(), path.to_owned())];
        let loaded = Settings::load_in(build, None, environment).map_err(|errors| errors.to_string())?;
        Ok(loaded.settings.fault.socket)
    }

    #[test]
    fn a_build_for_shipping_refuses_the_fault_socket_by_name_and_one_for_tests_takes_it() {
        let path = "/var/run/aws-node/fault.sock";
        let refused = with_fault_socket(Build::ForShipping, path).unwrap_err();
        assert!(
            refused.starts_with("ENID_FAULT_SOCKET=\"/var/run/aws-node/fault.sock\" is refused"),
            "{refused}"
        );
        assert_eq!(with_fault_socket(Build::ForTests, path), Ok(Some(PathBuf::from(path))));
        let file = Some((PathBuf::from("enid.toml"), format!("[fault]\nsocket = {path:?}\n")));
        let refused = Settings::load_in(Build::ForShipping, file, []).unwrap_err().to_string();
        assert!(refused.starts_with("fault.socket="), "{refused}");
    }

    #[test]
    fn no_build_minds_the_fault_socket_that_is_not_asked_for() {
        for build in [Build::ForShipping, Build::ForTests] {
            assert_eq!(Settings::load_in(build, None, []).unwrap().settings.fault.socket, None);
        }
    }

    #[test]
    fn the_fault_socket_is_in_the_state_directory_and_nothing_elses() {
        for elsewhere in [
            "/tmp/fault.sock",
            "/var/run/aws-node/ipam.json",
            "/var/run/aws-node/deeper/fault.sock",
            "/var/run/aws-node/..",
        ] {
            let refused = with_fault_socket(Build::ForTests, elsewhere).unwrap_err();
            assert!(
                refused.contains("not directly in daemon.state_directory, \"/var/run/aws-node\""),
                "{refused}"
            );
        }
        let refused = with_fault_socket(Build::ForTests, "/var/run/aws-node/enid.sock").unwrap_err();
        assert!(refused.contains("daemon.socket_path (default) are both"), "{refused}");
    }
}
