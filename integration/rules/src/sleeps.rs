//! Who may sleep. Waiting for a condition is a test's way, waiting for an event a room's; a sleep needs a reason, and the
//! list of reasons stands in `tests/house/sleeps.rs`.

use crate::rust_text::{code, line_of, words};
use crate::tree::Tree;

const SLEEPS: [&str; 2] = ["sleep", "sleep_until"];

/// A place where sleeping has a reason.
#[derive(Debug, Clone, Copy)]
pub struct Allowed<'a> {
    /// A file, or a folder and everything below it.
    pub path: &'a str,
    /// The reason.
    pub why: &'a str,
}

/// Sleeps without a reason, and reasons without a sleep.
#[must_use]
pub fn broken(tree: &Tree, allowed: &[Allowed<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let mut used = vec![false; allowed.len()];
    for (path, text) in tree.ending(".rs") {
        let within = |folder: &str| path == folder || path.starts_with(&format!("{folder}/"));
        for at in sleeps(&code(text)) {
            let mut reasoned = false;
            for (used, _) in used.iter_mut().zip(allowed).filter(|(_, allowed)| within(allowed.path)) {
                *used = true;
                reasoned = true;
            }
            if !reasoned {
                found.push(format!(
                    "{path}:{}: sleeps: wait for the condition, or give the reason in the list of allowed sleeps",
                    line_of(text, at)
                ));
            }
        }
    }
    let idle = allowed.iter().zip(used).filter(|(_, used)| !used);
    found.extend(idle.map(|(allowed, _)| {
        format!(
            "{}: is allowed to sleep ({}) and does not: remove it from the list",
            allowed.path, allowed.why
        )
    }));
    found
}

/// Calls and renamed imports of a sleep; a function or a method of that name is somebody's own.
fn sleeps(code: &str) -> Vec<usize> {
    words(code)
        .filter(|(_, word)| SLEEPS.contains(word))
        .filter(|(at, word)| {
            let before = code.get(..*at).unwrap_or_default().trim_end();
            let after = code.get(at + word.len()..).unwrap_or_default();
            (after.starts_with('(') || after.starts_with(" as "))
                && !before.ends_with("fn")
                && !before.ends_with('.')
        })
        .map(|(at, _)| at)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_without_a_reason_is_caught_in_product_and_in_tests() {
        for text in [
            "fn f() { std::thread::sleep(d); }",
            "tokio::time::sleep(d).await;",
            "sleep_until(then).await;",
            "use tokio::time::sleep as pause;",
            "#[cfg(test)] mod tests { fn f() { thread::sleep(d); } }",
        ] {
            let found = broken(&Tree::of(&[("config/src/a.rs", text)]), &[]);
            assert!(found.concat().starts_with("config/src/a.rs:1: sleeps"), "{text}: {found:?}");
        }
    }

    #[test]
    fn words_about_sleeping_and_sleeps_of_ones_own_are_free() {
        let text = "// never sleep(d)\nuse tokio::time::sleep;\nfn sleep(a: u8) {}\nfn f() { self.sleep(1); \"sleep(1)\"; }";
        assert_eq!(broken(&Tree::of(&[("a.rs", text)]), &[]), [""; 0]);
    }

    #[test]
    fn a_reason_covers_its_place_and_no_more_and_goes_with_its_sleep() {
        let tree = Tree::of(&[("kernel/src/a.rs", "sleep(d);"), ("kernels/a.rs", "sleep(d);")]);
        let allowed =
            [Allowed { path: "kernel", why: "backoff" }, Allowed { path: "shim/src/b.rs", why: "none" }];
        let found = broken(&tree, &allowed);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.concat().contains("kernels/a.rs:1"), "{found:?}");
        assert!(found.concat().contains("shim/src/b.rs: is allowed"), "{found:?}");
    }
}
