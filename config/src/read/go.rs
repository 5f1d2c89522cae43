//! How Go reads a text, where Rust's own parsers differ: the agent we replace is written in Go, and a manifest that works
//! there must mean the same here.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// What `strconv.ParseBool` takes.
pub(crate) const BOOL_WORDS: &str = "1 t T TRUE true True 0 f F FALSE false False";

/// `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// `strconv.ParseInt(text, 0, 64)`: the base is told by `0x`, `0o`, `0b` or a leading `0`, and `_` may stand between digits.
pub(crate) fn parse_int_of_any_base(text: &str) -> Option<i64> {
    let (sign, rest) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let prefix = rest.get(..2).map(str::to_ascii_lowercase);
    let (base, digits) = match prefix.as_deref() {
        Some("0x") => (16, rest.get(2..)?),
        Some("0o") => (8, rest.get(2..)?),
        Some("0b") => (2, rest.get(2..)?),
        Some(other) if other.starts_with('0') => (8, rest.get(1..)?),
        _ => (10, rest),
    };
    // An underscore stands between digits, or between the prefix and the first digit.
    let digits = if base == 10 { digits } else { digits.strip_prefix('_').unwrap_or(digits) };
    if digits.starts_with(['_', '+', '-']) || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    i64::from_str_radix(&format!("{sign}{}", digits.replace('_', "")), base).ok()
}

/// `net.ParseCIDR`, IPv4 only, as the network it lies in.
pub(crate) fn parse_ipv4_cidr(text: &str) -> Option<Ipv4Net> {
    let (address, length) = text.split_once('/')?;
    if length.is_empty() || !length.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let address: Ipv4Addr = address.parse().ok()?;
    Ipv4Net::new(address, length.parse().ok()?).ok().map(|net| net.trunc())
}
