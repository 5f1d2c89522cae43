//! A file: one scenario, or a table of them that differ by their parameters.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::path::Path;
use toml::Spanned;
use toml::de::DeTable;

use super::document::{Document, take_tables};
use super::parameters::{Row, rows, substitute};
use super::{PlacedStep, Sabotage, Scenario, check};

/// A scenario file, understood and checked.
#[derive(Debug, Clone)]
pub struct ScenarioFile {
    /// One; or one for each `[[cell]]`, in order.
    pub cells: Vec<Cell>,
}

/// A scenario with its parameters' values.
#[derive(Debug, Clone)]
pub struct Cell {
    /// Empty where the file has no table.
    pub name: String,
    /// What the parameters are here, as shown.
    pub parameters: BTreeMap<String, String>,
    /// What is run.
    pub scenario: Scenario,
}

impl ScenarioFile {
    /// Reads a scenario file with these parameters set, and checks that it makes sense before anything is started.
    ///
    /// # Errors
    /// When the file cannot be read, has a key that is not in the language, or refers to something it does not have.
    pub fn read(path: &Path, set: &[(String, String)]) -> Result<Self> {
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text, set).with_context(|| path.display().to_string())
    }

    /// Parses the text of a scenario file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, set: &[(String, String)]) -> Result<Self> {
        let document = Document::new(text);
        let mut table = document.parse()?;
        let rows = rows(document, table.get_mut(), set)?;
        let cells = rows.iter().map(|row| {
            let cell = cell(document, table.clone(), row);
            if row.name.is_empty() { cell } else { cell.with_context(|| format!("cell `{}`", row.name)) }
        });
        Ok(Self { cells: cells.collect::<Result<_>>()? })
    }

    /// What it shows.
    #[must_use]
    pub fn summary(&self) -> &str {
        self.cells.first().map_or("", |cell| cell.scenario.summary.as_str())
    }

    /// Ways to break the product so that it turns red; the same for every cell.
    #[must_use]
    pub fn sabotages(&self) -> &[Sabotage] {
        self.cells.first().map_or(&[], |cell| cell.scenario.sabotage.as_slice())
    }
}

fn cell<'i>(document: Document<'i>, mut table: Spanned<DeTable<'i>>, row: &Row<'i>) -> Result<Cell> {
    substitute(document, table.get_mut(), row)?;
    let steps = take_tables(document, table.get_mut(), "step")?;
    let mut scenario: Scenario = document.read(table)?;
    scenario.step = steps.into_iter().map(|step| PlacedStep::read(document, step)).collect::<Result<_>>()?;
    check::sense(&scenario)?;
    Ok(Cell { name: row.name.clone(), parameters: row.shown(), scenario })
}
