//! Parameters and tables of a file: values by name, put where `${name}` stands. A cell is one row of the table. Pure.

use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::document::{Document, take_tables, unknown_word};

/// Where no parameter is looked for: words about the product, not about the run.
const VERBATIM: [&str; 2] = ["summary", "sabotage"];

/// The column that names a row.
const NAME: &str = "name";

type Values<'i> = BTreeMap<String, Spanned<DeValue<'i>>>;

/// One row: its name, and the value of every parameter.
#[derive(Debug, Clone)]
pub(crate) struct Row<'i> {
    /// Empty where the file has no table.
    pub(crate) name: String,
    pub(crate) values: Values<'i>,
}

impl Row<'_> {
    /// The values as they are shown.
    pub(crate) fn shown(&self) -> BTreeMap<String, String> {
        self.values.iter().map(|(name, value)| (name.clone(), shown(value.get_ref()))).collect()
    }
}

/// Takes `[parameters]` and `[[cell]]` out of a file's table, with these values set from outside.
pub(crate) fn rows<'i>(
    document: Document<'i>,
    table: &mut DeTable<'i>,
    set: &'i [(String, String)],
) -> Result<Vec<Row<'i>>> {
    let mut defaults = defaults(document, table)?;
    let cells = take_tables(document, table, "cell")?;
    for (name, text) in set {
        let Some(default) = defaults.get_mut(name) else {
            let known: Vec<&str> = defaults.keys().map(String::as_str).collect();
            bail!("--set: {}", unknown_word("parameter", name, &known));
        };
        if cells.iter().any(|cell| cell.get_ref().contains_key(name.as_str())) {
            bail!("--set {name}: every [[cell]] has its own value");
        }
        let value = given(name, text, default.get_ref())?;
        *default = Spanned::new(default.span(), value);
    }
    if cells.is_empty() {
        return Ok(vec![Row { name: String::new(), values: defaults }]);
    }
    let mut rows: Vec<Row<'i>> = Vec::new();
    for cell in cells {
        let span = cell.span();
        let row = row(document, cell, &defaults)?;
        if rows.iter().any(|other| other.name == row.name) {
            return Err(document.at(&span, &format!("there is a cell `{}` already", row.name)));
        }
        rows.push(row);
    }
    whole(document, &rows)?;
    Ok(rows)
}

fn defaults<'i>(document: Document<'i>, table: &mut DeTable<'i>) -> Result<Values<'i>> {
    let Some(value) = table.remove("parameters") else {
        return Ok(BTreeMap::new());
    };
    let span = value.span();
    let DeValue::Table(parameters) = value.into_inner() else {
        return Err(document.at(&span, "`parameters` is a table: write [parameters]"));
    };
    Ok(parameters.into_iter().map(|(name, value)| (name.into_inner().into_owned(), value)).collect())
}

fn row<'i>(document: Document<'i>, cell: Spanned<DeTable<'i>>, defaults: &Values<'i>) -> Result<Row<'i>> {
    let span = cell.span();
    let mut columns = cell.into_inner();
    let name = columns.remove(NAME).map(Spanned::into_inner);
    let Some(DeValue::String(name)) = name else {
        return Err(document.at(&span, "a [[cell]] needs a `name`, so that it can be named when it fails"));
    };
    let mut values = defaults.clone();
    values.extend(columns.into_iter().map(|(name, value)| (name.into_inner().into_owned(), value)));
    Ok(Row { name: name.into_owned(), values })
}

/// Every row has every column, unless the column has a default.
fn whole(document: Document<'_>, rows: &[Row<'_>]) -> Result<()> {
    for column in rows.iter().flat_map(|row| &row.values) {
        if let Some(row) = rows.iter().find(|row| !row.values.contains_key(column.0)) {
            let words = format!(
                "the cell `{}` has no `{}`, and [parameters] has no default for it",
                row.name, column.0
            );
            return Err(document.at(&column.1.span(), &words));
        }
    }
    Ok(())
}

