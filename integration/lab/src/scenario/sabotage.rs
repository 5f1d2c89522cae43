//! The sabotage that turns a scenario red: a piece of a product source file, and what it is replaced by. Checked against the
//! sources by a test, so that one that no longer fits is noticed by whoever changes the product. Pure.

use anyhow::{Result, bail, ensure};
use serde::Deserialize;
use std::path::{Component, PathBuf};

/// Where the product's sources are, from the workspace's root.
const PRODUCT: [&str; 3] = ["actors", "cni-shim", "config"];

/// One way to break the product.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sabotage {
    /// What is broken, in one sentence.
    pub breaks: String,
    /// The source file, from the workspace's root.
    pub file: PathBuf,
    /// A text that is in it exactly once.
    pub find: String,
    /// What stands there instead; empty to leave it out.
    pub replace: String,
    /// Words that are in the failure then; any failure will do if there are none.
    #[serde(default)]
    pub says: Vec<String>,
}

impl Sabotage {
    /// Refuses what could break nothing, or something that is not the product's.
    pub(super) fn sense(&self) -> Result<()> {
        ensure!(!self.breaks.trim().is_empty(), "a sabotage must say what it breaks");
        ensure!(
            !self.find.trim().is_empty(),
            "sabotage of {}: find must name something",
            self.file.display()
        );
        ensure!(self.find != self.replace, "sabotage of {}: it changes nothing", self.file.display());
        let plain = self.file.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || !PRODUCT.iter().any(|folder| self.file.starts_with(folder)) {
            bail!("sabotage of {}: only {} can be broken", self.file.display(), PRODUCT.join(", "));
        }
        ensure!(!self.says.iter().any(String::is_empty), "sabotage of {}: says nothing", self.file.display());
        Ok(())
    }

    /// The file's text after the sabotage.
    ///
    /// # Errors
    /// When what is to be replaced is not there, or more than once.
    pub fn apply(&self, text: &str) -> Result<String> {
        match text.matches(&self.find).count() {
            1 => Ok(text.replacen(&self.find, &self.replace, 1)),
            0 => bail!("{} does not hold `{}` any more", self.file.display(), self.find),
            several => bail!("{} holds `{}` {several} times", self.file.display(), self.find),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{ScenarioFile, find, names};

    fn sabotage(file: &str, find: &str) -> Sabotage {
        let (breaks, replace) = ("it".to_owned(), String::new());
        Sabotage { breaks, file: file.into(), find: find.to_owned(), replace, says: Vec::new() }
    }

    #[test]
    fn every_scenario_that_comes_with_the_lab_names_a_sabotage_that_fits_the_sources() {
        let root = crate::binaries::workspace_root().unwrap();
        for name in names().unwrap() {
            let file = ScenarioFile::read(&find(&name).unwrap().1, &[]).unwrap();
            assert!(!file.sabotages().is_empty(), "{name}: nobody knows how it turns red");
            for sabotage in file.sabotages() {
                let text = std::fs::read_to_string(root.join(&sabotage.file))
                    .unwrap_or_else(|error| panic!("{name}: {}: {error}", sabotage.file.display()));
                let broken = sabotage.apply(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
                assert_ne!(broken, text, "{name}");
            }
        }
    }

    #[test]
    fn what_is_not_there_exactly_once_is_not_replaced() {
        assert_eq!(sabotage("config/a.rs", "b").apply("abc").unwrap(), "ac");
        assert!(sabotage("config/a.rs", "b").apply("bb").unwrap_err().to_string().contains("2 times"));
        assert!(sabotage("config/a.rs", "b").apply("ac").unwrap_err().to_string().contains("any more"));
    }

    #[test]
    fn only_the_product_can_be_broken_and_only_by_a_change() {
        assert!(sabotage("config/src/load.rs", "x").sense().is_ok());
        for (file, find) in [
            ("integration/lab/src/run.rs", "x"),
            ("config/../integration/lab/src/run.rs", "x"),
            ("/etc/passwd", "x"),
            ("config/src/load.rs", " "),
            ("config/src/load.rs", ""),
        ] {
            assert!(sabotage(file, find).sense().is_err(), "{file} {find:?}");
        }
    }
}
