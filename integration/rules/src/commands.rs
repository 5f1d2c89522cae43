//! The two commands a newcomer needs: that the README's fences,
//! which are there to be copied, hold them and no other, that cargo knows them, and that CI runs
//! the one that checks everything.

use std::collections::BTreeSet;

use toml::{Table, Value};

use crate::markdown::pieces;
use crate::tree::Tree;

const COMMANDS: [&str; 2] = ["lab", "verify"];
const CI: &str = ".ci/run";
const CI_COMMAND: &str = "cargo verify";
const README: &str = "README.md";
const CARGO_SETTINGS: &str = ".cargo/config.toml";

/// What is broken about the commands.
#[must_use]
pub fn broken(tree: &Tree) -> Vec<String> {
    let mut found = ci(tree);
    let aliases = aliases(tree.text(CARGO_SETTINGS).unwrap_or_default());
    let named = cargo_commands(tree.text(README).unwrap_or_default());
    for command in COMMANDS {
        if !aliases.contains(command) {
            found.push(format!("{CARGO_SETTINGS}: defines no alias `{command}`"));
        }
        if !named.contains(command) {
            found.push(format!("{README}: does not name `cargo {command}` in a fence"));
        }
    }
    found.extend(
        named
            .iter()
            .filter(|command| !COMMANDS.contains(&command.as_str()))
            .map(|command| {
                format!("{README}: names `cargo {command}`; a fence is there to be copied, and a newcomer needs two commands: say others in the text")
            }),
    );
    found
}

fn ci(tree: &Tree) -> Vec<String> {
    let Some(script) = tree.file(CI) else {
        return vec![format!("{CI}: does not exist; it runs `{CI_COMMAND}`")];
    };
    let mut found = Vec::new();
    if !script.executable {
        found.push(format!("{CI}: is not executable"));
    }
    let commands = || script.text.lines().filter(|line| !line.trim_start().starts_with('#'));
    if !commands().any(|line| line.contains(CI_COMMAND)) {
        found.push(format!("{CI}: does not call `{CI_COMMAND}`"));
    }
    if commands().any(|line| line.contains("RUSTFLAGS")) {
        found.push(format!(
            "{CI}: sets RUSTFLAGS, which would compile everything differently from everyone else"
        ));
    }
    found
}

fn aliases(settings: &str) -> BTreeSet<String> {
    let settings: Table = settings.parse().unwrap_or_default();
    let aliases = settings.get("alias").and_then(Value::as_table);
    aliases.into_iter().flat_map(Table::keys).cloned().collect()
}

/// What follows `cargo` in the fences of a document.
fn cargo_commands(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for piece in pieces(text).iter().filter(|piece| piece.fenced) {
        let following = piece.tokens.iter().zip(piece.tokens.iter().skip(1));
        found.extend(
            following.filter(|(word, _)| word.text == "cargo").map(|(_, command)| command.text.clone()),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIASES: &str = "[alias]\nlab = \"run\"\nverify = \"run\"\n";
    const SCRIPT: &str = "#!/bin/sh\nexec cargo verify\n";
    const TEXT: &str =
        "Two, beside `cargo test`:\n```\ncargo lab # shows it\ncargo verify\n```\nNo cargo cult.\n";

    fn tree(script: &str, readme: &str, settings: &str) -> Tree {
        Tree::of(&[(CI, script), (README, readme), (CARGO_SETTINGS, settings)])
    }

    #[test]
    fn two_commands_and_a_script_that_calls_one_are_good() {
        assert_eq!(broken(&tree(SCRIPT, TEXT, ALIASES).with_executable(CI)), [""; 0]);
    }

    #[test]
    fn each_thing_that_is_missing_is_told() {
        for (tree, about) in [
            (tree(SCRIPT, TEXT, ALIASES), "is not executable"),
            (tree("#!/bin/sh\n# cargo verify\n", TEXT, ALIASES).with_executable(CI), "does not call"),
            (tree("RUSTFLAGS=-g cargo verify\n", TEXT, ALIASES).with_executable(CI), "sets RUSTFLAGS"),
            (
                tree(SCRIPT, "```\ncargo lab\n```\n`cargo verify`\n", ALIASES).with_executable(CI),
                "does not name `cargo verify`",
            ),
            (
                tree(SCRIPT, &format!("{TEXT}```\ncargo test -p a\n```\n"), ALIASES).with_executable(CI),
                "names `cargo test`",
            ),
            (tree(SCRIPT, TEXT, "[alias]\nlab = \"run\"\n").with_executable(CI), "no alias `verify`"),
        ] {
            let found = broken(&tree);
            assert!(found.len() == 1 && found.concat().contains(about), "{about}: {found:?}");
        }
        assert_eq!(broken(&Tree::of(&[])).len(), 5);
    }
}
