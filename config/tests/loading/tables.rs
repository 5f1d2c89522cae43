//! The tables hold together, and the README holds them.

use config::table::{SETTINGS, Standing};

use crate::support::{explained, loaded};

#[test]
fn the_table_has_no_name_twice_and_its_own_variables_are_spelled_after_the_key() {
    let mut names = std::collections::BTreeSet::new();
    for row in SETTINGS {
        assert!(names.insert(row.key) && names.insert(row.variable), "{} {}", row.key, row.variable);
        assert!(row.meaning.ends_with('.') && !row.meaning.contains('|'), "{}", row.key);
        if row.variable.starts_with("ENID_") {
            assert_eq!(row.variable, format!("ENID_{}", row.key.replace('.', "_").to_uppercase()));
        }
        if let Standing::Only { value, .. } = row.standing {
            assert!(
                explained(&loaded(None, &[]), row.key).contains(value),
                "the default of {} is in force",
                row.key
            );
        }
    }
    for variable in config::peer::PEER_VARIABLES {
        assert!(names.insert(variable.name), "{}", variable.name);
    }
}

#[test]
fn a_setting_without_default_says_what_its_absence_means() {
    for entry in loaded(None, &[]).provenance {
        let row = SETTINGS.iter().find(|row| row.key == entry.key).unwrap();
        assert_eq!(entry.value.is_none(), row.meaning.contains("unset"), "{}", entry.key);
    }
}

#[test]
fn the_readme_holds_the_tables() {
    let readme = include_str!("../../README.md");
    for table in [config::document::settings_table(), config::document::peer_table()] {
        assert!(
            readme.contains(&table),
            "`cargo run -p config --example settings_tables` prints what README.md must hold:\n{table}"
        );
    }
}
