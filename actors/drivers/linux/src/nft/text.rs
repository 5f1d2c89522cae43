//! The canonical text of an nft table: what nft lists as JSON, said in nft's own language, so that two tables mean the same
//! exactly when their texts are equal. Handles and counters are left out; what it does not know it keeps as JSON.
//!
//! One line each, as `name: words`: sets and other objects (`set vpc: …`), then, chain by chain in the order of their names,
//! the hook of a base chain (`pre: type nat hook prerouting priority -90; policy accept`) and its rules in order.

use serde_json::Value;

/// Keys that say nothing about meaning, or that the line already says.
const LEFT_OUT: [&str; 5] = ["family", "table", "name", "handle", "counter"];

/// Names whose values nft writes in quotes.
const QUOTED: [&str; 4] = ["iifname", "oifname", "iif", "oif"];

/// The lines of a listing, as `nft -j list table` prints it.
pub(super) fn canonical(listing: &Value) -> Vec<String> {
    let objects = listing.get("nftables").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // (group, chain, hook before rules): a stable sort keeps the order of rules, and the order of making out.
    let mut lines: Vec<((u8, String, u8), String)> = objects.iter().filter_map(object).collect();
    lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    lines.into_iter().map(|(_, line)| line).collect()
}

fn object(object: &Value) -> Option<((u8, String, u8), String)> {
    let (kind, value) = object.as_object()?.iter().next()?;
    let name = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or("?").to_owned();
    match kind.as_str() {
        "metainfo" | "table" => None,
        "chain" => {
            let line = hook(value).map(|hook| format!("{}: {hook}", name("name")))?;
            Some(((1, name("name"), 0), line))
        }
        "rule" => Some(((1, name("chain"), 1), format!("{}: {}", name("chain"), rule(value)))),
        "set" => {
            let line = format!("set {}: {}", name("name"), set(value));
            Some(((0, line.clone(), 0), line))
        }
        kind => {
            let line = format!("{kind} {}: {}", name("name"), rest(value, &LEFT_OUT));
            Some(((0, line.clone(), 0), line))
        }
    }
}

/// A base chain's hook; a regular chain is only what its rules are.
fn hook(chain: &Value) -> Option<String> {
    let get = |key: &str| chain.get(key).and_then(Value::as_str);
    let (kind, hook) = (get("type")?, get("hook")?);
    let device = get("dev").map(|device| format!(" device \"{device}\"")).unwrap_or_default();
    let priority = chain.get("prio").map(Value::to_string).unwrap_or_default();
    let policy = get("policy").unwrap_or("accept");
    Some(format!("type {kind} hook {hook}{device} priority {priority}; policy {policy}"))
}

fn set(set: &Value) -> String {
    let mut elements: Vec<String> =
        list(set.get("elem")).iter().map(|element| value(element, false)).collect();
    elements.sort();
    let flags = match words(set.get("flags")) {
        flags if flags.is_empty() => String::new(),
        flags => format!(" flags {}", flags.join(",")),
    };
    let mut known = LEFT_OUT.to_vec();
    known.extend(["type", "flags", "elem"]);
    let others = match rest(set, &known) {
        others if others == "{}" => String::new(),
        others => format!(" {others}"),
    };
    let kind = words(set.get("type")).join(" . ");
    format!("type {kind}{flags}{others} {{ {} }}", elements.join(", "))
}

fn rule(rule: &Value) -> String {
    let expressions = list(rule.get("expr"));
    let statements = expressions.iter().filter_map(statement);
    let comment = rule.get("comment").and_then(Value::as_str).map(|comment| format!("comment \"{comment}\""));
    statements.chain(comment).collect::<Vec<_>>().join(" ")
}

/// One statement; `None` for a counter, which changes and means nothing.
fn statement(statement: &Value) -> Option<String> {
    let (kind, body) = match only_entry(statement) {
        Some(entry) => entry,
        None => return Some(statement.to_string()),
    };
    let known = match kind {
        "counter" => return None,
        "match" => matching(body),
        "mangle" => mangling(body),
        "jump" | "goto" => {
            body.get("target").and_then(Value::as_str).map(|target| format!("{kind} {target}"))
        }
        "accept" | "drop" | "return" | "continue" if body.is_null() => Some(kind.to_owned()),
        "snat" | "dnat" | "masquerade" | "redirect" => translation(kind, body),
        _ => None,
    };
    Some(known.unwrap_or_else(|| statement.to_string()))
}

