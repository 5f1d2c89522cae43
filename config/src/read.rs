//! One raw value and what it means. Pure: a kind of the table and a text or a TOML value go in; a value in its one
//! canonical form, or what would have been right, comes out. The file is read strictly, the environment as the peer does.

pub(crate) mod go;
mod lists;

use std::net::SocketAddr;

use figment::value::{Empty, Tag, Value};

use crate::table::{Kind, Range};

/// Longest name: what Kubernetes allows for a node or a pod.
const NAME_CHARACTERS_MAX: usize = 253;
/// The peer's limit; the rest of an interface name is a hash.
const VETH_PREFIX_BYTES_MAX: usize = 4;

/// A value as it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'a> {
    /// In the environment.
    Text(&'a str),
    /// In the file or in the defaults.
    Toml(&'a toml::Value),
}

/// A value that was understood.
#[derive(Debug)]
pub(crate) struct Understood {
    /// In canonical form: what the typed settings are made of.
    pub(crate) value: Value,
    /// Parts of a list that the peer leaves out, and why.
    pub(crate) left_out: Vec<(String, String)>,
}

/// Why a value was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It cannot be read: the row says whether that is tolerated. Holds what would be right.
    Unreadable(String),
    /// It was understood, and we cannot take it. Holds what would be right.
    Refused(String),
}

impl<V: Into<Value>> From<V> for Understood {
    fn from(value: V) -> Self {
        Self { value: value.into(), left_out: Vec::new() }
    }
}

/// Reads one value.
pub(crate) fn read(kind: &Kind, raw: Raw<'_>) -> Result<Understood, Fault> {
    match *kind {
        Kind::Switch { inverted } => switch(inverted, raw),
        Kind::Number(range) => number(range, raw),
        Kind::Mark => mark(raw),
        Kind::Choice { words, any_case } => choice(words, any_case, raw),
        Kind::Name => name(raw),
        Kind::VethPrefix => veth_prefix(raw),
        Kind::Path { bytes_max } => path(bytes_max, raw),
        Kind::Listen => listen(raw),
        Kind::Cidrs => lists::cidrs(raw),
        Kind::Tags => lists::tags(raw),
    }
}

/// What a value of this kind looks like, for messages and for the README.
pub(crate) fn expected(kind: &Kind) -> String {
    match *kind {
        Kind::Switch { .. } => "`true` or `false`".to_owned(),
        Kind::Number(Range { minimum, maximum, unit: "", .. }) => {
            format!("a whole number from {minimum} to {maximum}")
        }
        Kind::Number(Range { minimum, maximum, unit, .. }) => {
            format!("a whole number of {unit} from {minimum} to {maximum}")
        }
        Kind::Mark => "a number from 1 to 4294967295".to_owned(),
        Kind::Choice { words, .. } => {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            format!("one of {}", words.join(", "))
        }
        Kind::Name => format!("a name of at most {NAME_CHARACTERS_MAX} characters without spaces"),
        Kind::VethPrefix => {
            "1 to 4 letters, digits, `-`, `_` or `.`, other than `eth`, `lo`, `vlan`".to_owned()
        }
        Kind::Path { bytes_max } => format!("an absolute path of at most {bytes_max} bytes"),
        Kind::Listen => "an IP address and a port, `127.0.0.1:61679`".to_owned(),
        Kind::Cidrs => "IPv4 CIDRs, `10.0.0.0/8`".to_owned(),
        Kind::Tags => "tags as keys and texts".to_owned(),
    }
}

fn switch(inverted: bool, raw: Raw<'_>) -> Result<Understood, Fault> {
    match raw {
        Raw::Text(text) => go::parse_bool(text)
            .map(|is| (is != inverted).into())
            .ok_or_else(|| Fault::Unreadable(format!("one of {}", go::BOOL_WORDS))),
        Raw::Toml(toml::Value::Boolean(is)) => Ok((*is).into()),
        Raw::Toml(_) => Err(Fault::Refused(expected(&Kind::Switch { inverted }))),
    }
}

