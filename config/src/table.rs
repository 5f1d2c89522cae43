//! The settings table: what can be set, by which names, read how, within which range. Everything else in this crate, the
//! README included, follows it. Default values are not here but in `defaults.toml`.

mod rows;

pub use rows::SETTINGS;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// `section.name`, in TOML and in every message.
    pub key: &'static str,
    /// The environment variable: the peer's if it has one, else `ENID_` and the key.
    pub variable: &'static str,
    /// What the value is.
    pub kind: Kind,
    /// How the variable's text is taken when it is empty or cannot be read.
    pub reading: Reading,
    /// What it does, in one sentence; for a setting without default also what its absence means.
    pub meaning: &'static str,
    /// Whether every value is in force.
    pub standing: Standing,
}

/// What a value is, and its range.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// `true` or `false`; in the environment what Go's ParseBool takes.
    Switch {
        /// The variable says the opposite of the key (`DISABLE_METRICS` and `metrics`).
        inverted: bool,
    },
    /// A whole number.
    Number(Range),
    /// A bit mask; in the environment with the bases of Go (`0x80`, `0o200`, `0b1000_0000`).
    Mark,
    /// One of some words.
    Choice {
        /// The words, and what each stands for.
        words: &'static [(&'static str, &'static str)],
        /// Capitals do not matter.
        any_case: bool,
    },
    /// A name of at most 253 characters.
    Name,
    /// 1 to 4 letters, digits, `-`, `_` or `.`, and not `eth`, `lo` or `vlan`.
    VethPrefix,
    /// An absolute path.
    Path {
        /// Longest, in bytes.
        bytes_max: usize,
    },
    /// An address and a port to listen on.
    Listen,
    /// IPv4 CIDRs: an array, in the environment separated by commas.
    Cidrs,
    /// Tags: a table, in the environment a JSON object.
    Tags,
}

/// The range of a number.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// Least.
    pub minimum: u32,
    /// Least in the environment, where the peer draws the line.
    pub minimum_of_peer: u32,
    /// Most.
    pub maximum: u32,
    /// 0 stands for "not set".
    pub zero_is_unset: bool,
    /// In words, empty if it counts things.
    pub unit: &'static str,
}

/// How the environment's text is taken when it is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// What an empty variable is.
    pub empty: Empty,
    /// What an unreadable variable is.
    pub unreadable: Unreadable,
}

/// What an empty variable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Empty {
    /// The same as none.
    Absent,
    /// A value that cannot be read.
    Unreadable,
}

/// What a variable is that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// Absent, with a warning: the layer below counts. The peer goes on with its default.
    Tolerated,
    /// An error: so it is to the peer.
    Refused,
}

/// Whether every value of a setting is in force.
#[derive(Debug, Clone, Copy)]
pub enum Standing {
    /// Every value is.
    InForce,
    /// Only this value is; any other asks for what does not exist yet.
    Only {
        /// The value, as it is explained.
        value: &'static str,
        /// What does not exist.
        otherwise: &'static str,
    },
    /// Any value but this one is taken with a warning.
    WarnedUnless {
        /// The value, as it is explained.
        value: &'static str,
        /// What is not in force.
        otherwise: &'static str,
    },
    /// A build for shipping refuses every value, and says this.
    NotShipped(&'static str),
}

/// The peer's GetBoolAsStringEnvVar, and its integers with a default.
pub(crate) const TOLERANT: Reading = Reading { empty: Empty::Unreadable, unreadable: Unreadable::Tolerated };
/// The peer's parseBoolEnvVar, and its strings where empty is the default.
pub(crate) const TOLERANT_OR_EMPTY: Reading =
    Reading { empty: Empty::Absent, unreadable: Unreadable::Tolerated };
/// What the peer's entrypoint refuses, and our own variables.
pub(crate) const STRICT: Reading = Reading { empty: Empty::Unreadable, unreadable: Unreadable::Refused };
/// Names that may be there empty.
pub(crate) const STRICT_OR_EMPTY: Reading = Reading { empty: Empty::Absent, unreadable: Unreadable::Refused };
