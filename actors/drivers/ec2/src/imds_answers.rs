//! What the metadata service writes, as values. Pure: text in, value or problem out.

use contract::model::Mac;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::words::shortened;

/// A list longer than this is none: no instance has so many ENIs, no ENI so many addresses, no VPC so many blocks.
const LINES_MAX: usize = 2048;

/// One word: an id, a name, a type.
pub(crate) fn word(text: &str) -> Result<String, String> {
    let word = text.trim();
    if word.is_empty() {
        return Err("empty".to_owned());
    }
    if word.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | '/')) {
        return Err(format!("`{}` is not one word", shortened(word)));
    }
    Ok(shortened(word))
}

/// A device index or a network card.
pub(crate) fn number(text: &str) -> Result<u32, String> {
    parsed(text, "a number")
}

/// An address.
pub(crate) fn address(text: &str) -> Result<Ipv4Addr, String> {
    parsed(text, "an IPv4 address")
}

/// A block, by its network address.
pub(crate) fn block(text: &str) -> Result<Ipv4Net, String> {
    parsed::<Ipv4Net>(text, "an IPv4 block").map(|block| block.trunc())
}

/// A MAC; in lists the service writes it with a slash at its end.
pub(crate) fn mac(text: &str) -> Result<Mac, String> {
    parsed(text.trim().trim_end_matches('/'), "a MAC address")
}

/// One value per line; empty lines are none.
pub(crate) fn lines<T>(text: &str, value: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    if lines.len() > LINES_MAX {
        return Err(format!("more than {LINES_MAX} lines"));
    }
    lines.into_iter().map(value).collect()
}

/// The Region in the instance identity document.
pub(crate) fn region(document: &str) -> Result<String, String> {
    let document: serde_json::Value =
        serde_json::from_str(document).map_err(|error| format!("not JSON: {error}"))?;
    match document.get("region") {
        Some(serde_json::Value::String(region)) => {
            word(region).map_err(|problem| format!("region: {problem}"))
        }
        _ => Err("it has no region".to_owned()),
    }
}

fn parsed<T: FromStr>(text: &str, what: &str) -> Result<T, String> {
    let text = text.trim();
    text.parse().map_err(|_| format!("`{}` is not {what}", shortened(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_service_writes_is_read() {
        assert_eq!(word("i-0a1\n"), Ok("i-0a1".to_owned()));
        assert_eq!(number(" 2\n"), Ok(2));
        assert_eq!(block("10.0.1.7/24"), Ok("10.0.1.0/24".parse().unwrap()));
        assert_eq!(mac("02:00:00:00:00:01/").unwrap().to_string(), "02:00:00:00:00:01");
        assert_eq!(
            lines("10.0.0.1\n10.0.0.2\n", address),
            Ok(vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)])
        );
        assert_eq!(region(r#"{"a":null,"region":"eu-west-1"}"#), Ok("eu-west-1".to_owned()));
    }

    #[test]
    fn what_it_should_not_write_is_named() {
        for (problem, words) in [
            (word("").unwrap_err(), "empty"),
            (word("<html> x").unwrap_err(), "`<html> x` is not one word"),
            (number("-1").unwrap_err(), "`-1` is not a number"),
            (number("4294967296").unwrap_err(), "`4294967296` is not a number"),
            (address("10.0.0").unwrap_err(), "`10.0.0` is not an IPv4 address"),
            (block("10.0.0.0/33").unwrap_err(), "`10.0.0.0/33` is not an IPv4 block"),
            (mac("02:00").unwrap_err(), "`02:00` is not a MAC address"),
            (region("{").unwrap_err().chars().take(8).collect(), "not JSON"),
            (region("{}").unwrap_err(), "it has no region"),
            (region(r#"{"region":"a b"}"#).unwrap_err(), "region: `a b` is not one word"),
            (lines(&"1\n".repeat(3000), number).unwrap_err(), "more than 2048 lines"),
        ] {
            assert_eq!(problem, words);
        }
    }
}
