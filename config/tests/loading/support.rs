//! How the tests load, and how they look at what came out.

use std::path::PathBuf;

use config::{ConfigErrors, Loaded, Settings};

const FILE: &str = "/etc/enid/enid.toml";

pub(crate) fn load(file: Option<&str>, environment: &[(&str, &str)]) -> Result<Loaded, ConfigErrors> {
    Settings::load(
        file.map(|text| (PathBuf::from(FILE), text.to_owned())),
        environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
    )
}

pub(crate) fn loaded(file: Option<&str>, environment: &[(&str, &str)]) -> Loaded {
    load(file, environment).unwrap_or_else(|errors| panic!("refused:\n{errors}"))
}

pub(crate) fn errors(file: Option<&str>, environment: &[(&str, &str)]) -> Vec<String> {
    let errors = load(file, environment).map(|loaded| loaded.settings).expect_err("it must be refused");
    assert_eq!(errors.to_string().lines().count(), errors.problems().len(), "one line each: {errors}");
    errors.to_string().lines().map(str::to_owned).collect()
}

pub(crate) fn explained(loaded: &Loaded, key: &str) -> String {
    loaded.provenance.iter().find(|entry| entry.key == key).unwrap().to_string()
}
