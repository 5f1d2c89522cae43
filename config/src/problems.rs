//! What can be wrong with the settings, what is only worth a warning, and where a value comes from. Each names the key or
//! variable, the value as it was written (shortened, control characters escaped) and what would be right.

use std::fmt;
use std::path::PathBuf;

use crate::shown::{shown, shown_name};

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Provenance {
    /// `defaults.toml`, or for a setting without default: nowhere.
    Default,
    /// The file at this path.
    File(PathBuf),
    /// This variable.
    Environment(String),
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file:{}", shown_name(&path.to_string_lossy())),
            Self::Environment(name) => write!(f, "env:{}", shown_name(name)),
        }
    }
}

/// One thing that is wrong. Its text is one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A value that is not what the setting takes.
    #[error("{key} ({from}): {} is not {expected}", shown(value))]
    Value {
        /// The setting.
        key: String,
        /// Where the value is.
        from: Provenance,
        /// The value.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// A value that asks for what does not exist yet.
    #[error("{}={} is refused: {why}", shown_name(name), shown(value))]
    Unsupported {
        /// The key or variable.
        name: String,
        /// The value.
        value: String,
        /// What does not exist.
        why: &'static str,
    },
    /// A key of the file that is no setting.
    #[error("{} ({from}): no such setting{}", shown_name(key), hint(suggestion.as_deref()))]
    UnknownKey {
        /// The key.
        key: String,
        /// The file.
        from: Provenance,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// A variable that begins with `ENID_` and is no setting.
    #[error("{}={}: no such setting{}", shown_name(name), shown(value), hint(suggestion.as_deref()))]
    UnknownVariable {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// The file cannot be read as TOML.
    #[error("{from}: not valid TOML at line {line}: {reason}")]
    Toml {
        /// The file.
        from: Provenance,
        /// Where, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// The file is larger than any settings are.
    #[error("{from}: {bytes} bytes, and at most {bytes_max} are read")]
    FileTooLarge {
        /// The file.
        from: Provenance,
        /// Its size.
        bytes: usize,
        /// The bound.
        bytes_max: usize,
    },
    /// Two settings that exclude each other.
    #[error("{first} ({first_from}) and {second} ({second_from}) are both {}: {why}", shown(value))]
    Clash {
        /// One.
        first: &'static str,
        /// Where its value is from.
        first_from: Provenance,
        /// The other.
        second: &'static str,
        /// Where its value is from.
        second_from: Provenance,
        /// What both are.
        value: String,
        /// Why that cannot be.
        why: &'static str,
    },
    /// The table and the typed settings do not agree: a mistake of ours, not of the operator.
    #[error("the settings table does not fit the settings: {detail}")]
    Internal {
        /// What does not fit.
        detail: String,
    },
}

/// Something that is not as it was asked for, and does not keep the node from working.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A variable that cannot be read is absent: the layer below counts.
    Ignored {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// One part of a list is left out.
    PartIgnored {
        /// The variable.
        name: String,
        /// The part.
        part: String,
        /// Why.
        why: String,
    },
    /// A value that is taken and not in force.
    NotInForce {
        /// The key or variable.
        name: String,
        /// The value.
        value: String,
        /// Why not.
        why: &'static str,
    },
    /// A variable that looks like one of the peer's and is none.
    UnknownVariable {
        /// The variable.
        name: String,
        /// What may have been meant.
        suggestion: Option<String>,
    },
    /// Values that are legal and unlikely to be meant.
    Doubtful {
        /// The setting.
        key: &'static str,
        /// What is odd.
        why: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ignored { name, value, expected } => {
                write!(f, "{}={} is ignored: it is not {expected}", shown_name(name), shown(value))
            }
            Self::PartIgnored { name, part, why } => {
                write!(f, "{}: {} is left out: {why}", shown_name(name), shown(part))
            }
            Self::NotInForce { name, value, why } => {
                write!(f, "{}={} is not in force: {why}", shown_name(name), shown(value))
            }
            Self::UnknownVariable { name, suggestion } => {
                write!(f, "{} is not known{}", shown_name(name), hint(suggestion.as_deref()))
            }
            Self::Doubtful { key, why } => write!(f, "{key}: {why}"),
        }
    }
}

/// Everything that is wrong, never empty. Its text is one line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        debug_assert!(!problems.is_empty());
        Self(problems)
    }

    /// One by one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

fn hint(suggestion: Option<&str>) -> String {
    suggestion.map_or_else(String::new, |s| format!("; did you mean {s}?"))
}
