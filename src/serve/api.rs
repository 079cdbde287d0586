//! The GET routes about runs. They read what the monitor has published, and the history for runs that are no longer in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Value, json};

use super::address::{AddressError, Parameters};
use super::answer::{Answer, error, json};
use super::archive::{Archive, EPOCHS_MAX, RUNS_MAX};
use crate::history::records;
use crate::history::{Epochs, Snapshot, StoreError, StoredRun};
use rotewatch_core::intake::run::Run;
use rotewatch_core::monitor::live_runs::LiveRuns;
use rotewatch_core::monitor::report::EpochReport;
use rotewatch_core::record::{
    CommittedEpoch, EpochRecord, EpochsRecord, MatrixRecord, RunDetail, RunRecord, VerdictDetail, document,
};
use rotewatch_core::vocabulary::identity::{LayerName, RunName};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::Verdict;

/// Default number of blocks per side of a matrix.
const BLOCKS: u64 = 256;
/// Largest number of blocks that a request may ask for.
const BLOCKS_MAX: u64 = 1024;

/// `GET runs`: first the runs in memory by name, then those of the history, newest first.
pub(super) async fn runs(live_runs: &LiveRuns, archive: Option<&Archive>) -> Answer {
    let live = live_runs.runs();
    let mut runs: Vec<RunRecord> = live.values().map(|view| view.record()).collect();
    if let Some(archive) = archive {
        let known: BTreeSet<RunName> = live.keys().cloned().collect();
        let stored = archive.ask(move |history| {
            let stored = history.runs(RUNS_MAX)?.into_iter().filter(|run| !known.contains(&run.name));
            Ok(Some(stored.map(|run| records::run(&run)).collect::<Vec<_>>()))
        });
        // If the history cannot be read, the runs in memory are still listed.
        runs.extend(stored.await.ok().flatten().unwrap_or_default());
    }
    json(StatusCode::OK, &json!({ "runs": runs }))
}

/// `GET runs/{run}`.
pub(super) async fn run(live_runs: &LiveRuns, archive: Option<&Archive>, name: &RunName) -> Answer {
    let Some(view) = live_runs.runs().get(name).cloned() else {
        return remembered(archive, name, records::run_in_full).await;
    };
    let last_epoch = view.history.back().map(|record| committed(&view.run, record));
    let declared_layers = &view.run.declaration().layers;
    json(StatusCode::OK, &document(&RunDetail { run: view.record(), declared_layers, last_epoch }))
}

/// `GET runs/{run}/epochs`: all epochs that are kept, or those after an epoch that the client already has.
pub(super) async fn epochs(live_runs: &LiveRuns, archive: Option<&Archive>, name: &RunName, mut query: Parameters) -> Answer {
    let after = query.number("after", u64::from(u32::MAX)).and_then(|after| query.end().map(|()| after));
    let after = match after {
        Ok(after) => after.map(|after| Epoch(after as u32)),
        Err(fault) => return error(StatusCode::UNPROCESSABLE_ENTITY, fault),
    };
    let asked = Epochs { after, before: None, most: EPOCHS_MAX };
    let Some(view) = live_runs.runs().get(name).cloned() else {
        return remembered(archive, name, move |history, run| records::epochs(history, run, asked)).await;
    };
    // Older epochs that are no longer in memory are read from the history.
    let oldest = view.history.front().map(|epoch| epoch.epoch);
    let asked = Epochs { before: oldest, most: EPOCHS_MAX.saturating_sub(view.history.len()), ..asked };
    let older = match archive {
        Some(archive) => archive.let_go(&view.run, asked).await,
        None => Vec::new(),
    };
    let is_asked = |epoch: &&Arc<EpochRecord>| after.is_none_or(|after| epoch.epoch > after);
    let newer = view.history.iter().filter(is_asked).map(|record| committed(&view.run, record));
    let epochs = older.iter().map(records::committed).chain(newer).collect();
    let (run, attempt, committed_epoch) = (name.clone(), view.run.attempt(), view.run.committed_epoch());
    json(StatusCode::OK, &document(&EpochsRecord { run, attempt, committed_epoch, epochs }))
}

/// `GET runs/{run}/verdict`.
pub(super) async fn verdict(live_runs: &LiveRuns, archive: Option<&Archive>, name: &RunName) -> Answer {
    let Some(view) = live_runs.runs().get(name).cloned() else { return remembered(archive, name, records::verdict).await };
    let findings = match &view.run.newest_verdict().verdict {
        Verdict::Memorizing { alarms, .. } => alarms.clone(),
        _ => Vec::new(),
    };
    json(StatusCode::OK, &document(&VerdictDetail { state: view.run.state(), findings }))
}

