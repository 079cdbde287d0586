//! Runs of the history as records, the same that the API makes of runs in memory.

use super::write::{INTERRUPTED, TRAINING};
use super::{Epochs, Snapshot, StoreError, StoredRun};
use rotewatch_core::record::{
    CommittedEpoch, EpochRecord, EpochsRecord, MatrixRecord, RunDetail, RunRecord, StateRecord, VerdictDetail, VerdictRecord,
    document,
};
use rotewatch_core::vocabulary::identity::LayerName;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::VerdictWord;
use serde_json::Value;

/// The state of a run.
#[must_use]
pub fn state(run: &StoredRun) -> StateRecord {
    let unreported = || VerdictRecord {
        verdict: Some(VerdictWord::TooEarly),
        why: Some("no epoch was reported yet".to_owned()),
        ..VerdictRecord::default()
    };
    StateRecord {
        run: run.name.clone(),
        attempt: run.attempt,
        epoch: run.newest_epoch,
        committed_epoch: run.newest_epoch,
        verdict: run.verdict.clone().unwrap_or_else(unreported),
        stop: run.stop_reason.is_some(),
        reason: run.stop_reason.clone(),
    }
}

/// A run as in a list.
#[must_use]
pub fn run(run: &StoredRun) -> RunRecord {
    RunRecord {
        state: state(run),
        status: status(run),
        mode: run.mode.to_string(),
        framework: run.framework.clone(),
        updated_at: run.updated_at,
        baseline: Some(run.is_baseline),
    }
}

/// The same with the layers and the newest epoch.
///
/// # Errors
/// See [`StoreError`].
pub fn run_in_full(history: &Snapshot, stored: &StoredRun) -> Result<Value, StoreError> {
    let newest = history.epochs(stored, Epochs::newest(1))?;
    let last_epoch = newest.last().map(committed);
    Ok(document(&RunDetail { run: run(stored), declared_layers: &stored.layers, last_epoch }))
}

/// The state of a run, with all active alarms.
///
/// # Errors
/// See [`StoreError`].
pub fn verdict(history: &Snapshot, stored: &StoredRun) -> Result<Value, StoreError> {
    let active = history.findings(stored)?.into_iter().filter(|finding| finding.ended_epoch.is_none());
    Ok(document(&VerdictDetail { state: state(stored), findings: active.map(|finding| finding.alarm).collect() }))
}

/// Epochs of a run.
///
/// # Errors
/// See [`StoreError`].
pub fn epochs(history: &Snapshot, stored: &StoredRun, which: Epochs) -> Result<Value, StoreError> {
    let records = history.epochs(stored, which)?;
    Ok(document(&EpochsRecord {
        run: stored.name.clone(),
        attempt: stored.attempt,
        committed_epoch: stored.newest_epoch,
        epochs: records.iter().map(committed).collect(),
    }))
}

/// The pairs of a layer in at most `most_blocks` blocks per side, for the given epoch or else the newest epoch that has them. Returns
/// `None` if they are not kept.
///
/// # Errors
/// See [`StoreError`].
pub fn matrix(
    history: &Snapshot,
    stored: &StoredRun,
    layer: &LayerName,
    epoch: Option<Epoch>,
    most_blocks: usize,
) -> Result<Option<MatrixRecord>, StoreError> {
    let Some(found) = history.matrix(stored, layer, epoch)? else { return Ok(None) };
    let (run, pairs) = ((stored.name.clone(), stored.attempt), (&found.pairs, found.entropy_neuron_nats.as_slice()));
    Ok(Some(MatrixRecord::of(run, found.epoch, layer.clone(), pairs, most_blocks)))
}

/// An epoch of the history, all of which are committed.
#[must_use]
pub fn committed(record: &EpochRecord) -> CommittedEpoch<'_> {
    CommittedEpoch { record, committed: true }
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
