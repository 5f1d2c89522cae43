//! No clock, randomness, environment or I/O where a room decides: in `state`, `plan` and `recover`, be they files or
//! folders. What they need of the world is an argument.

use crate::rust_text::{is_word, line_of, production, words};
use crate::test_code::TestCode;
use crate::tree::Tree;

const ROOMS: &str = "actors/";
const PURE: [&str; 3] = ["state", "plan", "recover"];

const CLOCK: &str = "a clock: the moment is a parameter";
const CHANCE: &str = "randomness: draw outside and pass it in";
const ORDER: &str = "randomness: its order differs from run to run; a BTreeMap or BTreeSet has one";
const ENVIRONMENT: &str = "the environment: settings are a parameter";
const IO: &str = "I/O: decide an action and let the room's actor perform it";
const WAITING: &str = "waiting: handlers never await, outcomes come back as mail";
const TALK: &str = "output: return what is worth saying";

/// Words that may not stand anywhere.
const WORDS: &[(&str, &str)] = &[
    ("Instant", CLOCK),
    ("SystemTime", CLOCK),
    ("HashMap", ORDER),
    ("HashSet", ORDER),
    ("RandomState", CHANCE),
    ("TcpListener", IO),
    ("TcpStream", IO),
    ("UdpSocket", IO),
    ("UnixDatagram", IO),
    ("UnixListener", IO),
    ("UnixStream", IO),
    ("async", WAITING),
    ("await", WAITING),
];

/// Crates that may not be named.
const CRATES: &[(&str, &str)] = &[
    ("actix", WAITING),
    ("actix_rt", WAITING),
    ("tokio", IO),
    ("rustix", IO),
    ("rand", CHANCE),
    ("getrandom", CHANCE),
    ("metrics", TALK),
    ("tracing", TALK),
];

/// Macros that may not be called.
const MACROS: &[(&str, &str)] = &[
    ("dbg", TALK),
    ("eprint", TALK),
    ("eprintln", TALK),
    ("print", TALK),
    ("println", TALK),
    ("env", ENVIRONMENT),
    ("option_env", ENVIRONMENT),
];

/// Parts of the standard library that may not be named.
const STANDARD: &[(&str, &str)] =
    &[("env", ENVIRONMENT), ("fs", IO), ("io", IO), ("os", IO), ("process", IO), ("thread", WAITING)];

/// What the pure files of the rooms name and should not.
#[must_use]
pub fn broken(tree: &Tree) -> Vec<String> {
    let tests = TestCode::of(tree);
    tree.ending(".rs")
        .filter(|(path, _)| is_pure(path) && !tests.has(path))
        .flat_map(|(path, text)| named(path, &production(text)))
        .collect()
}

/// Whether a path belongs to a room's `state`, `plan` or `recover`.
#[must_use]
pub fn is_pure(path: &str) -> bool {
    path.starts_with(ROOMS) && path.trim_end_matches(".rs").split('/').any(|segment| PURE.contains(&segment))
}

fn named(path: &str, code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, word) in words(code) {
        let after = code.get(at + word.len()..).unwrap_or_default();
        let listed = |list: &[(&'static str, &'static str)]| {
            list.iter().find_map(|(listed, why)| (*listed == word).then_some(*why))
        };
        let why = listed(WORDS)
            .or_else(|| listed(CRATES).filter(|_| after.starts_with("::") || is_imported(code, at)))
            .or_else(|| listed(MACROS).filter(|_| after.starts_with('!')))
            .or_else(|| listed(STANDARD).filter(|_| is_of_std(code, at)));
        if let Some(why) = why {
            found.push(format!("{path}:{}: names `{word}`, which is {why}", line_of(code, at)));
        }
    }
    found
}

/// Whether `use` stands right before.
fn is_imported(code: &str, at: usize) -> bool {
    code.get(..at).is_some_and(|before| before.trim_end().ends_with("use") && before.ends_with(' '))
}

/// Whether the word at `at` ends a path that begins with `std`, written out or by an import's braces.
fn is_of_std(code: &str, at: usize) -> bool {
    let before = code.get(..at).unwrap_or_default();
    let path = before.trim_end_matches(|c: char| is_word(c) || c == ':');
    if before.get(path.len()..).is_some_and(|path| path.starts_with("std::")) {
        return true;
    }
    let statement = before.rsplit(';').next().unwrap_or_default();
    statement
        .rsplit_once("use ")
        .is_some_and(|(_, import)| import.starts_with("std::") && !import.contains(['=', '(']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        broken(&Tree::of(&[("actors/pool/Cargo.toml", ""), ("actors/pool/src/plan.rs", text)]))
    }

    #[test]
    fn each_way_to_the_world_is_caught() {
        for line in [
            "use std::time::Instant;",
            "use std::time::{Duration, Instant};",
            "let now = std::time::SystemTime::now();",
            "use std::{collections::BTreeMap, env};",
            "let home = std::env::var(\"HOME\");",
            "use std::{\n    fs::File,\n};",
            "use std::io::Write;",
            "std::thread::spawn(f);",
            "std::process::exit(1);",
            "let path = option_env!(\"PATH\");",
            "let dice = rand::random();",
            "use rand;",
            "use std::collections::HashMap;",
            "let x = std::net::TcpStream::connect(a);",
            "use std::net::{IpAddr, UdpSocket};",
            "async fn f() {}",
            "f().await",
            "tokio::spawn(f);",
            "tracing::info!(a);",
            "println!(\"a\");",
            "metrics::counter!(\"a\");",
        ] {
            let text = format!("fn f() {{}}\n{line}\n");
            let found = found(&text);
            assert_eq!(found.len(), 1, "{line}: {found:?}");
            assert!(found.concat().starts_with("actors/pool/src/plan.rs:"), "{found:?}");
        }
    }

    #[test]
    fn what_only_sounds_like_the_world_is_free() {
        let text = "//! Never reads `std::env`, never says `tokio::spawn`.\n\
            use std::net::{IpAddr, Ipv4Addr, SocketAddr};\nuse std::time::Duration;\nuse kernel::Plan;\n\
            // println!(\"x\")\nconst A: &str = \"Instant\";\nfn f(metrics: u64, io: u64, env: u64) -> u64 { metrics + io + env }\n\
            #[cfg(test)]\nmod tests {\n    use std::time::Instant;\n    use std::collections::HashSet;\n}\n";
        assert_eq!(found(text), [""; 0]);
    }

    #[test]
    fn only_where_a_room_decides_and_not_in_its_tests() {
        for path in [
            "actors/pool/src/state.rs",
            "actors/pool/src/recover/read.rs",
            "actors/drivers/ec2/src/plan/x.rs",
        ] {
            assert!(is_pure(path), "{path}");
        }
        for path in ["actors/pool/src/actor.rs", "actors/pool/src/planner.rs", "config/src/plan.rs"] {
            assert!(!is_pure(path), "{path}");
        }
        let tree = Tree::of(&[
            ("actors/pool/src/plan.rs", "#[cfg(test)]\nmod tests;\n"),
            ("actors/pool/src/plan/tests.rs", "use std::env;\n"),
        ]);
        assert_eq!(broken(&tree), [""; 0]);
    }
}