fn matching(body: &Value) -> Option<String> {
    let (left, right) = (body.get("left")?, body.get("right")?);
    let operator = match body.get("op").and_then(Value::as_str)? {
        "==" if !is_bitwise(left) => String::new(),
        "in" => String::new(),
        operator => format!("{operator} "),
    };
    Some(format!("{} {operator}{}", value(left, true), right_side(left, right)))
}

fn mangling(body: &Value) -> Option<String> {
    let (key, new) = (body.get("key")?, body.get("value")?);
    Some(format!("{} set {}", value(key, true), right_side(key, new)))
}

/// A name is quoted where nft quotes it, and a mark is written in hex.
fn right_side(left: &Value, right: &Value) -> String {
    let key = left.get("meta").and_then(|meta| meta.get("key")).and_then(Value::as_str);
    match (key, right) {
        (Some(key), Value::String(name)) if QUOTED.contains(&key) => format!("\"{name}\""),
        (_, Value::Array(states)) => {
            let mut states: Vec<String> = states.iter().map(|state| value(state, false)).collect();
            states.sort();
            states.join(",")
        }
        _ => value(right, is_mark(left)),
    }
}

fn translation(kind: &str, body: &Value) -> Option<String> {
    if body.is_null() {
        return Some(kind.to_owned());
    }
    let body = body.as_object()?;
    if body.keys().any(|key| !["addr", "port", "flags"].contains(&key.as_str())) {
        return None;
    }
    let address = body.get("addr").map(|address| value(address, false)).unwrap_or_default();
    let port = body.get("port").map(|port| format!(":{}", value(port, false))).unwrap_or_default();
    let target = if body.contains_key("addr") || body.contains_key("port") {
        format!(" to {address}{port}")
    } else {
        String::new()
    };
    let flags = match words(body.get("flags")) {
        flags if flags.is_empty() => String::new(),
        flags => format!(" {}", flags.join(",")),
    };
    Some(format!("{kind}{target}{flags}"))
}

/// An expression. `hex` writes numbers as nft writes marks.
fn value(expression: &Value, hex: bool) -> String {
    match expression {
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_u64() {
            Some(number) if hex => format!("{number:#x}"),
            _ => number.to_string(),
        },
        Value::Object(_) => only_entry(expression)
            .and_then(|(kind, body)| compound(kind, body))
            .unwrap_or_else(|| expression.to_string()),
        other => other.to_string(),
    }
}

fn compound(kind: &str, body: &Value) -> Option<String> {
    let field = |key: &str| body.get(key).and_then(Value::as_str);
    let pair = || match body.as_array().map(Vec::as_slice) {
        Some([one, other]) => Some((one, other)),
        _ => None,
    };
    match kind {
        "meta" => meta(field("key")?, body),
        "ct" if body.as_object()?.len() == 1 => Some(format!("ct {}", field("key")?)),
        "payload" => Some(format!("{} {}", field("protocol")?, field("field")?)),
        "fib" => Some(format!("fib {} {}", words(body.get("flags")).join(" . "), field("result")?)),
        "prefix" => Some(format!("{}/{}", field("addr")?, body.get("len")?)),
        "range" => pair().map(|(one, other)| format!("{}-{}", value(one, false), value(other, false))),
        "&" | "|" | "^" | "<<" | ">>" => {
            pair().map(|(one, other)| format!("{} {kind} {}", operand(one), operand(other)))
        }
        "set" => {
            let mut elements: Vec<String> =
                list(Some(body)).iter().map(|element| value(element, false)).collect();
            elements.sort();
            Some(format!("{{ {} }}", elements.join(", ")))
        }
        "elem" => body.get("val").map(|element| value(element, false)),
        "concat" => {
            Some(list(Some(body)).iter().map(|part| value(part, false)).collect::<Vec<_>>().join(" . "))
        }
        _ => None,
    }
}

/// nft writes the names of links without `meta`, and marks with it.
fn meta(key: &str, body: &Value) -> Option<String> {
    let bare = QUOTED.contains(&key);
    (body.as_object()?.len() == 1).then(|| if bare { key.to_owned() } else { format!("meta {key}") })
}

fn operand(expression: &Value) -> String {
    match is_bitwise(expression) {
        true => format!("({})", value(expression, true)),
        false => value(expression, true),
    }
}

fn is_bitwise(expression: &Value) -> bool {
    only_entry(expression).is_some_and(|(kind, _)| matches!(kind, "&" | "|" | "^" | "<<" | ">>"))
}

fn is_mark(expression: &Value) -> bool {
    let key = only_entry(expression).and_then(|(_, body)| body.get("key")).and_then(Value::as_str);
    key == Some("mark") || is_bitwise(expression)
}

fn only_entry(value: &Value) -> Option<(&str, &Value)> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    map.iter().next().map(|(key, value)| (key.as_str(), value))
}

