//! One rule: matches, marks, translations and verdicts, each said as the driver says it after nft has listed it.

use super::NftError;
use super::body::{canonical_network, networks};
use super::words::{Word, Words};

/// What a table's rules name.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) sets: Vec<String>,
    /// From which chain to which.
    pub(super) jumps: Vec<(String, String)>,
}

/// Where a rule is; kind and hook are empty where its chain has none.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub(super) chain: String,
    pub(super) kind: String,
    pub(super) hook: String,
}

/// The rule; `None` for one that says nothing, which nft leaves out.
pub(super) fn parse(
    family: &str,
    place: &Place,
    words: &mut Words,
    uses: &mut Uses,
) -> Result<Option<String>, NftError> {
    let (mut said, mut comment, mut counted) = (Vec::new(), None, false);
    while !words.at_end() {
        let first = words.plain("a statement")?;
        let statement = match first.as_str() {
            "counter" => {
                counted = true;
                continue;
            }
            "comment" => {
                comment = Some(format!("comment \"{}\"", quoted(words)?));
                if !words.at_end() {
                    return Err(NftError::Refused("a comment ends its rule".to_owned()));
                }
                break;
            }
            "iifname" | "oifname" => format!("{first} {}\"{}\"", unequal(words), quoted(words)?),
            "ip" if family != "ip6" => address(words, uses)?,
            "fib" => fib(place, words)?,
            "ct" if words.next_if(|word| word == "status").is_some() => status(words)?,
            "ct" | "meta" => mark(&first, words)?,
            "accept" | "drop" | "return" => first,
            "jump" | "goto" => {
                let chain = words.plain("a chain")?;
                uses.jumps.push((place.chain.clone(), chain.clone()));
                format!("{first} {chain}")
            }
            "snat" | "masquerade" => translation(&first, place, words)?,
            other => return Err(NftError::NotModelled(format!("`{other}` in a rule"))),
        };
        said.push(statement);
    }
    if said.is_empty() && !counted {
        return Ok(None);
    }
    said.extend(comment);
    Ok(Some(said.join(" ")))
}

/// A text in quotes.
pub(super) fn quoted(words: &mut Words) -> Result<String, NftError> {
    match words.next() {
        Some(Word::Quoted(text)) => Ok(text),
        other => Err(NftError::NotModelled(format!("{other:?} instead of a text in quotes"))),
    }
}

/// `!= ` or nothing.
fn unequal(words: &mut Words) -> &'static str {
    match words.next_if(|word| ["!=", "=="].contains(&word)).as_deref() {
        Some("!=") => "!= ",
        _ => "",
    }
}

fn address(words: &mut Words, uses: &mut Uses) -> Result<String, NftError> {
    let field = words.plain("a field")?;
    if !["saddr", "daddr"].contains(&field.as_str()) {
        return Err(NftError::NotModelled(format!("ip {field}")));
    }
    let unequal = unequal(words);
    if words.sign('{') {
        // Without a name nft joins what touches.
        let elements = networks(&words.elements()?, true, 1);
        let elements = elements.map_err(|_| NftError::NotModelled("elements that touch".to_owned()))?;
        return Ok(format!("ip {field} {unequal}{{ {} }}", elements.join(", ")));
    }
    let right = words.plain("an address")?;
    let right = match right.strip_prefix('@') {
        Some(set) => {
            uses.sets.push(set.to_owned());
            right
        }
        None => canonical_network(&right)?,
    };
    Ok(format!("ip {field} {unequal}{right}"))
}

/// `fib daddr type local`, `fib daddr . iif type local`; the latter only where the kernel takes it, as a translation.
fn fib(place: &Place, words: &mut Words) -> Result<String, NftError> {
    words.expect("daddr")?;
    let by_link = words.next_if(|word| word == ".").is_some();
    if by_link {
        words.expect("iif")?;
        match place.hook.as_str() {
            "" => return Err(NftError::NotModelled("fib by iif in a chain without a hook".to_owned())),
            "prerouting" | "input" | "forward" => {}
            hook => return Err(NftError::Refused(format!("a packet has no iif at {hook}"))),
        }
    }
    words.expect("type")?;
    let unequal = unequal(words);
    words.expect("local")?;
    Ok(format!("fib daddr {}type {unequal}local", if by_link { ". iif " } else { "" }))
}

/// `ct status ! confirmed`: the connection's first packet, still on its way through.
fn status(words: &mut Words) -> Result<String, NftError> {
    words.expect("!")?;
    words.expect("confirmed")?;
    Ok("ct status ! confirmed".to_owned())
}

/// A mark matched, `ct mark & 0x80 == 0x80`, or set, `meta mark set ct mark | 0x80`.
fn mark(of: &str, words: &mut Words) -> Result<String, NftError> {
    words.expect("mark")?;
    if words.next_if(|word| word == "set").is_some() {
        return Ok(format!("{of} mark set {}", new_mark(words)?));
    }
    if words.sign('&') {
        let mask = number(words)?;
        let operator = words.next_if(|word| ["!=", "=="].contains(&word)).unwrap_or_else(|| "==".to_owned());
        return Ok(format!("{of} mark & {mask} {operator} {}", number(words)?));
    }
    Ok(format!("{of} mark {}{}", unequal(words), number(words)?))
}

fn new_mark(words: &mut Words) -> Result<String, NftError> {
    let Some(of) = words.next_if(|word| ["ct", "meta"].contains(&word)) else {
        return number(words);
    };
    words.expect("mark")?;
    for sign in ['&', '|', '^'] {
        if words.sign(sign) {
            return Ok(format!("{of} mark {sign} {}", number(words)?));
        }
    }
    Ok(format!("{of} mark"))
}

fn number(words: &mut Words) -> Result<String, NftError> {
    let text = words.plain("a number")?;
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed
        .map(|number| format!("{number:#x}"))
        .map_err(|_| NftError::NotModelled(format!("`{text}` as a mark")))
}

/// Only where the kernel takes it; whence a chain without a hook is reached is not followed.
fn translation(kind: &str, place: &Place, words: &mut Words) -> Result<String, NftError> {
    let mut said = kind.to_owned();
    if kind == "snat" {
        words.expect("to")?;
        said = format!("snat to {}", canonical_network(&words.plain("an address")?)?);
    }
    if let Some(ports) = words.next_if(|word| ["random", "fully-random"].contains(&word)) {
        said = format!("{said} {ports}");
    }
    let fits = match place.hook.as_str() {
        "" => return Err(NftError::NotModelled(format!("{kind} in a chain without a hook"))),
        "postrouting" => true,
        "input" => kind == "snat",
        _ => false,
    };
    if fits && place.kind == "nat" {
        Ok(said)
    } else {
        Err(NftError::Refused(format!("{kind} at {}", place.hook)))
    }
}
