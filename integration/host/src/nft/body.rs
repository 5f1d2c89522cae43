//! A table's body: sets of networks, base chains and chains.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::rule::{self, Place, Uses};
use super::words::Words;
use super::{Chain, NftError, Table};
use crate::address::network;

/// Priorities by name, and the only hook that has each.
const PRIORITIES: [(&str, i32, Option<&str>); 6] = [
    ("raw", -300, None),
    ("mangle", -150, None),
    ("dstnat", -100, Some("prerouting")),
    ("filter", 0, None),
    ("security", 50, None),
    ("srcnat", 100, Some("postrouting")),
];

const HOOKS: [&str; 5] = ["prerouting", "input", "forward", "output", "postrouting"];

/// The kernel's stack of chains: NFT_JUMP_STACK_SIZE.
const JUMPS_MAX: usize = 16;

/// A translation must come behind connection tracking.
const CONNTRACK_PRIORITY: i32 = -200;

pub(super) fn parse(family: &str, body: &str) -> Result<Table, NftError> {
    if !["ip", "ip6", "inet"].contains(&family) {
        return Err(NftError::NotModelled(format!("family {family}")));
    }
    let mut words = Words::of(body)?;
    let (mut table, mut uses) = (Table::default(), Uses::default());
    loop {
        words.skip_ends();
        let Some(kind) = words.next_if(|_| true) else { break };
        let name = words.plain("a name")?;
        words.open()?;
        let twice = match kind.as_str() {
            "set" => table.sets.insert(name, set(&mut words)?).is_some(),
            "chain" => {
                let chain = chain(family, &name, &mut words, &mut uses)?;
                table.chains.insert(name, chain).is_some()
            }
            kind => return Err(NftError::NotModelled(kind.to_owned())),
        };
        if twice {
            return Err(NftError::NotModelled("a name that comes twice".to_owned()));
        }
    }
    match words.next() {
        None => {}
        other => return Err(NftError::NotModelled(format!("{other:?} between chains"))),
    }
    check(&table, &uses)?;
    Ok(table)
}

/// What is named is there, and no packet can go in a circle.
fn check(table: &Table, uses: &Uses) -> Result<(), NftError> {
    let missing_set = uses.sets.iter().find(|name| !table.sets.contains_key(*name));
    let mut targets = uses.jumps.iter().map(|(_, to)| to);
    let missing = missing_set.or_else(|| targets.find(|name| !table.chains.contains_key(*name)));
    if let Some(name) = missing {
        return Err(NftError::Refused(format!("there is no {name}")));
    }
    let base = table.chains.iter().filter(|(_, chain)| chain.hook.is_some());
    let mut reached: Vec<&String> = base.map(|(name, _)| name).collect();
    for _ in 0..JUMPS_MAX {
        reached = uses.jumps.iter().filter(|(from, _)| reached.contains(&from)).map(|(_, to)| to).collect();
        reached.sort();
        reached.dedup();
    }
    if reached.is_empty() { Ok(()) } else { Err(NftError::Refused("too many links".to_owned())) }
}

/// `type ipv4_addr; flags interval; elements = { 10.0.0.0/8 }`.
fn set(words: &mut Words) -> Result<String, NftError> {
    let (mut kind, mut interval, mut elements) = (None, false, Vec::new());
    loop {
        words.skip_ends();
        if words.sign('}') {
            break;
        }
        match words.plain("a set's property")?.as_str() {
            "type" => kind = Some(words.plain("a type")?),
            "flags" => {
                words.expect("interval")?;
                interval = true;
            }
            "elements" => {
                if !words.sign('=') {
                    return Err(NftError::Refused("elements without `=`".to_owned()));
                }
                words.open()?;
                elements = words.elements()?;
            }
            other => return Err(NftError::NotModelled(format!("a set's {other}"))),
        }
    }
    if kind.as_deref() != Some("ipv4_addr") {
        return Err(NftError::NotModelled(format!("a set of {kind:?}")));
    }
    let flags = if interval { " flags interval" } else { "" };
    Ok(format!("type ipv4_addr{flags} {{ {} }}", networks(&elements, interval, 0)?.join(", ")))
}

