//! What is judged on the stacked values: values that ask for what does not exist yet, and settings that do not go together.

use crate::layers::Findings;
use crate::load::Explained;
use crate::problems::{Problem, Provenance, Warning};
use crate::settings::Settings;
use crate::table::{Row, SETTINGS, Standing};

/// Values that are not in force.
pub(crate) fn standing(explained: &[Explained], findings: &mut Findings) {
    for (row, entry) in SETTINGS.iter().zip(explained) {
        let Some(value) = entry.value.clone() else {
            continue;
        };
        match row.standing {
            Standing::Only { value: only, otherwise } if value != only => {
                let name = name_of(row, &entry.from);
                findings.problems.push(Problem::Unsupported { name, value, why: otherwise });
            }
            Standing::Warned(why) if entry.from != Provenance::Default => {
                let name = name_of(row, &entry.from);
                findings.warnings.push(Warning::NotInForce { name, value, why });
            }
            Standing::InForce | Standing::Only { .. } | Standing::Warned(_) => {}
        }
    }
}

/// Settings that do not go together.
pub(crate) fn together(settings: &Settings, explained: &[Explained], findings: &mut Findings) {
    let daemon = &settings.daemon;
    let mut listeners = vec![("daemon.health_bind", daemon.health_bind)];
    if daemon.metrics {
        listeners.push(("daemon.metrics_bind", daemon.metrics_bind));
    }
    if daemon.introspection {
        listeners.push(("daemon.introspection_bind", daemon.introspection_bind));
    }
    let from = |key| {
        explained
            .iter()
            .find(|entry| entry.key == key)
            .map_or(Provenance::Default, |entry| entry.from.clone())
    };
    for (n, &(first, at)) in listeners.iter().enumerate() {
        for &(second, other) in listeners.iter().skip(n + 1) {
            let overlap = at.ip() == other.ip() || at.ip().is_unspecified() || other.ip().is_unspecified();
            if at.port() == other.port() && overlap {
                findings.problems.push(Problem::Clash {
                    first,
                    first_from: from(first),
                    second,
                    second_from: from(second),
                    value: at.to_string(),
                    why: "only one can listen there",
                });
            }
        }
    }
    if settings.pod_mtu_bytes() > settings.node.eni_mtu_bytes {
        findings.warnings.push(Warning::Doubtful {
            key: "node.pod_mtu_bytes",
            why: format!(
                "{} is more than the {} of the ENIs: large packets will not leave the node",
                settings.pod_mtu_bytes(),
                settings.node.eni_mtu_bytes
            ),
        });
    }
}

/// The name under which the value was written.
fn name_of(row: &Row, from: &Provenance) -> String {
    match from {
        Provenance::Environment(variable) => variable.clone(),
        Provenance::Default | Provenance::File(_) => row.key.to_owned(),
    }
}
