//! The surprisal of the rows of a run's window, from its newest report. The history does not keep it.

use hyper::StatusCode;
use serde::Serialize;

use super::address::Parameters;
use super::answer::{Answer, error, json};
use super::api::remembered;
use super::archive::Archive;
use rotewatch_core::monitor::live_runs::LiveRuns;
use rotewatch_core::monitor::report::{EpochReport, LayerReport};
use rotewatch_core::record::document;
use rotewatch_core::record::figures::ByName;
use rotewatch_core::vocabulary::identity::{Attempt, LayerName, RunName};
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_info::measures::Distribution;
use rotewatch_info::measures::surprisal::mean_over_layers;

/// `GET runs/{run}/surprisal`: the mean over all layers for each row, and a summary for each layer; null if no report is in memory.
pub(super) async fn answer(live_runs: &LiveRuns, archive: Option<&Archive>, name: &RunName, mut query: Parameters) -> Answer {
    let asked = query.number("epoch", u64::from(u32::MAX)).and_then(|epoch| query.end().map(|()| epoch));
    let asked = match asked {
        Ok(asked) => asked,
        Err(fault) => return error(StatusCode::UNPROCESSABLE_ENTITY, fault),
    };
    let view = live_runs.runs().get(name).cloned();
    let report = view.as_ref().and_then(|view| view.report.as_deref());
    match (report, asked) {
        (Some(report), _) if asked.is_none_or(|epoch| epoch == u64::from(report.epoch.0)) => {
            json(StatusCode::OK, &document(&measured(report)))
        }
        (_, Some(epoch)) => error(StatusCode::NOT_FOUND, format!("epoch {epoch} of run {name} is not in memory")),
        (_, None) => match view {
            Some(view) => json(StatusCode::OK, &document(&unmeasured(name, view.run.attempt()))),
            None => remembered(archive, name, |_, run| Ok(document(&unmeasured(&run.name, run.attempt)))).await,
        },
    }
}

/// The surprisal of the rows of one report.
#[derive(Serialize)]
struct SurprisalRecord {
    run: RunName,
    attempt: Attempt,
    epoch: Option<Epoch>,
    rows: usize,
    surprisal_nats: Option<Vec<f64>>,
    layers: Vec<LayerSurprisal>,
}

/// A layer's part of it.
#[derive(Serialize)]
struct LayerSurprisal {
    layer: LayerName,
    neurons: usize,
    surprisal_nats: Option<ByName>,
}

fn unmeasured(run: &RunName, attempt: Attempt) -> SurprisalRecord {
    SurprisalRecord { run: run.clone(), attempt, epoch: None, rows: 0, surprisal_nats: None, layers: Vec::new() }
}

fn measured(report: &EpochReport) -> SurprisalRecord {
    let layers: Vec<&LayerReport> = report.layers.iter().filter(|layer| layer.figures.is_some()).collect();
    let of_layers: Vec<(usize, &[f64])> =
        layers.iter().map(|layer| (layer.measures.neurons, layer.measures.surprisal_nats.as_slice())).collect();
    SurprisalRecord {
        run: report.run.name().clone(),
        attempt: report.run.attempt(),
        epoch: Some(report.epoch),
        rows: report.rows,
        surprisal_nats: Some(mean_over_layers(&of_layers)),
        layers: layers.into_iter().map(layer).collect(),
    }
}

fn layer(report: &LayerReport) -> LayerSurprisal {
    let mut known: Vec<f64> = report.measures.surprisal_nats.iter().copied().filter(|nats| nats.is_finite()).collect();
    LayerSurprisal {
        layer: report.layer.clone(),
        neurons: report.measures.neurons,
        surprisal_nats: Distribution::of(&mut known).map(ByName),
    }
}
