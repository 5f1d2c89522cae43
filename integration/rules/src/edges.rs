//! Who may depend on whom, and who may name which part of the world. The table itself stands in `tests/house/edges.rs`.

use serde_json::Value;

/// Everything below this folder is integration; everything else is product.
pub const INTEGRATION: &str = "integration/";

/// What a dependency is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of the crate.
    Normal,
    /// Of its build script.
    Build,
    /// Of its tests.
    Test,
}

/// One line of a member's dependencies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The package's name.
    pub name: String,
    /// Whether it is a member of this workspace.
    pub ours: bool,
    /// What it is for.
    pub kind: Kind,
}

/// One member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The package's name.
    pub name: String,
    /// Its folder, from the root.
    pub path: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
}

/// Which members a member may depend on.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The member's folder, from the root.
    pub path: &'a str,
    /// Names of members.
    pub may_name: &'a [&'a str],
}

/// Packages that only some may name.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// A name, or the beginning of names if it ends in `-`.
    pub package: &'a str,
    /// Folders, from the root, whose crates may name it.
    pub keepers: &'a [&'a str],
    /// Why nobody else may, as the end of a sentence.
    pub why: &'a str,
}

/// All that is decided about dependencies.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// One row for each member.
    pub rows: &'a [Row<'a>],
    /// Members of `integration/` that tests of product crates may name.
    pub fakes: &'a [&'a str],
    /// Packages not ours. The first entry that fits a name decides.
    pub kept: &'a [Kept<'a>],
    /// Folders of crates without any dependency.
    pub alone: &'a [&'a str],
}

/// Reads the answer of `cargo metadata --no-deps --format-version 1`.
///
/// # Errors
/// An answer of another shape, with what is missing from it.
pub fn members(metadata: &str) -> Result<Vec<Member>, String> {
    let answer: Value = serde_json::from_str(metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let root = text(&answer, "workspace_root")?;
    list(&answer, "packages")?.iter().map(|package| member(package, root)).collect()
}

/// What in the dependencies of `members` the table does not allow.
#[must_use]
pub fn broken(members: &[Member], table: &Table<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for row in table.rows {
        if !members.iter().any(|member| member.path == row.path) {
            found.push(format!(
                "{}: has a row in the table of crate edges and is no member of the workspace: remove the row",
                row.path
            ));
        }
    }
    for member in members {
        for dependency in &member.dependencies {
            found.extend(foreign(member, dependency, table));
        }
        if table.alone.contains(&member.path.as_str()) && !member.dependencies.is_empty() {
            found.push(format!(
                "{}/Cargo.toml: has dependencies; it has none by decision, because it is built before everything else",
                member.path
            ));
        }
        match table.rows.iter().find(|row| row.path == member.path) {
            Some(row) => found.extend(edges(member, row, members, table)),
            None => found.push(format!(
                "{}: is a new member; give it a row in the table of crate edges that says which members it may name",
                member.path
            )),
        }
    }
    found
}

fn edges(member: &Member, row: &Row<'_>, members: &[Member], table: &Table<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for dependency in member.dependencies.iter().filter(|dependency| dependency.ours) {
        let name = dependency.name.as_str();
        let test = dependency.kind == Kind::Test;
        let product = !member.path.starts_with(INTEGRATION);
        let to_integration =
            members.iter().any(|other| other.name == name && other.path.starts_with(INTEGRATION));
        let complaint = if product && to_integration {
            (!(test && table.fakes.contains(&name))).then_some(
                "product crates never depend on `integration/`; only their tests may, and only on the fakes. Move what is shared into a product crate",
            )
        } else {
            (!row.may_name.contains(&name)).then_some(
                "this edge is not in the table of crate edges. Say it by mail or by a port of `contract`; if the edge is \
                 right, decide it in ARCHITECTURE.md and add it to the table in a commit of its own",
            )
        };
        if let Some(complaint) = complaint {
            found.push(format!("{}/Cargo.toml: depends on `{name}`: {complaint}", member.path));
        }
    }
    found
}

fn foreign(member: &Member, dependency: &Dependency, table: &Table<'_>) -> Option<String> {
    let name = dependency.name.as_str();
    let kept = table.kept.iter().find(|kept| {
        name == kept.package || (kept.package.ends_with('-') && name.starts_with(kept.package))
    })?;
    let own = format!("{}/", member.path);
    if dependency.ours || kept.keepers.iter().any(|folder| own.starts_with(&format!("{folder}/"))) {
        return None;
    }
    let keepers = kept.keepers.join("`, `");
    Some(format!(
        "{}/Cargo.toml: depends on `{name}`, which belongs to `{keepers}`: {}",
        member.path, kept.why
    ))
}

fn member(package: &Value, root: &str) -> Result<Member, String> {
    let manifest = text(package, "manifest_path")?;
    let path = manifest
        .strip_prefix(root)
        .and_then(|path| path.strip_prefix('/')?.strip_suffix("/Cargo.toml"))
        .ok_or_else(|| format!("cargo metadata: {manifest} is not below {root}"))?;
    Ok(Member {
        name: text(package, "name")?.to_owned(),
        path: path.to_owned(),
        dependencies: list(package, "dependencies")?.iter().map(dependency).collect::<Result<_, _>>()?,
    })
}

