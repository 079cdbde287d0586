//! What can be asked about runs: everything is read from what the monitor has published.

use std::sync::Arc;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::address::{AddressError, Parameters};
use super::answer::{Answer, error, json};
use crate::board::{Board, EpochSummary, LayerSummary, RunView};
use crate::identity::{LayerName, RunName};
use crate::info::blocks::block_means;
use crate::info::{Density, Quartiles};
use crate::report::{EpochReport, LayerStatistics};
use crate::run::Run;
use crate::verdict::Verdict;
use crate::wire::{self, distribution, finite};

/// Blocks of a matrix, unless asked otherwise.
const BLOCKS: u64 = 256;
/// The most that may be asked for.
const BLOCKS_MAX: u64 = 1024;

/// `GET runs`.
pub(super) fn runs(board: &Board) -> Answer {
    let runs: Vec<Value> = board.runs().values().map(|view| Value::Object(brief(view))).collect();
    json(StatusCode::OK, &json!({ "runs": runs }))
}

/// `GET runs/{run}`.
pub(super) fn run(board: &Board, name: &RunName) -> Answer {
    let Some(view) = board.runs().get(name).cloned() else { return unknown(name) };
    let mut document = brief(&view);
    let declaration = view.run.declaration();
    document.extend(wire::object(json!({
        "declared_layers": declaration.layers.iter().map(LayerName::as_str).collect::<Vec<_>>(),
        "last_epoch": view.history.back().map(|epoch| summary(epoch)),
    })));
    json(StatusCode::OK, &Value::Object(document))
}

/// `GET runs/{run}/epochs`: all that are kept, or those after one that the client has already.
pub(super) fn epochs(board: &Board, name: &RunName, mut query: Parameters) -> Answer {
    let after = query.number("after", u64::from(u32::MAX)).and_then(|after| query.end().map(|()| after));
    let after = match after {
        Ok(after) => after,
        Err(fault) => return error(StatusCode::UNPROCESSABLE_ENTITY, fault),
    };
    let Some(view) = board.runs().get(name).cloned() else { return unknown(name) };
    let is_asked = |epoch: &&Arc<EpochSummary>| after.is_none_or(|after| u64::from(epoch.epoch.0) > after);
    let epochs: Vec<Value> = view.history.iter().filter(is_asked).map(|epoch| summary(epoch)).collect();
    let attempt = view.run.attempt().to_string();
    json(StatusCode::OK, &json!({ "run": name.as_str(), "attempt": attempt, "committed_epoch": null, "epochs": epochs }))
}

/// `GET runs/{run}/verdict`.
pub(super) fn verdict(board: &Board, name: &RunName) -> Answer {
    let Some(view) = board.runs().get(name).cloned() else { return unknown(name) };
    let mut document = standing(&view.run);
    let findings: Vec<Value> = match &view.run.standing().verdict {
        Verdict::Memorizing { alarms } => alarms.iter().map(|alarm| Value::Object(wire::alarm(alarm))).collect(),
        _ => Vec::new(),
    };
    document.insert("findings".to_owned(), findings.into());
    json(StatusCode::OK, &Value::Object(document))
}

/// The layer of the newest report that a matrix is asked of.
pub(super) struct MatrixRequest {
    report: Arc<EpochReport>,
    place: usize,
    most_blocks: usize,
}

impl MatrixRequest {
    /// Finds what is asked for; else the answer says what is missing.
    pub(super) fn find(board: &Board, name: &RunName, layer: &LayerName, query: Parameters) -> Result<Self, Box<Answer>> {
        let refused = |status, reason: String| Box::new(error(status, reason));
        let missing = |reason| refused(StatusCode::NOT_FOUND, reason);
        let parameters = Self::parameters(query);
        let (epoch, most_blocks) = parameters.map_err(|fault| refused(StatusCode::UNPROCESSABLE_ENTITY, fault.to_string()))?;
        let view = board.runs().get(name).cloned().ok_or_else(|| Box::new(unknown(name)))?;
        let report = view.report.clone().ok_or_else(|| missing(format!("run {name} has no report yet")))?;
        if let Some(asked) = epoch.filter(|asked| *asked != u64::from(report.epoch.0)) {
            return Err(missing(format!("epoch {asked} of run {name} is not in memory: epoch {} is", report.epoch)));
        }
        let place = report.layers.iter().position(|report| report.layer == *layer && report.statistics.is_some());
        let place = place.ok_or_else(|| missing(format!("run {name} has no measured layer {:?}", layer.as_str())))?;
        Ok(MatrixRequest { report, place, most_blocks })
    }

