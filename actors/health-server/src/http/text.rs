//! The picture as text: JSON for `/readyz`, Prometheus for `/metrics`.

use contract::mail::health_server::ChildHealth;
use metrics::{Label, counter, describe_counter, describe_gauge, gauge, with_local_recorder};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde::Serialize;

use crate::plan::{Picture, Reason, Value};

#[derive(Serialize)]
struct Readyz<'a> {
    ready: bool,
    /// Time since boot, seconds.
    since_boot_seconds: u64,
    reasons: &'a [Reason],
    degraded: &'a [Reason],
    not_yet: &'a [String],
    rooms: Vec<Room<'a>>,
}

#[derive(Serialize)]
struct Room<'a> {
    name: &'a str,
    state: &'a str,
    incarnation: u64,
    restarts: u64,
    last_cause: Option<&'a str>,
}

impl<'a> Room<'a> {
    fn of(child: &'a ChildHealth) -> Self {
        Self {
            name: child.name,
            state: &child.state,
            incarnation: child.incarnation,
            restarts: child.restarts.iter().fold(0, |sum, (_, many)| sum.saturating_add(*many)),
            last_cause: child.last_cause.as_deref(),
        }
    }
}

pub(super) fn readyz(picture: &Picture) -> String {
    let body = Readyz {
        ready: picture.ready,
        since_boot_seconds: picture.since.as_secs(),
        reasons: &picture.reasons,
        degraded: &picture.degraded,
        not_yet: &picture.not_yet,
        rooms: picture.children.iter().map(Room::of).collect(),
    };
    match serde_json::to_string_pretty(&body) {
        Ok(text) => text + "\n",
        Err(error) => format!("{{\"ready\": {}, \"error\": \"{error}\"}}\n", picture.ready),
    }
}

/// Rendered from a recorder of its own each time: a label that is no longer true must not stay.
pub(super) fn metrics(picture: &Picture) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    with_local_recorder(&recorder, || {
        for sample in &picture.samples {
            let labels: Vec<Label> =
                sample.labels.iter().map(|(name, value)| Label::new(*name, value.clone())).collect();
            match sample.value {
                Value::Counter(value) => {
                    describe_counter!(sample.name, sample.help);
                    counter!(sample.name, labels).absolute(value);
                }
                Value::Gauge(value) => {
                    describe_gauge!(sample.name, sample.help);
                    gauge!(sample.name, labels).set(as_float(value));
                }
            }
        }
    });
    recorder.handle().render()
}

/// Exact below 2^53, which no gauge of ours reaches.
#[expect(clippy::cast_precision_loss, reason = "the format knows floating point numbers only")]
fn as_float(value: u64) -> f64 {
    value as f64
}