fn dependency(dependency: &Value) -> Result<Dependency, String> {
    Ok(Dependency {
        name: text(dependency, "name")?.to_owned(),
        ours: dependency.get("path").is_some_and(Value::is_string),
        kind: match dependency.get("kind").and_then(Value::as_str) {
            None => Kind::Normal,
            Some("build") => Kind::Build,
            Some("dev") => Kind::Test,
            Some(other) => {
                return Err(format!("cargo metadata: a dependency of the unknown kind {other}"));
            }
        },
    })
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, String> {
    value.get(key).and_then(Value::as_str).ok_or_else(|| format!("cargo metadata: no text at `{key}`"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a Vec<Value>, String> {
    value.get(key).and_then(Value::as_array).ok_or_else(|| format!("cargo metadata: no list at `{key}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: Table<'static> = Table {
        rows: &[
            Row { path: "actors/contract", may_name: &[] },
            Row { path: "actors/warm-pool", may_name: &["contract"] },
            Row { path: "integration/region", may_name: &[] },
            Row { path: "integration/lab", may_name: &["region"] },
        ],
        fakes: &["region"],
        kept: &[
            Kept { package: "actix-rt", keepers: &["actors/warm-pool"], why: "it starts the system" },
            Kept { package: "actix", keepers: &["actors/contract"], why: "one crate knows actix" },
            Kept { package: "aws-", keepers: &["actors/drivers/ec2"], why: "one crate knows the SDK" },
        ],
        alone: &[],
    };

    fn member(path: &str, dependencies: &[(&str, bool, Kind)]) -> Member {
        Member {
            name: path.rsplit('/').next().unwrap().to_owned(),
            path: path.to_owned(),
            dependencies: dependencies
                .iter()
                .map(|(name, ours, kind)| Dependency { name: (*name).to_owned(), ours: *ours, kind: *kind })
                .collect(),
        }
    }

    /// What is broken when the pool depends on `dependencies`.
    fn pool(dependencies: &[(&str, bool, Kind)]) -> Vec<String> {
        let members = [
            member("actors/contract", &[]),
            member("actors/warm-pool", dependencies),
            member("integration/region", &[]),
            member("integration/lab", &[("region", true, Kind::Normal)]),
        ];
        broken(&members, &TABLE)
    }

    #[test]
    fn an_edge_of_the_table_is_allowed_and_any_other_is_told_what_to_do() {
        assert_eq!(pool(&[("contract", true, Kind::Normal)]), [""; 0]);
        let found = pool(&[("subnet-scout", true, Kind::Normal)]);
        assert!(found.concat().contains("`subnet-scout`: this edge is not in the table"), "{found:?}");
        let found = pool(&[("subnet-scout", true, Kind::Test)]);
        assert_eq!(found.len(), 1, "tests too: {found:?}");
    }

    #[test]
    fn product_reaches_integration_by_its_tests_alone_and_only_the_fakes() {
        assert_eq!(pool(&[("region", true, Kind::Test)]), [""; 0]);
        for (name, kind) in [("region", Kind::Normal), ("region", Kind::Build), ("lab", Kind::Test)] {
            let found = pool(&[(name, true, kind)]);
            assert!(found.concat().contains("product crates never depend"), "{name} {kind:?}: {found:?}");
        }
    }

    #[test]
    fn what_one_crate_keeps_no_other_may_name() {
        assert_eq!(pool(&[("actix-rt", false, Kind::Normal)]), [""; 0]);
        for name in ["actix", "aws-config", "aws-sdk-ec2"] {
            let found = pool(&[(name, false, Kind::Test)]);
            assert!(found.concat().contains("which belongs to"), "{name}: {found:?}");
        }
        assert_eq!(pool(&[("awsome", false, Kind::Normal)]), [""; 0]);
    }

    #[test]
    fn members_without_a_row_and_rows_without_a_member_are_told() {
        let members = [member("actors/contract", &[]), member("actors/new-room", &[])];
        let found = broken(&members, &TABLE).join("\n");
        assert!(found.contains("actors/new-room: is a new member"), "{found}");
        assert!(found.contains("actors/warm-pool: has a row"), "{found}");
    }

    #[test]
    fn a_crate_that_stands_alone_has_no_dependency_at_all() {
        let table = Table { alone: &["actors/contract"], ..TABLE };
        let members = [member("actors/contract", &[("serde", false, Kind::Test)])];
        let found = broken(&members, &table).join("\n");
        assert!(found.contains("actors/contract/Cargo.toml: has dependencies"), "{found}");
    }

    #[test]
    fn the_answer_of_cargo_is_read() {
        let answer = r#"{"workspace_root": "/r", "packages": [{"name": "a", "manifest_path": "/r/x/a/Cargo.toml",
            "dependencies": [{"name": "b", "kind": null, "path": "/r/x/b"}, {"name": "c", "kind": "dev"}]}]}"#;
        let wanted = member("x/a", &[("b", true, Kind::Normal), ("c", false, Kind::Test)]);
        assert_eq!(members(answer).unwrap(), [wanted]);
        assert!(members("{}").is_err());
        assert!(members(&answer.replace("\"dev\"", "\"odd\"")).is_err());
    }
}