/// Networks in canonical text, sorted as text. Refused are two with no more than this gap between, 0 for none that overlap,
/// and a network where only addresses may be.
pub(super) fn networks(elements: &[String], interval: bool, gap: u32) -> Result<Vec<String>, NftError> {
    let mut ranges = BTreeMap::new();
    let mut texts = Vec::new();
    for element in elements {
        let (first, length) = of_network(element)?;
        if length < 32 && !interval {
            return Err(NftError::Refused(format!("{element} is no single address")));
        }
        let last = first.to_bits() | u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
        if ranges.insert(first.to_bits(), last).is_some_and(|known| known != last) {
            return Err(NftError::Refused(format!("{element} overlaps another")));
        }
        texts.push(in_words(first, length));
    }
    let overlap = ranges
        .iter()
        .zip(ranges.iter().skip(1))
        .find(|((_, last), (next, _))| last.saturating_add(gap) >= **next);
    if let Some((_, (next, _))) = overlap {
        return Err(NftError::Refused(format!("{} overlaps another", Ipv4Addr::from_bits(*next))));
    }
    texts.sort();
    texts.dedup();
    Ok(texts)
}

fn in_words(first: Ipv4Addr, length: u8) -> String {
    if length == 32 { first.to_string() } else { format!("{first}/{length}") }
}

/// A network; what is beyond its length is cut off, as nft does.
pub(super) fn canonical_network(text: &str) -> Result<String, NftError> {
    of_network(text).map(|(first, length)| in_words(first, length))
}

fn of_network(text: &str) -> Result<(Ipv4Addr, u8), NftError> {
    let (address, length) = text.split_once('/').unwrap_or((text, "32"));
    let parsed =
        address.parse::<Ipv4Addr>().ok().zip(length.parse().ok().filter(|length| (1..=32).contains(length)));
    let (address, length) = parsed.ok_or_else(|| NftError::NotModelled(format!("`{text}` as a network")))?;
    Ok((network(address, length), length))
}

fn chain(family: &str, name: &str, words: &mut Words, uses: &mut Uses) -> Result<Chain, NftError> {
    let (mut chain, mut commented) = (Chain::default(), false);
    let mut place = Place { chain: name.to_owned(), ..Place::default() };
    loop {
        words.skip_ends();
        if words.sign('}') {
            return Ok(chain);
        }
        if chain.rules.is_empty() && chain.hook.is_none() && words.next_if(|word| word == "type").is_some() {
            let (hook, kind, at) = base(words)?;
            chain.hook = Some(hook);
            place = Place { kind, hook: at, ..place };
        } else if words.next_if(|word| word == "comment").is_some() {
            // Without a statement before it, it is the chain's own.
            rule::quoted(words)?;
            if std::mem::replace(&mut commented, true) || !words.at_end() {
                return Err(NftError::Refused("a chain has one comment".to_owned()));
            }
        } else {
            chain.rules.extend(rule::parse(family, &place, words, uses)?);
        }
    }
}

/// Behind `type`: `nat hook prerouting priority dstnat + 10; policy accept;`, canonical, and its kind and hook.
fn base(words: &mut Words) -> Result<(String, String, String), NftError> {
    let kind = words.plain("a chain's type")?;
    words.expect("hook")?;
    let hook = words.plain("a hook")?;
    words.expect("priority")?;
    let priority = priority(words, &hook)?;
    words.skip_ends();
    let policy = match words.next_if(|word| word == "policy") {
        Some(_) => words.plain("a policy")?,
        None => "accept".to_owned(),
    };
    let fits = match kind.as_str() {
        "filter" => HOOKS.contains(&hook.as_str()),
        "nat" => HOOKS.contains(&hook.as_str()) && hook != "forward" && priority > CONNTRACK_PRIORITY,
        kind => return Err(NftError::NotModelled(format!("chains of type {kind}"))),
    };
    if !fits || !["accept", "drop"].contains(&policy.as_str()) || (kind == "nat" && policy == "drop") {
        return Err(NftError::Refused(format!("no {kind} chain at {hook}, {priority}, {policy}")));
    }
    Ok((format!("type {kind} hook {hook} priority {priority}; policy {policy}"), kind, hook))
}

fn priority(words: &mut Words, hook: &str) -> Result<i32, NftError> {
    let text = words.plain("a priority")?;
    let odd = || NftError::NotModelled(format!("priority `{text}`"));
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let (_, base, only) = PRIORITIES.iter().find(|(name, ..)| *name == text).ok_or_else(odd)?;
    if only.is_some_and(|only| only != hook) {
        return Err(NftError::Refused(format!("there is no priority {text} at {hook}")));
    }
    let offset: i32 = match words.next_if(|word| ["+", "-"].contains(&word)).as_deref() {
        None => 0,
        Some("-") => -words.plain("a number")?.parse::<i32>().map_err(|_| odd())?,
        Some(_) => words.plain("a number")?.parse().map_err(|_| odd())?,
    };
    Ok(base + offset)
}
