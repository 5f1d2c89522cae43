//! Parameters of a call, checked against the action's table before the action sees them: names, indices, kinds, presence,
//! repetition. It knows the shape of names, never what they mean.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;
use std::time::Duration;

use crate::error::ApiError;
use crate::knobs::PageKnobs;

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    /// Not negative: EC2 has no use for other integers in these calls.
    Integer,
    Boolean,
}

/// What the table says about presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Optional,
    Required,
    /// EC2 has it, this region does not: refused by name.
    NotSimulated,
}

/// One row of an action's table. `N` stands for an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Param {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
}

/// Parameters that passed, or one element of a list of structures; and what pages of the answer are to be like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Params(Vec<(String, String)>, Paging);

/// What pages are like when this call is made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) now: Duration,
    pub(crate) knobs: PageKnobs,
}

pub(crate) const fn text(name: &'static str) -> Param {
    Param { name, kind: Kind::Text, need: Need::Optional }
}

pub(crate) const fn integer(name: &'static str) -> Param {
    Param { name, kind: Kind::Integer, need: Need::Optional }
}

pub(crate) const fn boolean(name: &'static str) -> Param {
    Param { name, kind: Kind::Boolean, need: Need::Optional }
}

pub(crate) const fn not_simulated(name: &'static str) -> Param {
    Param { name, kind: Kind::Text, need: Need::NotSimulated }
}

/// The row of every action that can be tried without being done.
pub(crate) const DRY_RUN: Param = boolean("DryRun");

/// Checks everything but `Action` and `Version` against a table.
pub(crate) fn check(table: &[Param], asked: &[(String, String)]) -> Result<Params, ApiError> {
    let mut seen = BTreeSet::new();
    let mut passed = Vec::new();
    for (name, value) in asked.iter().filter(|(name, _)| name != "Action" && name != "Version") {
        let row = row(table, name).ok_or_else(|| ApiError::unknown_parameter(name))?;
        if row.need == Need::NotSimulated {
            return Err(ApiError::not_simulated(&format!("the parameter {name}")));
        }
        if !seen.insert(name) {
            let message = format!("The parameter {name} may only be specified once");
            return Err(ApiError::new("InvalidQueryParameter", message));
        }
        check_kind(row, name, value)?;
        passed.push((name.clone(), value.clone()));
    }
    for required in table.iter().filter(|row| row.need == Need::Required) {
        if !passed.iter().any(|(name, _)| shape(name).as_deref() == Some(required.name)) {
            return Err(ApiError::missing(required.name.trim_end_matches(".N")));
        }
    }
    Ok(Params(passed, Paging::default()))
}

fn row(table: &[Param], name: &str) -> Option<Param> {
    let shape = shape(name)?;
    table.iter().find(|row| row.name == shape).copied()
}

/// `Filter.2.Value.1` has the shape `Filter.N.Value.N`. An index from 1 on, without leading zeros; else there is no shape.
fn shape(name: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.split('.') {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            part.parse::<u32>().ok().filter(|index| *index > 0 && !part.starts_with('0'))?;
            parts.push("N");
        } else if part == "N" {
            return None;
        } else {
            parts.push(part);
        }
    }
    Some(parts.join("."))
}

fn check_kind(row: Param, name: &str, value: &str) -> Result<(), ApiError> {
    let good = match row.kind {
        Kind::Text => true,
        Kind::Integer => value.parse::<u32>().is_ok(),
        Kind::Boolean => value == "true" || value == "false",
    };
    if good {
        Ok(())
    } else {
        Err(ApiError::invalid_value(format!("Value ({value}) for parameter {name} is invalid.")))
    }
}

// === impl Param ===

impl Param {
    pub(crate) const fn required(mut self) -> Self {
        self.need = Need::Required;
        self
    }
}

// === impl Params ===

impl Params {
    pub(crate) fn paged(mut self, paging: Paging) -> Self {
        self.1 = paging;
        self
    }

    pub(crate) fn paging(&self) -> &Paging {
        &self.1
    }

    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A parameter without which the call makes no sense.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.text(name).ok_or_else(|| ApiError::missing(name))
    }

    pub(crate) fn integer(&self, name: &str) -> Option<u32> {
        self.text(name)?.parse().ok()
    }

    pub(crate) fn boolean(&self, name: &str) -> Option<bool> {
        self.text(name).map(|value| value == "true")
    }

    /// `prefix.1`, `prefix.2` … in the order of their indices.
    pub(crate) fn list(&self, prefix: &str) -> Vec<&str> {
        let indexed = self.0.iter().filter_map(|(name, value)| {
            let index = name.strip_prefix(prefix)?.strip_prefix('.')?.parse::<u32>().ok()?;
            Some((index, value.as_str()))
        });
        indexed.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// `prefix.1.…`, `prefix.2.…` in the order of their indices, each without its prefix.
    pub(crate) fn records(&self, prefix: &str) -> Vec<Params> {
        let mut records: BTreeMap<u32, Params> = BTreeMap::new();
        for (name, value) in &self.0 {
            let Some(rest) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            let Some((index, member)) = rest.split_once('.') else {
                continue;
            };
            if let Ok(index) = index.parse() {
                records.entry(index).or_default().0.push((member.to_owned(), value.clone()));
            }
        }
        records.into_values().collect()
    }

    /// All of it but the names given, sorted: what makes two calls the same.
    pub(crate) fn without(&self, names: &[&str]) -> Vec<(String, String)> {
        let mut rest: Vec<_> =
            self.0.iter().filter(|(name, _)| !names.contains(&name.as_str())).cloned().collect();
        rest.sort();
        rest
    }
}

/// An address or prefix out of a parameter; `what` is its kind, for the refusal (`IPv4 address`).
pub(crate) fn parsed<T: FromStr>(value: &str, what: &str) -> Result<T, ApiError> {
    value.parse().map_err(|_| ApiError::invalid_value(format!("Invalid {what}: {value}")))
}
