//! All numbers of a run: as a document like that of `train --json`, or as a table for spreadsheets.

use std::collections::BTreeSet;

use csv::Writer;
use rotewatch_core::record::catalogue::Measure;
use rotewatch_core::record::{EpochRecord, FindingRecord, RunRecord, document};
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_info::measures::Distribution;
use serde::Serialize;

use crate::history::records;
use crate::history::{Epochs, Snapshot, StoreError, StoredOutcome, StoredRun};

/// Everything about a run.
#[derive(Serialize)]
struct Export<'a> {
    #[serde(flatten)]
    run: RunRecord,
    probe: Option<&'a str>,
    epochs: Vec<EpochRecord>,
    findings: Vec<FindingRecord>,
    hooks: Vec<StoredOutcome>,
}

/// The JSON document of a training, on one line.
pub(super) fn json(history: &Snapshot, run: &StoredRun) -> Result<String, StoreError> {
    let export = Export {
        run: records::run(run),
        probe: run.probe.as_deref(),
        epochs: history.epochs(run, Epochs::ALL)?,
        findings: history.findings(run)?,
        hooks: history.hook_outcomes(run)?,
    };
    Ok(format!("{}\n", document(&export)))
}

/// One line per epoch and layer; a missing number is an empty cell.
pub(super) fn csv(history: &Snapshot, run: &StoredRun) -> anyhow::Result<String> {
    let epochs = history.epochs(run, Epochs::ALL)?;
    let metrics: BTreeSet<&str> = epochs.iter().flat_map(|epoch| epoch.metrics.iter().map(|(name, _)| name)).collect();
    let statistics = |measure: &&str| ["mean", "p05", "p50", "p90", "p95"].map(|statistic| format!("{measure}_{statistic}"));
    let head = ["run", "attempt", "epoch", "verdict", "rows", "coverage", "layer"].map(str::to_owned);
    let head = head.into_iter().chain(Measure::NAMES.iter().flat_map(statistics)).chain(metrics.iter().map(ToString::to_string));
    let mut csv = Writer::from_writer(Vec::new());
    csv.write_record(head)?;
    for epoch in &epochs {
        let verdict = epoch.verdict.map_or("", |verdict| verdict.as_str());
        for layer in &epoch.layers {
            let mut row = vec![run.name.to_string(), run.attempt.to_string(), epoch.epoch.to_string()];
            row.extend([verdict.to_owned(), epoch.rows.to_string(), cell(epoch.coverage), guarded(&layer.layer)]);
            for (_, figure) in layer.figures.iter() {
                let values = figure.map(Distribution::by_name);
                row.extend(values.map_or([None; 5], |values| values.map(|(_, value)| Some(value))).map(cell));
            }
            row.extend(metrics.iter().map(|name| cell(epoch.metrics.get(name))));
            csv.write_record(row)?;
        }
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

fn cell(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map(|value| value.to_string()).unwrap_or_default()
}

/// A name with a guard that keeps spreadsheets from reading it as a formula.
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