/// Answers from the history for a run that is no longer in memory.
pub(super) async fn remembered(
    archive: Option<&Archive>,
    name: &RunName,
    tell: impl FnOnce(&Snapshot, &StoredRun) -> Result<Value, StoreError> + Send + 'static,
) -> Answer {
    let Some(archive) = archive else { return unknown(name) };
    let wanted = name.clone();
    let asked = archive.ask(move |history| history.run(&wanted, None)?.map(|run| tell(history, &run)).transpose());
    match asked.await {
        Ok(Some(document)) => json(StatusCode::OK, &document),
        Ok(None) => unknown(name),
        Err(failed) => *failed,
    }
}

/// The parameters of a request for a matrix.
#[derive(Clone, Copy, Debug)]
pub(super) struct MatrixQuestion {
    epoch: Option<Epoch>,
    most_blocks: usize,
}

impl MatrixQuestion {
    /// Parses the parameters.
    pub(super) fn read(mut query: Parameters) -> Result<Self, AddressError> {
        let epoch = query.number("epoch", u64::from(u32::MAX))?.map(|epoch| Epoch(epoch as u32));
        let most_blocks = query.number("max", BLOCKS_MAX)?.unwrap_or(BLOCKS).max(1) as usize;
        query.end()?;
        Ok(MatrixQuestion { epoch, most_blocks })
    }

    /// Returns the report in memory that has the matrix, if there is one.
    pub(super) fn report(self, live_runs: &LiveRuns, name: &RunName) -> Option<Arc<EpochReport>> {
        let newest = live_runs.runs().get(name)?.report.clone()?;
        self.epoch.is_none_or(|asked| asked == newest.epoch).then_some(newest)
    }

    /// Answers from a report. Computing the block means takes noticeable time for a wide layer.
    pub(super) fn answer(self, report: &EpochReport, layer: &LayerName) -> Answer {
        let run = &report.run;
        let measured = report.layers.iter().find(|report| report.layer == *layer && report.figures.is_some());
        let Some(measured) = measured else {
            return missing(format!("run {} has no measured layer {:?}", run.name(), layer.as_str()));
        };
        let measures = &measured.measures;
        let pairs = (&measures.mutual_information, measures.entropy_neuron_nats.as_slice());
        let run = (run.name().clone(), run.attempt());
        let matrix = MatrixRecord::of(run, report.epoch, layer.clone(), pairs, self.most_blocks);
        json(StatusCode::OK, &document(&matrix))
    }

    /// Answers from the history.
    pub(super) async fn ask(self, live_runs: &LiveRuns, archive: Option<&Archive>, name: &RunName, layer: &LayerName) -> Answer {
        let attempt = live_runs.runs().get(name).map(|view| view.run.attempt());
        let nowhere = || if attempt.is_some() { not_kept(name, layer, &[]) } else { unknown(name) };
        let Some(archive) = archive else { return nowhere() };
        let (wanted, wanted_layer) = (name.clone(), layer.clone());
        let asked = archive.ask(move |history| {
            let Some(run) = history.run(&wanted, attempt)? else { return Ok(None) };
            let found = records::matrix(history, &run, &wanted_layer, self.epoch, self.most_blocks)?;
            let kept = if found.is_none() { history.matrix_epochs(&run)? } else { Vec::new() };
            Ok(Some(found.ok_or(kept)))
        });
        match asked.await {
            Ok(Some(Ok(matrix))) => json(StatusCode::OK, &document(&matrix)),
            Ok(Some(Err(kept))) => not_kept(name, layer, &kept),
            Ok(None) => nowhere(),
            Err(failed) => *failed,
        }
    }
}

fn missing(reason: String) -> Answer {
    error(StatusCode::NOT_FOUND, reason)
}

/// 404 for a matrix that is not kept, with the epochs whose matrices are.
fn not_kept(name: &RunName, layer: &LayerName, kept: &[Epoch]) -> Answer {
    if kept.is_empty() {
        return missing(format!(
            "no pair matrix of run {name} is kept: it has no report yet, or its matrices are older than history.matrix_epochs"
        ));
    }
    let kept = kept.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    missing(format!("run {name} has no such matrix of layer {:?}; epochs whose matrices are kept: {kept}", layer.as_str()))
}

/// An epoch of a run in memory, with whether it is committed.
fn committed<'a>(run: &Run, record: &'a EpochRecord) -> CommittedEpoch<'a> {
    CommittedEpoch { record, committed: run.is_committed(record.epoch) }
}

/// 404 for an unknown run.
pub(super) fn unknown(name: &RunName) -> Answer {
    error(StatusCode::NOT_FOUND, format!("no run {name}; GET /api/v1/runs lists all runs"))
}
