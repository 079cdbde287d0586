//! Writes runs of the history as JSON, with the same keys that the API uses for runs in memory.

use serde_json::{Map, Value, json};

use super::write::{INTERRUPTED, TRAINING};
use super::{Epochs, Snapshot, StoreError, StoredEpoch, StoredFinding, StoredOutcome, StoredRun};
use rotewatch_core::record::json::{self, finite};
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Verdict;

/// The state of a run: `{run, attempt, epoch, committed_epoch, verdict..., stop, reason}`.
#[must_use]
pub fn standing(run: &StoredRun) -> Map<String, Value> {
    let mut document = json::verdict(None);
    document.insert("verdict".to_owned(), json!(Verdict::ALL[0]));
    document.insert("why".to_owned(), json!("no epoch was reported yet"));
    document.extend(run.standing.clone());
    let newest = run.newest_epoch.map(|epoch| epoch.0);
    document.extend(json::object(json!({
        "run": run.name.as_str(),
        "attempt": run.attempt.to_string(),
        "epoch": newest,
        "committed_epoch": newest,
        "stop": run.stop_reason.is_some(),
        "reason": run.stop_reason,
    })));
    document
}

/// The same with `status`, `mode`, `framework`, `updated_at` and `baseline` (whether other runs are compared with it).
#[must_use]
pub fn run(run: &StoredRun) -> Map<String, Value> {
    let mut document = standing(run);
    document.extend(json::object(json!({
        "status": status(run),
        "mode": run.mode.to_string(),
        "framework": run.framework,
        "updated_at": run.updated_at.map(finite),
        "baseline": run.is_baseline,
    })));
    document
}

/// The same with the layers and the newest epoch.
///
/// # Errors
/// See [`StoreError`].
pub fn run_in_full(history: &Snapshot, stored: &StoredRun) -> Result<Map<String, Value>, StoreError> {
    let mut document = run(stored);
    document.extend(json::object(json!({
        "declared_layers": stored.layers.iter().map(LayerName::as_str).collect::<Vec<_>>(),
        "last_epoch": history.epochs(stored, Epochs::newest(1))?.last().map(epoch),
    })));
    Ok(document)
}

/// The state of a run, with all active alarms.
///
/// # Errors
/// See [`StoreError`].
pub fn verdict(history: &Snapshot, stored: &StoredRun) -> Result<Map<String, Value>, StoreError> {
    let mut document = standing(stored);
    let findings = history.findings(stored)?.into_iter().filter(|finding| finding.ended_epoch.is_none());
    document.insert("findings".to_owned(), findings.map(|finding| Value::Object(finding.alarm)).collect());
    Ok(document)
}

/// Epochs of a run: `{run, attempt, committed_epoch, epochs}`.
///
/// # Errors
/// See [`StoreError`].
pub fn epochs(history: &Snapshot, stored: &StoredRun, which: Epochs) -> Result<Map<String, Value>, StoreError> {
    let epochs: Vec<Value> = history.epochs(stored, which)?.iter().map(epoch).collect();
    Ok(json::object(json!({
        "run": stored.name.as_str(),
        "attempt": stored.attempt.to_string(),
        "committed_epoch": stored.newest_epoch.map(|epoch| epoch.0),
        "epochs": epochs,
    })))
}

/// The pairs of a layer in at most `most_blocks` blocks per side, for the given epoch or else the newest epoch that has them: `{run,
/// attempt, epoch, layer, neurons, blocks, mutual_information_nats}`. Returns `None` if they are not kept.
///
/// # Errors
/// See [`StoreError`].
pub fn matrix(
    history: &Snapshot,
    stored: &StoredRun,
    layer: &LayerName,
    epoch: Option<Epoch>,
    most_blocks: usize,
) -> Result<Option<Map<String, Value>>, StoreError> {
    let Some(found) = history.matrix(stored, layer, epoch)? else { return Ok(None) };
    let mut document = json::matrix(&found.pairs, &found.entropy_neuron_nats, most_blocks);
    document.extend(json::object(json!({
        "run": stored.name.as_str(),
        "attempt": stored.attempt.to_string(),
        "epoch": found.epoch.0,
        "layer": layer.as_str(),
    })));
    Ok(Some(document))
}

/// An epoch; every epoch of the history is committed.
#[must_use]
pub fn epoch(epoch: &StoredEpoch) -> Value {
    let mut document = json::epoch(&epoch.summary);
    document.insert("committed".to_owned(), json!(true));
    Value::Object(document)
}

/// An alarm with its score and its end.
#[must_use]
pub fn finding(finding: &StoredFinding) -> Value {
    let mut document = finding.alarm.clone();
    document.insert("score".to_owned(), finding.score.map_or(Value::Null, finite));
    document.insert("ended_epoch".to_owned(), json!(finding.ended_epoch.map(|epoch| epoch.0)));
    Value::Object(document)
}

/// The result of notifying a hook.
#[must_use]
pub fn outcome(outcome: &StoredOutcome) -> Value {
    json!({
        "hook": outcome.hook,
        "kind": outcome.kind,
        "onset_epoch": outcome.onset_epoch.0,
        "alarm_epoch": outcome.alarm_epoch.0,
        "tries": outcome.tries,
        "result": outcome.result,
        "detail": outcome.detail,
        "time": finite(outcome.at),
    })
}

/// How a run ended, or that it is still training.
#[must_use]
pub fn status(run: &StoredRun) -> String {
    match run.ending {
        Some(ending) => ending.to_string(),
        None if run.is_interrupted => INTERRUPTED.to_owned(),
        None => TRAINING.to_owned(),
    }
}