/// nft writes a list of one as its element.
fn list(value: Option<&Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(elements)) => elements.clone(),
        Some(Value::Null) | None => Vec::new(),
        Some(one) => vec![one.clone()],
    }
}

fn words(value: Option<&Value>) -> Vec<String> {
    list(value).iter().map(|word| self::value(word, false)).collect()
}

/// The fields that no word was found for, as JSON.
fn rest(value: &Value, known: &[&str]) -> String {
    let fields = value.as_object().into_iter().flatten();
    let rest: serde_json::Map<String, Value> = fields
        .filter(|(key, _)| !known.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Value::Object(rest).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn one(expressions: Value) -> String {
        let rule = json!({"rule": {"chain": "pre", "handle": 7, "expr": expressions}});
        canonical(&json!({"nftables": [{"metainfo": {}}, rule]})).join("\n")
    }

    #[test]
    fn what_the_daemon_writes_reads_as_nft_would_say_it() {
        let mark = |kind: &str| json!({kind: {"key": "mark"}});
        for (expressions, text) in [
            (
                json!([{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eni*"}}, {"return": null}]),
                "pre: iifname \"eni*\" return",
            ),
            (
                json!([{"match": {"op": "!=", "left": {"fib": {"result": "type", "flags": ["daddr", "iif"]}}, "right": "local"}},
                    {"counter": {"packets": 7, "bytes": 8}}, {"jump": {"target": "x"}}]),
                "pre: fib daddr . iif type != local jump x",
            ),
            (
                json!([{"mangle": {"key": mark("ct"), "value": {"|": [mark("ct"), 128]}}}]),
                "pre: ct mark set ct mark | 0x80",
            ),
            (
                json!([{"match": {"op": "==", "left": {"&": [mark("ct"), 128]}, "right": 128}}, {"accept": null}]),
                "pre: ct mark & 0x80 == 0x80 accept",
            ),
            (
                json!([{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}},
                     "right": {"prefix": {"addr": "10.0.0.0", "len": 16}}}}, {"drop": null}]),
                "pre: ip daddr 10.0.0.0/16 drop",
            ),
            (
                json!([{"snat": {"addr": "10.0.0.10", "flags": "fully-random"}}]),
                "pre: snat to 10.0.0.10 fully-random",
            ),
            (
                json!([{"snat": {"addr": "10.0.0.10", "flags": ["fully-random"]}}]),
                "pre: snat to 10.0.0.10 fully-random",
            ),
        ] {
            assert_eq!(one(expressions), text);
        }
    }

    #[test]
    fn what_is_not_understood_is_kept() {
        assert_eq!(
            one(json!([{"queue": {"num": 3}}, {"accept": null}])),
            r#"pre: {"queue":{"num":3}} accept"#
        );
        assert_eq!(
            one(json!([{"snat": {"addr": "1.1.1.1", "family": "ip"}}])),
            r#"pre: {"snat":{"addr":"1.1.1.1","family":"ip"}}"#
        );
        let map = json!({"map": {"family": "ip", "name": "m", "table": "t", "handle": 3, "type": "mark"}});
        assert_eq!(canonical(&json!({"nftables": [map]})), [r#"map m: {"type":"mark"}"#]);
        assert!(canonical(&json!(null)).is_empty());
    }

    #[test]
    fn the_order_of_chains_and_of_elements_is_no_meaning_but_that_of_rules_is() {
        let chain =
            |name: &str| json!({"chain": {"name": name, "type": "nat", "hook": "input", "prio": -90}});
        let rule = |chain: &str, verdict: &str| json!({"rule": {"chain": chain, "expr": [{verdict: null}]}});
        let set = |elements: Value| json!({"set": {"name": "vpc", "type": "ipv4_addr", "flags": ["interval"], "elem": elements}});
        let one = json!({"nftables": [chain("a"), set(json!(["1.1.1.1", "2.2.2.2"])), chain("b"),
            rule("a", "drop"), rule("a", "accept"), rule("b", "drop")]});
        let other = json!({"nftables": [chain("b"), chain("a"), rule("b", "drop"), rule("a", "drop"),
            rule("a", "accept"), set(json!(["2.2.2.2", "1.1.1.1"]))]});
        assert_eq!(canonical(&one), canonical(&other));
        assert_eq!(
            canonical(&one),
            [
                "set vpc: type ipv4_addr flags interval { 1.1.1.1, 2.2.2.2 }",
                "a: type nat hook input priority -90; policy accept",
                "a: drop",
                "a: accept",
                "b: type nat hook input priority -90; policy accept",
                "b: drop",
            ]
        );
    }
}