/// A value from the command line, of the kind that the default has.
fn given<'i>(name: &str, text: &'i str, default: &DeValue<'i>) -> Result<DeValue<'i>> {
    if default.is_str() {
        return Ok(DeValue::String(text.into()));
    }
    match DeValue::parse(text).map(Spanned::into_inner) {
        Ok(value) if value.same_type(default) => Ok(value),
        _ => bail!("--set {name}={text}: expected {} {}", article(default), default.type_str()),
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    if value.is_integer() || value.is_array() { "an" } else { "a" }
}

/// Puts a row's values into a file's table. What the file declares and does not use is an error.
pub(crate) fn substitute<'i>(document: Document<'i>, table: &mut DeTable<'i>, row: &Row<'i>) -> Result<()> {
    let mut place = Place { document, values: &row.values, used: BTreeSet::new() };
    let verbatim: Vec<_> = VERBATIM.iter().filter_map(|key| table.remove_entry(*key)).collect();
    place.table(table)?;
    table.extend(verbatim);
    match row.values.iter().find(|(name, _)| !place.used.contains(*name)) {
        Some((name, value)) => {
            Err(document.at(&value.span(), &format!("the parameter `{name}` is used nowhere")))
        }
        None => Ok(()),
    }
}

struct Place<'a, 'i> {
    document: Document<'i>,
    values: &'a Values<'i>,
    used: BTreeSet<String>,
}

impl<'i> Place<'_, 'i> {
    fn table(&mut self, table: &mut DeTable<'i>) -> Result<()> {
        for (key, mut value) in std::mem::take(table) {
            let span = key.span();
            let key = match self.text(key.get_ref(), &span)? {
                Some(text) => Spanned::new(span, DeString::Owned(text)),
                None => key,
            };
            self.value(&mut value)?;
            table.insert(key, value);
        }
        Ok(())
    }

    fn value(&mut self, value: &mut Spanned<DeValue<'i>>) -> Result<()> {
        let span = value.span();
        match value.get_mut() {
            DeValue::String(text) => {
                if let Some(name) = alone(text) {
                    let whole = self.look_up(name, &span)?.clone();
                    *value.get_mut() = whole;
                } else if let Some(filled) = self.text(text, &span)? {
                    *text = DeString::Owned(filled);
                }
                Ok(())
            }
            DeValue::Array(items) => items.iter_mut().try_for_each(|item| self.value(item)),
            DeValue::Table(table) => self.table(table),
            _ => Ok(()),
        }
    }

    /// The text with its parameters filled in; `None` if it has none.
    fn text(&mut self, text: &str, span: &std::ops::Range<usize>) -> Result<Option<String>> {
        if !text.contains("${") {
            return Ok(None);
        }
        let (mut filled, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else {
                return Err(self.document.at(span, &format!("`{text}`: a `${{` without its `}}`")));
            };
            let value = self.look_up(name, span)?;
            if value.is_table() || value.is_array() {
                let words =
                    format!("`{name}` is {}: it can only stand alone, as \"${{{name}}}\"", value.type_str());
                return Err(self.document.at(span, &words));
            }
            filled.push_str(before);
            filled.push_str(&shown(value));
            rest = after;
        }
        filled.push_str(rest);
        Ok(Some(filled))
    }

    fn look_up(&mut self, name: &str, span: &std::ops::Range<usize>) -> Result<&DeValue<'i>> {
        let Some(value) = self.values.get(name) else {
            let known: Vec<&str> = self.values.keys().map(String::as_str).collect();
            return Err(self.document.at(span, &unknown_word("parameter", name, &known)));
        };
        self.used.insert(name.to_owned());
        Ok(value.get_ref())
    }
}

/// `${name}` and nothing else.
fn alone(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['$', '}'])).then_some(name)
}

/// A value in words.
fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(yes) => yes.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| shown(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::Table(table) => {
            let pairs =
                table.iter().map(|(key, value)| format!("{} = {}", key.get_ref(), shown(value.get_ref())));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}