fn number(range: Range, raw: Raw<'_>) -> Result<Understood, Fault> {
    let (written, minimum) = match raw {
        Raw::Text(text) => (text.parse::<i64>().ok(), range.minimum_of_peer),
        Raw::Toml(toml) => (toml.as_integer(), range.minimum),
    };
    let wanted = || expected(&Kind::Number(Range { minimum, ..range }));
    let written = written.ok_or_else(|| Fault::Unreadable(wanted()))?;
    if written < i64::from(minimum) {
        return Err(Fault::Unreadable(wanted()));
    }
    match u32::try_from(written) {
        Ok(0) if range.zero_is_unset => Ok(Value::Empty(Tag::Default, Empty::None).into()),
        Ok(number) if number <= range.maximum => Ok(number.into()),
        _ => Err(Fault::Refused(wanted())),
    }
}

fn mark(raw: Raw<'_>) -> Result<Understood, Fault> {
    let written = match raw {
        Raw::Text(text) => go::parse_int_of_any_base(text),
        Raw::Toml(toml) => toml.as_integer(),
    };
    match written.and_then(|mark| u32::try_from(mark).ok()) {
        Some(mark) if mark > 0 => Ok(mark.into()),
        _ => Err(Fault::Unreadable(expected(&Kind::Mark))),
    }
}

fn choice(
    words: &'static [(&'static str, &'static str)],
    any_case: bool,
    raw: Raw<'_>,
) -> Result<Understood, Fault> {
    text_of(raw)
        .and_then(|text| {
            words.iter().find(|(word, _)| *word == text || any_case && word.eq_ignore_ascii_case(text))
        })
        .map(|(_, meant)| (*meant).into())
        .ok_or_else(|| Fault::Unreadable(expected(&Kind::Choice { words, any_case })))
}

fn name(raw: Raw<'_>) -> Result<Understood, Fault> {
    text_of(raw)
        .filter(|text| {
            !text.is_empty()
                && text.chars().count() <= NAME_CHARACTERS_MAX
                && !text.chars().any(|c| c.is_control() || c.is_whitespace())
        })
        .map(Into::into)
        .ok_or_else(|| Fault::Refused(expected(&Kind::Name)))
}

fn veth_prefix(raw: Raw<'_>) -> Result<Understood, Fault> {
    text_of(raw)
        .filter(|text| {
            (1..=VETH_PREFIX_BYTES_MAX).contains(&text.len())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
                && !["eth", "lo", "vlan"].contains(text)
        })
        .map(Into::into)
        .ok_or_else(|| Fault::Refused(expected(&Kind::VethPrefix)))
}

fn path(bytes_max: usize, raw: Raw<'_>) -> Result<Understood, Fault> {
    text_of(raw)
        .filter(|text| {
            text.starts_with('/') && text.len() <= bytes_max && !text.chars().any(char::is_control)
        })
        .map(Into::into)
        .ok_or_else(|| Fault::Refused(expected(&Kind::Path { bytes_max })))
}

/// `127.0.0.1:61679`, `[::1]:61679`, and Go's `:61679` and `localhost:61679`. Port 0 is refused: nobody would find it.
fn listen(raw: Raw<'_>) -> Result<Understood, Fault> {
    let text = text_of(raw).unwrap_or_default();
    if text.starts_with("unix:") {
        return Err(Fault::Refused(format!(
            "{} (unix sockets are not supported yet)",
            expected(&Kind::Listen)
        )));
    }
    let full = match text.rsplit_once(':') {
        Some(("", port)) => format!("0.0.0.0:{port}"),
        Some(("localhost", port)) => format!("127.0.0.1:{port}"),
        _ => text.to_owned(),
    };
    match full.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(address.to_string().into()),
        _ => Err(Fault::Refused(expected(&Kind::Listen))),
    }
}

fn text_of(raw: Raw<'_>) -> Option<&str> {
    match raw {
        Raw::Text(text) => Some(text),
        Raw::Toml(toml) => toml.as_str(),
    }
}

#[cfg(test)]
#[path = "read/tests.rs"]
mod tests;
