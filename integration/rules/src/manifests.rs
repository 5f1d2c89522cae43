//! What manifests may say: versions and features stand in the workspace's manifest and nowhere else, there is one dev
//! profile, and no build has compiler flags of its own. Each of them, broken, would compile the SDK a second time.

use toml::{Table, Value};

use crate::tree::Tree;

const ROOT_MANIFEST: &str = "Cargo.toml";
const CARGO_SETTINGS: &str = ".cargo/config.toml";

/// What each member takes from the workspace.
const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];
const DEPENDENCY_TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
/// What commands without a `--profile` use, beside `dev` itself.
const OTHER_DEV_PROFILES: [&str; 2] = ["test", "bench"];

/// What is broken in the manifests and in cargo's settings.
#[must_use]
pub fn broken(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in tree.ending(ROOT_MANIFEST) {
        match text.parse::<Table>() {
            Err(error) => found.push(format!("{path}: {}", error.message())),
            Ok(manifest) if path == ROOT_MANIFEST => found.extend(workspace(&manifest)),
            Ok(manifest) => found.extend(member(path, &manifest)),
        }
    }
    match tree.text(CARGO_SETTINGS).map(str::parse::<Table>) {
        None => found.push(format!("{CARGO_SETTINGS}: does not exist; it defines the two commands")),
        Some(Err(error)) => found.push(format!("{CARGO_SETTINGS}: {}", error.message())),
        Some(Ok(settings)) => settings_without_flags("", &settings, &mut found),
    }
    found
}

fn workspace(manifest: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let profiles = table(manifest, "profile");
    if !profiles.contains_key("dev") {
        found.push(format!("{ROOT_MANIFEST}: has no [profile.dev]"));
    }
    for (name, profile) in &profiles {
        let of_dev = profile.get("inherits").and_then(Value::as_str) == Some("dev");
        if of_dev || OTHER_DEV_PROFILES.contains(&name.as_str()) {
            found.push(format!(
                "{ROOT_MANIFEST}: [profile.{name}] is a second dev profile; there is one, so that everything is compiled once"
            ));
        }
    }
    let lints = manifest.get("workspace").and_then(|workspace| workspace.get("lints")?.get("rust"));
    if lints.is_none() {
        found.push(format!("{ROOT_MANIFEST}: has no [workspace.lints.rust]"));
    }
    found
}

fn member(path: &str, manifest: &Table) -> Vec<String> {
    let mut found = Vec::new();
    let package = table(manifest, "package");
    for key in INHERITED {
        if package.get(key).is_none_or(|value| !is_inherited(value)) {
            found.push(format!("{path}: [package] must say `{key}.workspace = true`"));
        }
    }
    if manifest.get("lints").is_none_or(|lints| !is_inherited(lints)) {
        found.push(format!("{path}: must say [lints] `workspace = true` and nothing else there"));
    }
    if manifest.contains_key("profile") {
        found.push(format!("{path}: profiles stand in the workspace's manifest"));
    }
    let targets = table(manifest, "target");
    let conditional = targets.values().filter_map(Value::as_table);
    for owner in std::iter::once(manifest).chain(conditional) {
        for kind in DEPENDENCY_TABLES {
            for (name, value) in table(owner, kind) {
                if !is_inherited(&value) {
                    found.push(format!(
                        "{path}: [{kind}] `{name}` must be `{name}.workspace = true` and no more: its version and features stand in the workspace's manifest"
                    ));
                }
            }
        }
    }
    found
}

fn settings_without_flags(above: &str, settings: &Table, found: &mut Vec<String>) {
    for (key, value) in settings {
        let name = format!("{above}{key}");
        if key.eq_ignore_ascii_case("rustflags") || name == "profile" {
            found.push(format!(
                "{CARGO_SETTINGS}: sets `{name}`; flags and profiles for all would compile everything twice. Give them to the one command that needs them"
            ));
        } else if let Some(inner) = value.as_table() {
            settings_without_flags(&format!("{name}."), inner, found);
        }
    }
}

fn table(of: &Table, key: &str) -> Table {
    of.get(key).and_then(Value::as_table).cloned().unwrap_or_default()
}

/// Exactly `{ workspace = true }`.
fn is_inherited(value: &Value) -> bool {
    value
        .as_table()
        .is_some_and(|table| table.len() == 1 && table.get("workspace") == Some(&Value::Boolean(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.lints.rust]\nunsafe_code = \"forbid\"\n[profile.dev]\n[profile.release]\n";
    const MEMBER: &str = "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n[lints]\nworkspace = true\n";

    fn found(root: &str, member: &str, settings: &str) -> Vec<String> {
        broken(&Tree::of(&[("Cargo.toml", root), ("a/Cargo.toml", member), (".cargo/config.toml", settings)]))
    }

    fn one(found: &[String], about: &str) {
        assert!(found.len() == 1 && found.concat().contains(about), "{about}: {found:#?}");
    }

    #[test]
    fn a_manifest_that_takes_all_from_the_workspace_is_good() {
        let member = format!("{MEMBER}[dependencies]\nserde.workspace = true\n");
        assert_eq!(found(ROOT, &member, "[alias]\nlab = \"run\"\n"), [""; 0]);
    }

    #[test]
    fn versions_and_features_in_a_member_are_caught_in_every_table() {
        for line in [
            "[dependencies]\nserde = \"1\"",
            "[dev-dependencies]\nserde = { workspace = true, features = [\"rc\"] }",
            "[build-dependencies]\nserde = { path = \"../serde\" }",
            "[target.'cfg(unix)'.dependencies]\nserde = \"1\"",
        ] {
            one(&found(ROOT, &format!("{MEMBER}{line}\n"), ""), "`serde` must be");
        }
    }

    #[test]
    fn lints_and_the_package_are_inherited() {
        let without_lints = MEMBER.replace("[lints]\nworkspace = true\n", "");
        one(&found(ROOT, &without_lints, ""), "[lints]");
        let own_edition = MEMBER.replace("edition.workspace = true", "edition = \"2021\"");
        one(&found(ROOT, &own_edition, ""), "edition.workspace");
    }

    #[test]
    fn there_is_one_dev_profile_and_it_stands_in_one_place() {
        one(&found(&format!("{ROOT}[profile.test]\n"), MEMBER, ""), "second dev profile");
        one(&found(&format!("{ROOT}[profile.quick]\ninherits = \"dev\"\n"), MEMBER, ""), "[profile.quick]");
        one(&found(&ROOT.replace("[profile.dev]\n", ""), MEMBER, ""), "no [profile.dev]");
        one(&found(ROOT, &format!("{MEMBER}[profile.dev]\n"), ""), "profiles stand");
    }

    #[test]
    fn flags_for_all_builds_are_caught_wherever_they_hide() {
        for settings in [
            "[build]\nrustflags = [\"-g\"]",
            "[target.x86_64-unknown-linux-gnu]\nrustflags = [\"-g\"]",
            "[env]\nRUSTFLAGS = \"-g\"",
            "[profile.dev]\ndebug = true",
        ] {
            one(&found(ROOT, MEMBER, settings), "would compile everything twice");
        }
    }

    #[test]
    fn what_is_no_toml_is_told() {
        assert_eq!(found("= 1", "= 1", "= 1").len(), 3);
        assert_eq!(broken(&Tree::of(&[])).len(), 1);
    }
}