    fn parameters(mut query: Parameters) -> Result<(Option<u64>, usize), AddressError> {
        let epoch = query.number("epoch", u64::from(u32::MAX))?;
        let most_blocks = query.number("max", BLOCKS_MAX)?.unwrap_or(BLOCKS).max(1);
        query.end()?;
        Ok((epoch, most_blocks as usize))
    }

    /// Computes the means; takes a moment for a wide layer.
    pub(super) fn answer(&self) -> Answer {
        let layer = &self.report.layers[self.place];
        let measures = &layer.measures;
        let means = block_means(&measures.mutual_information, &measures.entropy_neuron_nats, self.most_blocks);
        let rows: Vec<Value> = means.iter().map(|row| row.iter().map(|nats| finite(*nats)).collect()).collect();
        let document = json!({
            "run": self.report.run.name().as_str(),
            "attempt": self.report.run.attempt().to_string(),
            "epoch": self.report.epoch.0,
            "layer": layer.layer.as_str(),
            "neurons": measures.neurons,
            "blocks": rows.len(),
            "mutual_information_nats": rows,
        });
        json(StatusCode::OK, &document)
    }
}

/// Where a run stands: `{run, attempt, epoch, committed_epoch, verdict..., stop, reason}`.
pub(super) fn standing(run: &Run) -> Map<String, Value> {
    let standing = run.standing();
    let mut document = wire::verdict(Some(&standing.verdict));
    let reason = run.stop().reason();
    document.extend(wire::object(json!({
        "run": run.name().as_str(),
        "attempt": run.attempt().to_string(),
        "epoch": standing.epoch.map(|epoch| epoch.0),
        // Nothing survives the process yet.
        "committed_epoch": null,
        "stop": reason.is_some(),
        "reason": reason.map(ToString::to_string),
    })));
    document
}

pub(super) fn brief(view: &RunView) -> Map<String, Value> {
    let run = &view.run;
    let mut document = standing(run);
    // Over is what has been judged to its end: what a trainer sent last may still be queued.
    let ending = run.ending().filter(|_| !view.active);
    document.extend(wire::object(json!({
        "status": ending.map_or_else(|| "training".to_owned(), |ending| ending.to_string()),
        "mode": run.declaration().source.to_string(),
        "framework": run.declaration().framework,
        "updated_at": view.report.as_ref().map(|report| report.made_at_unix_seconds),
    })));
    document
}

fn summary(epoch: &EpochSummary) -> Value {
    let metrics: Map<String, Value> = epoch.metrics.iter().map(|(name, value)| (name.to_owned(), finite(value))).collect();
    json!({
        "epoch": epoch.epoch.0,
        "metrics": metrics,
        "rows": epoch.rows,
        "coverage": epoch.coverage.map(finite),
        "prediction_entropy_nats": epoch.prediction_entropy_nats.map(finite),
        "verdict": epoch.verdict,
        "hints": wire::hints(&epoch.hints),
        "compute_seconds": epoch.compute.as_secs_f64(),
        "made_at": epoch.made_at_unix_seconds,
        "layers": epoch.layers.iter().map(layer).collect::<Vec<_>>(),
    })
}

fn layer(layer: &LayerSummary) -> Value {
    let statistics = layer.statistics.as_ref();
    let optional = |of: fn(&LayerStatistics) -> Option<&_>| statistics.and_then(of).map(distribution);
    json!({
        "layer": layer.layer.as_str(),
        "neurons": layer.neurons,
        "entropy_network_box": layer.entropy_network_box.as_ref().map(quartiles),
        "mutual_information_density": layer.mutual_information_density.as_ref().map(density),
        "entropy_network_nats": statistics.map(|all| distribution(&all.entropy_network_nats)),
        "entropy_neuron_nats": statistics.map(|all| distribution(&all.entropy_neuron_nats)),
        "mutual_information_nats": optional(|all| all.mutual_information_nats.as_ref()),
        "mutual_information_ratio": optional(|all| all.mutual_information_ratio.as_ref()),
        "class_information_nats": optional(|all| all.class_information_nats.as_ref()),
    })
}

fn quartiles(of: &Quartiles) -> Value {
    let all = [of.p05, of.p25, of.p50, of.p75, of.p95];
    all.map(finite).to_vec().into()
}

fn density(of: &Density) -> Value {
    json!({ "from": finite(of.from), "to": finite(of.to), "counts": of.counts })
}

/// 404 for a run that is not on the board.
pub(super) fn unknown(name: &RunName) -> Answer {
    error(StatusCode::NOT_FOUND, format!("there is no run {name} here"))
}
