//! What the documents say that a test can check: rooms, scenarios and paths. Whether they say it well is for readers.

use crate::markdown::{Piece, links, pieces};
use crate::rust_text::words;
use crate::tree::Tree;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const README: &str = "README.md";
const SCENARIOS: &str = "integration/scenarios/";
/// One sitting.
const ARCHITECTURE_LINES_MAX: usize = 400;
/// What was true of a release stays written there.
const HISTORY: &str = "CHANGELOG.md";

/// Stands for any name in a path.
const PLACEHOLDER: &str = "NAME";

/// Folders of the root: a path in a document that begins with one of them is a path of the repository.
const FOLDERS: [&str; 7] = [".cargo", ".ci", "actors", "cni-shim", "config", "deploy", "integration"];

/// What is broken in the documents of a workspace whose members' folders are `members`.
#[must_use]
pub fn broken(tree: &Tree, members: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    for path in [README, ARCHITECTURE] {
        if tree.text(path).is_none() {
            found.push(format!("{path}: does not exist"));
        }
    }
    if let Some(text) = tree.text(ARCHITECTURE) {
        found.extend(unnamed_members(text, members));
        let lines = text.lines().count();
        if lines > ARCHITECTURE_LINES_MAX {
            found.push(format!(
                "{ARCHITECTURE}: has {lines} lines, and {ARCHITECTURE_LINES_MAX} is the most: what is local belongs beside the code"
            ));
        }
    }
    found.extend(unnamed_scenarios(tree));
    for (path, text) in tree.ending(".md").filter(|(path, _)| *path != HISTORY) {
        found.extend(dead_paths(tree, path, text));
    }
    found
}

fn unnamed_members(text: &str, members: &[String]) -> Vec<String> {
    let named: Vec<Piece> = pieces(text);
    members
        .iter()
        .filter(|member| !named.iter().flat_map(|piece| &piece.tokens).any(|token| token.text == **member))
        .map(|member| format!("{ARCHITECTURE}: does not name `{member}`; say in its code map what it owns"))
        .collect()
}

fn unnamed_scenarios(tree: &Tree) -> Vec<String> {
    let own = format!("{SCENARIOS}{README}");
    let documents = [ARCHITECTURE, README, own.as_str()];
    tree.ending(".toml")
        .filter_map(|(path, _)| path.strip_prefix(SCENARIOS)?.strip_suffix(".toml"))
        .filter(|name| {
            !documents
                .iter()
                .filter_map(|document| tree.text(document))
                .any(|text| words(text).any(|(_, word)| word == *name))
        })
        .map(|name| format!("{SCENARIOS}{name}.toml: is named in no document; say in {own} what it shows"))
        .collect()
}

fn dead_paths(tree: &Tree, document: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for token in pieces(text).into_iter().flat_map(|piece| piece.tokens) {
        if is_repository_path(&token.text) && !tree.has(&token.text) {
            found.push(format!("{document}:{}: names `{}`, which does not exist", token.line, token.text));
        }
    }
    let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
    for token in links(text) {
        if !tree.has(&joined(folder, &token.text)) {
            found.push(format!("{document}:{}: links to {}, which does not exist", token.line, token.text));
        }
    }
    found
}

fn is_repository_path(token: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    token.split_once('/').is_some_and(|(first, _)| FOLDERS.contains(&first) && token.chars().all(plain))
        && !words(token).any(|(_, word)| word == PLACEHOLDER)
}

fn joined(folder: &str, target: &str) -> String {
    let mut segments: Vec<&str> = folder.split('/').filter(|segment| !segment.is_empty()).collect();
    for segment in target.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    segments.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[(&str, &str)] = &[
        (README, "See [the house](ARCHITECTURE.md) and `integration/scenarios`.\n"),
        (
            ARCHITECTURE,
            "`cni-shim` and `cni-shim/protocol/` and `actors/*/src`, `actors/NAME/src`, `/etc/cni/net.d`.\n",
        ),
        ("integration/scenarios/README.md", "`add_pod` and `add_pod_late`, [up](../../README.md#top)\n"),
        ("integration/scenarios/add_pod.toml", ""),
        ("cni-shim/protocol/src/lib.rs", ""),
    ];

    fn members() -> Vec<String> {
        vec!["cni-shim".to_owned(), "cni-shim/protocol".to_owned()]
    }

    /// What is broken when one file says something else.
    fn found(path: &str, text: &str) -> Vec<String> {
        let mut files: Vec<(&str, &str)> = GOOD.iter().copied().filter(|(at, _)| *at != path).collect();
        files.push((path, text));
        broken(&Tree::of(&files), &members())
    }

    #[test]
    fn good_documents_are_good() {
        assert_eq!(broken(&Tree::of(GOOD), &members()), [""; 0]);
    }

    #[test]
    fn every_member_is_named_by_its_own_path() {
        let found = found(ARCHITECTURE, "`cni-shim/protocol` and the cni-shim\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found.concat().contains("does not name `cni-shim`"), "{found:?}");
    }

    #[test]
    fn a_path_or_link_that_leads_nowhere_is_caught() {
        for text in [
            "`actors/gone`\n",
            "```\nsee integration/gone.toml\n```\n",
            "`config/gone.toml`,\n",
            "[a](gone.md)\n",
        ] {
            let found = found(README, text);
            assert!(found.len() == 1 && found.concat().contains("does not exist"), "{text}: {found:?}");
        }
        assert_eq!(found("CHANGELOG.md", "`actors/gone`\n"), [""; 0]);
    }

    #[test]
    fn every_scenario_is_named_by_its_whole_name() {
        let found = found("integration/scenarios/README.md", "`add_pod_late`\n");
        assert!(found.concat().contains("add_pod.toml: is named in no document"), "{found:?}");
    }

    #[test]
    fn the_architecture_is_one_sitting_and_both_documents_exist() {
        let long = format!("`cni-shim` `cni-shim/protocol`\n{}", "a\n".repeat(ARCHITECTURE_LINES_MAX));
        assert!(found(ARCHITECTURE, &long).concat().contains("401 lines"));
        assert_eq!(broken(&Tree::of(&[]), &members()).len(), 2);
    }
}
