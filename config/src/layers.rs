//! The layers: each is read on its own, value by value, into canonical form; figment stacks what was understood and
//! remembers which layer each value is from.

use std::collections::BTreeMap;
use std::path::Path;

use figment::value::{Dict, Map, Value};
use figment::{Metadata, Profile, Provider, Source};

use crate::nearest;
use crate::peer::{self, PEER_VARIABLES};
use crate::problems::{Problem, Provenance, Warning};
use crate::read::{Fault, Raw, read};
use crate::table::{Empty, Row, SETTINGS, Unreadable};

/// Settings are a page of text; more is another file given by mistake.
const FILE_BYTES_MAX: usize = 1 << 20;

/// What was understood of one layer.
#[derive(Debug)]
pub(crate) struct Layer {
    metadata: Metadata,
    sections: BTreeMap<&'static str, Dict>,
}

/// What was not understood, or is worth a word, of all layers.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
}

impl Layer {
    fn new(metadata: Metadata) -> Self {
        Self { metadata, sections: BTreeMap::new() }
    }

    fn put(&mut self, row: &Row, value: Value) {
        if let Some((section, name)) = row.key.split_once('.') {
            self.sections.entry(section).or_default().insert(name.to_owned(), value);
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let sections = self
            .sections
            .iter()
            .map(|(name, dict)| ((*name).to_owned(), Value::from(dict.clone())))
            .collect();
        Ok(Map::from([(Profile::Default, sections)]))
    }
}

/// Reads the text of a TOML layer: the defaults, or the file.
pub(crate) fn of_toml(from: &Provenance, text: &str, findings: &mut Findings) -> Layer {
    let mut layer = Layer::new(match from {
        Provenance::File(path) => Metadata::from("file", Source::File(path.clone())),
        _ => Metadata::named("default"),
    });
    if text.len() > FILE_BYTES_MAX {
        let (bytes, bytes_max) = (text.len(), FILE_BYTES_MAX);
        findings.problems.push(Problem::FileTooLarge { from: from.clone(), bytes, bytes_max });
        return layer;
    }
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            findings.problems.push(Problem::Toml {
                from: from.clone(),
                line: before.matches('\n').count() + 1,
                reason: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
            });
            return layer;
        }
    };
    for (section, value) in &table {
        let known =
            SETTINGS.iter().any(|row| row.key.split_once('.').is_some_and(|(name, _)| name == section));
        match value {
            toml::Value::Table(entries) if known => {
                for (name, value) in entries {
                    read_entry(&mut layer, from, section, name, value, findings);
                }
            }
            _ if known => findings.problems.push(Problem::Value {
                key: section.clone(),
                from: from.clone(),
                value: value.to_string(),
                expected: format!("a section, `[{section}]`"),
            }),
            toml::Value::Table(entries) if !entries.is_empty() => {
                for name in entries.keys() {
                    findings.problems.push(unknown_key(from, format!("{section}.{name}")));
                }
            }
            _ => findings.problems.push(unknown_key(from, section.clone())),
        }
    }
    layer
}

fn read_entry(
    layer: &mut Layer,
    from: &Provenance,
    section: &str,
    name: &str,
    value: &toml::Value,
    findings: &mut Findings,
) {
    let Some(row) = SETTINGS.iter().find(|row| row.key.split_once('.') == Some((section, name))) else {
        findings.problems.push(unknown_key(from, format!("{section}.{name}")));
        return;
    };
    match read(&row.kind, Raw::Toml(value)) {
        Ok(understood) => layer.put(row, understood.value),
        Err(Fault::Unreadable(expected) | Fault::Refused(expected)) => {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let (key, from) = (row.key.to_owned(), from.clone());
            findings.problems.push(Problem::Value { key, from, value, expected });
        }
    }
}

fn unknown_key(from: &Provenance, key: String) -> Problem {
    let suggestion = nearest::key(&key);
    Problem::UnknownKey { key, from: from.clone(), suggestion }
}

