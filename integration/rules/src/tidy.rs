//! The shape of source files: how each opens, how long it may be, what it may not be called.

use crate::rust_text::{code, line_of, test_spans};
use crate::test_code::TestCode;
use crate::tree::Tree;

/// Lines of a production file, its unit tests not counted: what a reader can hold.
pub const LINES_MAX: usize = 400;

const PRODUCT: [&str; 3] = ["actors/", "cni-shim/", "config/"];
/// Names that say nothing about what is inside, and so collect everything.
const EMPTY_NAMES: [&str; 7] = ["common", "helper", "helpers", "misc", "shared", "util", "utils"];

/// What is broken in the shape of the tree's source files.
#[must_use]
pub fn broken(tree: &Tree) -> Vec<String> {
    let tests = TestCode::of(tree);
    let mut found = Vec::new();
    for (path, text) in tree.ending(".rs") {
        let opening = text.strip_prefix("//!").and_then(|rest| rest.lines().next());
        if opening.is_none_or(|line| line.trim().is_empty()) {
            found.push(format!(
                "{path}:1: must open with `//!` and a sentence: what it owns, what it never does"
            ));
        }
        if path.ends_with("/mod.rs") {
            found.push(format!("{path}: `foo.rs` beside `foo/`, never `mod.rs`"));
        }
        let lines = production_lines(text);
        if lines > LINES_MAX && !tests.has(path) {
            found.push(format!(
                "{path}: has {lines} lines without its tests, and {LINES_MAX} is the most: split it by what it owns"
            ));
        }
    }
    for (path, _) in tree.texts() {
        let product = PRODUCT.iter().any(|folder| path.starts_with(folder));
        let empty =
            path.split('/').find(|name| EMPTY_NAMES.contains(&name.split('.').next().unwrap_or(name)));
        if let Some(name) = empty.filter(|_| product) {
            found.push(format!("{path}: `{name}` names nothing: call it after the noun it owns"));
        }
    }
    found
}

/// Lines that are not part of an item under `#[cfg(test)]`.
#[must_use]
pub fn production_lines(text: &str) -> usize {
    let code = code(text);
    let in_tests: usize =
        test_spans(&code).iter().map(|span| 1 + line_of(&code, span.end) - line_of(&code, span.start)).sum();
    text.lines().count().saturating_sub(in_tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        broken(&Tree::of(&[(path, text)]))
    }

    #[test]
    fn a_file_opens_by_saying_what_it_owns() {
        assert_eq!(found("actors/a/src/lib.rs", "//! Owns it.\n"), [""; 0]);
        for text in ["", "use a;\n", "\n//! Late.\n", "//!\n//! Late.\n", "/// Wrong.\n"] {
            assert_eq!(found("actors/a/src/lib.rs", text).len(), 1, "{text:?}");
        }
    }

    #[test]
    fn long_files_are_caught_and_tests_do_not_count() {
        let long = format!("//! A.\n{}", "fn a() {}\n".repeat(LINES_MAX - 1));
        assert_eq!(found("config/src/a.rs", &long), [""; 0]);
        let tested = format!("{long}#[cfg(test)]\nmod tests {{\n{}}}\n", "    fn b() {}\n".repeat(900));
        assert_eq!(production_lines(&tested), LINES_MAX);
        assert_eq!(found("config/src/a.rs", &tested), [""; 0]);
        let longer = format!("{long}fn c() {{}}\n");
        assert!(found("config/src/a.rs", &longer).concat().contains("401 lines"));
        let tree = Tree::of(&[("config/Cargo.toml", ""), ("config/tests/a.rs", &longer)]);
        assert_eq!(broken(&tree), [""; 0]);
    }

    #[test]
    fn names_that_say_nothing_are_caught_in_product_crates() {
        for path in ["actors/a/src/utils.rs", "config/tests/common/x.rs", "cni-shim/src/helpers/x.rs"] {
            assert!(found(path, "//! A.\n").concat().contains("names nothing"), "{path}");
        }
        for path in ["integration/lab/src/common.rs", "actors/a/src/commonplace.rs"] {
            assert_eq!(found(path, "//! A.\n"), [""; 0], "{path}");
        }
        assert!(found("config/src/read/mod.rs", "//! A.\n").concat().contains("never `mod.rs`"));
    }
}
