//! Which files are compiled for tests alone: by where cargo looks for tests, and by the module declarations under
//! `#[cfg(test)]`, not by what a file happens to be called.

use crate::rust_text::{code, test_spans, words};
use crate::tree::Tree;

/// The test files of a tree.
#[derive(Debug, Clone, Default)]
pub struct TestCode {
    files: Vec<String>,
    folders: Vec<String>,
}

impl TestCode {
    /// Finds them.
    #[must_use]
    pub fn of(tree: &Tree) -> Self {
        let mut found = Self::default();
        for (manifest, _) in tree.ending("Cargo.toml") {
            let package = manifest.trim_end_matches("Cargo.toml");
            for folder in ["tests/", "examples/", "benches/"] {
                found.folders.push(format!("{package}{folder}"));
            }
        }
        for (path, text) in tree.ending(".rs") {
            let code = code(text);
            for span in test_spans(&code) {
                let declared = code.get(span.clone()).unwrap_or_default();
                let written = text.get(span).unwrap_or_default();
                if let Some(module) = declared_module(path, declared, written) {
                    found.folders.push(format!("{module}/"));
                    found.files.push(format!("{module}.rs"));
                }
            }
        }
        found
    }

    /// Whether the file at `path` is compiled for tests alone.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.files.iter().any(|file| file == path)
            || self.folders.iter().any(|folder| path.starts_with(folder))
    }
}

/// The path, without `.rs`, of the module that `declared` (blanked) declares and `written` (as it stands) places.
fn declared_module(path: &str, declared: &str, written: &str) -> Option<String> {
    if !declared.ends_with(';') {
        return None;
    }
    let mut following = words(declared).map(|(_, word)| word).skip_while(|word| *word != "mod");
    let name = following.nth(1)?;
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    if let Some((_, place)) = written.split_once("#[path = \"") {
        let place = place.split_once(".rs\"")?.0;
        return Some(format!("{folder}/{place}"));
    }
    Some(match file {
        "lib.rs" | "main.rs" => format!("{folder}/{name}"),
        _ => format!("{}/{name}", path.trim_end_matches(".rs")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_found_by_declaration_and_by_folder() {
        let tree = Tree::of(&[
            ("room/Cargo.toml", ""),
            ("room/src/lib.rs", "#[cfg(test)]\nmod bench;\nmod plan;\n"),
            ("room/src/plan.rs", "#[cfg(test)]\nmod tests;\n"),
            ("room/src/order.rs", "#[cfg(test)]\n#[path = \"order_tests.rs\"]\nmod tests;\n"),
        ]);
        let found = TestCode::of(&tree);
        for path in [
            "room/tests/any.rs",
            "room/src/bench.rs",
            "room/src/bench/node.rs",
            "room/src/plan/tests.rs",
            "room/src/plan/tests/storm.rs",
            "room/src/order_tests.rs",
        ] {
            assert!(found.has(path), "{path}");
        }
        for path in ["room/src/lib.rs", "room/src/plan.rs", "room/src/tests.rs", "room/src/other_tests.rs"] {
            assert!(!found.has(path), "{path}");
        }
    }
}
