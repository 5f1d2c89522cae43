//! Whatever the file and the environment hold: no panic, and either settings or errors that name something.

use std::path::PathBuf;

use config::peer::PEER_VARIABLES;
use config::table::SETTINGS;
use config::{ConfigErrors, Loaded, Settings};
use proptest::prelude::*;

fn a_name() -> impl Strategy<Value = String> {
    let known: Vec<String> = SETTINGS
        .iter()
        .map(|row| row.variable.to_owned())
        .chain(PEER_VARIABLES.iter().map(|variable| variable.name.to_owned()))
        .collect();
    prop_oneof![
        4 => prop::sample::select(known),
        1 => "ENID_[A-Z_]{0,20}",
        1 => "AWS_VPC_K8S_CNI_[A-Z]{0,9}",
        1 => any::<String>(),
    ]
}

fn a_value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-+]?[0-9]{0,20}",
        "(true|false|1|0|t|F|)",
        "0[xXoObB]?[0-9a-f_]{0,9}",
        "/[a-z/]{0,120}",
        "[0-9./,:]{0,40}",
        "\\{\"[a-z:.]{0,9}\":(\"[a-z]{0,9}\"|[0-9]|null)\\}",
    ]
}

fn a_file() -> impl Strategy<Value = String> {
    let keys: Vec<&str> = SETTINGS.iter().map(|row| row.key).collect();
    let expression = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        any::<bool>().prop_map(|b| b.to_string()),
        any::<String>().prop_map(|s| toml::Value::String(s).to_string()),
        Just("[]".to_owned()),
        Just("[1, \"10.0.0.0/8\"]".to_owned()),
        Just("{ a = \"b\" }".to_owned()),
        Just("1979-05-27T07:32:00Z".to_owned()),
        Just("nan".to_owned()),
    ];
    let line = (prop::sample::select(keys), expression).prop_map(|(key, value)| format!("{key} = {value}\n"));
    prop_oneof![
        1 => any::<Vec<u8>>().prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
        1 => any::<String>(),
        4 => prop::collection::vec(line, 0..6).prop_map(|lines| lines.concat()),
    ]
}

fn names_something(result: &Result<Loaded, ConfigErrors>) -> Result<(), TestCaseError> {
    match result {
        Ok(loaded) => {
            prop_assert_eq!(loaded.provenance.len(), SETTINGS.len());
            for line in loaded.warnings.iter().map(ToString::to_string) {
                prop_assert!(!line.contains('\n'), "{line:?}");
            }
        }
        Err(errors) => {
            prop_assert!(!errors.problems().is_empty());
            let text = errors.to_string();
            prop_assert_eq!(text.lines().count(), errors.problems().len(), "{:?}", text);
            for line in text.lines() {
                prop_assert!(!line.contains("does not fit"), "{line:?}");
                prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_file_and_environment_load_or_are_refused_with_names(
        file in prop::option::of(a_file()),
        environment in prop::collection::vec((a_name(), a_value()), 0..8),
    ) {
        let file = file.map(|text| (PathBuf::from("/etc/enid/enid.toml"), text));
        names_something(&Settings::load(file, environment))?;
    }

    #[test]
    fn a_warm_target_is_never_some_zero(target in 0u32..4, minimum in 0u32..4) {
        let environment = [("WARM_IP_TARGET", target), ("MINIMUM_IP_TARGET", minimum)]
            .map(|(name, value)| (name.to_owned(), value.to_string()));
        let pool = Settings::load(None, environment).map(|loaded| loaded.settings.pool);
        let wanted = |n: u32| (n > 0).then_some(n);
        prop_assert_eq!(
            pool.map(|pool| (pool.warm_ip_target, pool.minimum_ip_target)),
            Ok((wanted(target), wanted(minimum)))
        );
    }
}