/// Reads the environment.
pub(crate) fn of_environment(variables: &BTreeMap<String, String>, findings: &mut Findings) -> Layer {
    let mut layer = Layer::new(Metadata::named("environment"));
    for row in SETTINGS {
        if let Some(text) = variables.get(row.variable) {
            read_variable(&mut layer, row, text, findings);
        }
    }
    for known in PEER_VARIABLES {
        match variables.get(known.name).and_then(|text| peer::judge(known, text)) {
            None => {}
            Some(Ok(warning)) => findings.warnings.push(warning),
            Some(Err(problem)) => findings.problems.push(problem),
        }
    }
    for (name, value) in variables {
        if peer::is_known(name) || is_service_link(name, value) {
            continue;
        }
        let suggestion = nearest::variable(name);
        if name.starts_with("ENID_") {
            let (name, value) = (name.clone(), value.clone());
            findings.problems.push(Problem::UnknownVariable { name, value, suggestion });
        } else if name.starts_with("AWS_VPC_K8S_") || name.starts_with("AWS_VPC_CNI_") {
            findings.warnings.push(Warning::UnknownVariable { name: name.clone(), suggestion });
        }
    }
    layer
}

fn read_variable(layer: &mut Layer, row: &Row, text: &str, findings: &mut Findings) {
    if text.is_empty() && row.reading.empty == Empty::Absent {
        return;
    }
    match read(&row.kind, Raw::Text(text)) {
        Ok(understood) => {
            findings.warnings.extend(
                understood.left_out.into_iter().map(|(part, why)| Warning::PartIgnored {
                    name: row.variable.to_owned(),
                    part,
                    why,
                }),
            );
            layer.put(row, understood.value);
        }
        Err(Fault::Unreadable(expected)) if row.reading.unreadable == Unreadable::Tolerated => {
            let (name, value) = (row.variable.to_owned(), text.to_owned());
            findings.warnings.push(Warning::Ignored { name, value, expected });
        }
        Err(Fault::Unreadable(expected) | Fault::Refused(expected)) => {
            findings.problems.push(Problem::Value {
                key: row.key.to_owned(),
                from: Provenance::Environment(row.variable.to_owned()),
                value: text.to_owned(),
                expected,
            });
        }
    }
}

/// Whether kubelet wrote this variable for a Service: one named `enid` or `enid-metrics` puts `ENID_PORT` and
/// `ENID_METRICS_SERVICE_HOST` into every container of its namespace, and that must not keep the node from starting.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    let is_address = value.parse::<std::net::IpAddr>().is_ok();
    let port_of_protocol = |tail: &str| {
        name.strip_suffix(tail)
            .and_then(|front| {
                ["_TCP", "_UDP", "_SCTP"].iter().find_map(|protocol| front.strip_suffix(protocol))
            })
            .and_then(|front| front.rsplit_once("_PORT_"))
            .is_some_and(|(_, port)| is_number(port))
    };
    name.ends_with("_SERVICE_HOST") && is_address
        || (name.ends_with("_SERVICE_PORT") || name.contains("_SERVICE_PORT_")) && is_number(value)
        || name.ends_with("_PORT") && is_url
        || port_of_protocol("") && is_url
        || port_of_protocol("_ADDR") && is_address
        || port_of_protocol("_PORT") && is_number(value)
        || port_of_protocol("_PROTO") && ["tcp", "udp", "sctp"].contains(&value)
}

/// Where figment says that a value is from.
pub(crate) fn provenance(row: &Row, metadata: Option<&Metadata>) -> Provenance {
    match metadata {
        Some(metadata) if metadata.name == "environment" => Provenance::Environment(row.variable.to_owned()),
        Some(metadata) => metadata
            .source
            .as_ref()
            .and_then(Source::file_path)
            .map_or(Provenance::Default, |path: &Path| Provenance::File(path.to_owned())),
        None => Provenance::Default,
    }
}
