//! Words that may not stand in the repository: places of one machine, hosts of a package registry, and marks of
//! unfinished work. The needles are put together from halves, so that this file does not hold them.

use crate::rust_text::{is_word, line_of};
use crate::tree::Tree;

/// Written by cargo, which names the registry there.
const LOCK: &str = "Cargo.lock";

/// Beginnings of paths that exist on one machine only.
const MACHINE: [&str; 2] = [concat!("/wo", "rk/"), concat!("/tm", "p/t-")];
const HOSTS: [&str; 2] = [concat!("static.", "crates.io"), concat!("index.", "crates.io")];
/// Whole words in Rust files.
const UNFINISHED: [&str; 6] = [
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("#[ig", "nore"),
    concat!("#[should_", "panic"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];

/// Every forbidden word of the tree.
#[must_use]
pub fn broken(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.texts().filter(|(path, _)| *path != LOCK) {
        let mut look = |needles: &[&str], why: &str| {
            for needle in needles {
                for at in whole(text, needle) {
                    found.push(format!("{path}:{}: says `{needle}`: {why}", line_of(text, at)));
                }
            }
        };
        look(&MACHINE, "a path of one machine; make it relative, or a parameter");
        look(&HOSTS, "a host of the package registry; cargo knows it, the repository need not");
        if path.ends_with(".rs") {
            look(&UNFINISHED, "unfinished work; finish it or leave it out");
        }
    }
    found
}

/// Where `needle` stands and is not the middle or the beginning of something longer.
fn whole<'a>(text: &'a str, needle: &'a str) -> impl Iterator<Item = usize> + 'a {
    let opens_word = needle.starts_with(|c: char| is_word(c) || c == '/');
    let ends_word = needle.ends_with(is_word);
    text.match_indices(needle).map(|(at, _)| at).filter(move |at| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + needle.len()..).and_then(|after| after.chars().next());
        let joined = |c: Option<char>| c.is_some_and(|c| is_word(c) || "}.-".contains(c));
        let part_of_longer = opens_word && joined(before) || ends_word && after.is_some_and(is_word);
        !part_of_longer
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_needle_is_found_where_it_matters() {
        for needle in MACHINE.into_iter().chain(HOSTS) {
            let text = format!("one\nsee \"{needle}x\"\n").replace("iox", "io");
            let found = broken(&Tree::of(&[("README.md", &text)]));
            assert!(found.concat().starts_with("README.md:2: says"), "{needle}: {found:?}");
            assert_eq!(broken(&Tree::of(&[(LOCK, &text)])), [""; 0]);
        }
        for needle in UNFINISHED {
            let text = format!("//! A.\n{needle} \n");
            assert_eq!(broken(&Tree::of(&[("a.rs", &text)])).len(), 1, "{needle}");
            assert_eq!(broken(&Tree::of(&[("a.md", &text)])), [""; 0], "{needle}");
        }
    }

    #[test]
    fn longer_words_and_deeper_paths_are_free() {
        let path = MACHINE.map(|needle| format!("/overlay{needle}"));
        let template = format!("enid.{0}{0}", concat!("XX", "X"));
        let text = format!("{} {} {template}", path[0], path[1]);
        assert_eq!(broken(&Tree::of(&[("a.rs", &text)])), [""; 0]);
    }
}
