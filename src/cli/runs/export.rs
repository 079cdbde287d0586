//! All numbers of a run: as a document like that of `train --json`, or as a table for spreadsheets.

use std::collections::BTreeSet;

use csv::Writer;
use serde_json::{Map, Value, json};

use crate::history::{Epochs, Snapshot, StoreError, StoredEpoch, StoredRun, document};
use rotewatch_core::monitor::live_runs::LayerSummary;
use rotewatch_core::monitor::report::LayerStatistics;
use rotewatch_core::record::json::{self, distribution, finite};
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_info::measures::Distribution;

/// A measure's name, and how to read it.
type Measure = (&'static str, fn(&LayerStatistics) -> Option<&Distribution>);

const MEASURES: [Measure; 5] = [
    ("entropy_network_nats", |all| Some(&all.entropy_network_nats)),
    ("entropy_neuron_nats", |all| Some(&all.entropy_neuron_nats)),
    ("mutual_information_nats", |all| all.mutual_information_nats.as_ref()),
    ("mutual_information_ratio", |all| all.mutual_information_ratio.as_ref()),
    ("class_information_nats", |all| all.class_information_nats.as_ref()),
];

/// The JSON document of a training, on one line.
pub(super) fn json(history: &Snapshot, run: &StoredRun) -> Result<String, StoreError> {
    let mut exported = document::run(run);
    exported.insert("probe".to_owned(), json!(run.probe));
    exported.insert("history".to_owned(), epochs(history, run)?.iter().map(epoch).collect());
    exported.insert("findings".to_owned(), history.findings(run)?.iter().map(document::finding).collect());
    exported.insert("hooks".to_owned(), history.hook_outcomes(run)?.iter().map(document::outcome).collect());
    Ok(format!("{}\n", Value::Object(exported)))
}

/// One line an epoch and layer; what there is no number for is empty.
pub(super) fn csv(history: &Snapshot, run: &StoredRun) -> anyhow::Result<String> {
    let epochs = epochs(history, run)?;
    let metrics: BTreeSet<&str> = epochs.iter().flat_map(|epoch| epoch.summary.metrics.iter().map(|(name, _)| name)).collect();
    let statistics =
        |(measure, _): &Measure| ["mean", "p05", "p50", "p90", "p95"].map(|statistic| format!("{measure}_{statistic}"));
    let head = ["run", "attempt", "epoch", "verdict", "rows", "coverage", "layer"].map(str::to_owned);
    let head = head.into_iter().chain(MEASURES.iter().flat_map(statistics)).chain(metrics.iter().map(ToString::to_string));
    let mut csv = Writer::from_writer(Vec::new());
    csv.write_record(head)?;
    for StoredEpoch { summary, .. } in &epochs {
        for layer in &summary.layers {
            let mut row = vec![run.name.to_string(), run.attempt.to_string(), summary.epoch.to_string()];
            row.extend([summary.verdict.to_owned(), summary.rows.to_string(), cell(summary.coverage), guarded(&layer.layer)]);
            for (_, of) in MEASURES {
                let values = layer.statistics.as_ref().and_then(of).map(Distribution::by_name);
                row.extend(values.map_or([None; 5], |values| values.map(|(_, value)| Some(value))).map(cell));
            }
            row.extend(metrics.iter().map(|name| cell(summary.metrics.get(name))));
            csv.write_record(row)?;
        }
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

fn epochs(history: &Snapshot, run: &StoredRun) -> Result<Vec<StoredEpoch>, StoreError> {
    history.epochs(run, Epochs::ALL)
}

fn epoch(epoch: &StoredEpoch) -> Value {
    let summary = &epoch.summary;
    let metrics: Map<String, Value> = summary.metrics.iter().map(|(name, value)| (name.to_owned(), finite(value))).collect();
    let layer = |layer: &LayerSummary| {
        let mut exported = json::object(json!({ "name": layer.layer.as_str(), "neurons": layer.neurons }));
        for (measure, of) in MEASURES {
            let values = layer.statistics.as_ref().and_then(of);
            exported.insert(measure.to_owned(), values.map_or(Value::Null, distribution));
        }
        Value::Object(exported)
    };
    json!({
        "epoch": summary.epoch.0,
        "metrics": metrics,
        "prediction_entropy_nats": summary.prediction_entropy_nats.map(finite),
        "verdict": summary.verdict,
        "rows": summary.rows,
        "coverage": summary.coverage.map(finite),
        "compute_seconds": finite(summary.compute.as_secs_f64()),
        "time": finite(summary.made_at_unix_seconds),
        "layers": summary.layers.iter().map(layer).collect::<Vec<_>>(),
    })
}

fn cell(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
}

/// A name that is no formula where a spreadsheet opens it.
fn guarded(layer: &LayerName) -> String {
    let guard = if layer.as_str().starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    format!("{guard}{layer}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layers_name_is_no_formula() {
        let guarded = |name: &str| guarded(&name.parse().expect("a good name"));
        assert_eq!(guarded("a,\"b\""), "a,\"b\"");
        assert_eq!(guarded("=1+1"), "'=1+1");
    }
}
