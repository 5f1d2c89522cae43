//! From the text of a file to types: what the file says wrong is told with its line, and an unknown key with the known one that
//! is closest to it. Pure.

use anyhow::{Error, Result, anyhow};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

/// What serde says about a key that a type does not have, and in front of those that it has.
const UNKNOWN: [&str; 2] = ["unknown field `", "unknown variant `"];

/// The text of a file; spans point into it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'i> {
    text: &'i str,
}

impl<'i> Document<'i> {
    pub(crate) fn new(text: &'i str) -> Self {
        Self { text }
    }

    /// Its tables, not yet understood.
    pub(crate) fn parse(self) -> Result<Spanned<DeTable<'i>>> {
        DeTable::parse(self.text).map_err(|error| self.wrong(&error))
    }

    /// A table as a type.
    pub(crate) fn read<T: Deserialize<'i>>(self, table: Spanned<DeTable<'i>>) -> Result<T> {
        T::deserialize(Deserializer::from(table)).map_err(|error| self.wrong(&error))
    }

    /// The error, with its line.
    pub(crate) fn wrong(self, error: &toml::de::Error) -> Error {
        let message = explained(error.message().trim_end());
        match error.span() {
            Some(span) => self.at(&span, &message),
            None => anyhow!(message),
        }
    }

    /// These words, with the line that the span begins in.
    pub(crate) fn at(self, span: &Range<usize>, words: &str) -> Error {
        anyhow!("line {}: {words}", self.line(span))
    }

    /// The line that the span begins in, from 1.
    pub(crate) fn line(self, span: &Range<usize>) -> usize {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }
}

/// Takes the tables of `[[key]]` out of a table.
pub(crate) fn take_tables<'i>(
    document: Document<'i>,
    table: &mut DeTable<'i>,
    key: &str,
) -> Result<Vec<Spanned<DeTable<'i>>>> {
    let Some(value) = table.remove(key) else {
        return Ok(Vec::new());
    };
    let span = value.span();
    let DeValue::Array(items) = value.into_inner() else {
        return Err(document.at(&span, &format!("`{key}` is an array of tables: write [[{key}]]")));
    };
    let each = items.into_iter().map(|item| {
        let span = item.span();
        match item.into_inner() {
            DeValue::Table(table) => Ok(Spanned::new(span, table)),
            _ => Err(document.at(&span, &format!("`{key}` is an array of tables: write [[{key}]]"))),
        }
    });
    each.collect()
}

/// serde's words about an unknown key, as this language says them; other words as they are.
fn explained(message: &str) -> String {
    let Some(rest) = UNKNOWN.iter().find_map(|start| message.strip_prefix(start)) else {
        return message.to_owned();
    };
    let Some((unknown, rest)) = rest.split_once('`') else {
        return message.to_owned();
    };
    let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
    let what = if message.starts_with("unknown field") { "key" } else { "word" };
    unknown_word(what, unknown, &known)
}

/// ``unknown key `reech`: did you mean `reach`? (known here: …)``
pub(crate) fn unknown_word(what: &str, unknown: &str, known: &[&str]) -> String {
    let meant = config::closest(unknown, known.iter().copied())
        .map(|name| format!(": did you mean `{name}`?"))
        .unwrap_or_default();
    format!("unknown {what} `{unknown}`{meant} (known here: {})", known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Probe {
        #[expect(dead_code, reason = "what is read does not matter here")]
        reach: String,
    }

    fn error(text: &str) -> String {
        let document = Document::new(text);
        let read = document.parse().and_then(|table| document.read::<Probe>(table));
        read.unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_told_with_its_line_and_the_closest_known_one() {
        assert_eq!(
            error("reach = \"x\"\n\nreech = 1\n"),
            "line 3: unknown key `reech`: did you mean `reach`? (known here: reach)"
        );
        assert_eq!(error("colour = 1\n"), "line 1: unknown key `colour` (known here: reach)");
    }

    #[test]
    fn other_mistakes_have_their_line_too() {
        assert!(error("\nreach = 1\n").starts_with("line 2: invalid type: integer"));
        assert!(error("\n\nreach = \n").starts_with("line 3: "));
        assert_eq!(error(""), "line 1: missing field `reach`");
    }
}
