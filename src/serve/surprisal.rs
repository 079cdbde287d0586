//! The surprisal of the rows of a run's window, from its newest report. The history does not keep it.

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::address::Parameters;
use super::answer::{Answer, error, json};
use super::api::remembered;
use super::archive::Archive;
use rotewatch_core::monitor::live_runs::Board;
use rotewatch_core::monitor::report::{EpochReport, LayerReport};
use rotewatch_core::record::json::{self, distribution, finite};
use rotewatch_core::vocabulary::identity::RunName;
use rotewatch_info::measures::Distribution;
use rotewatch_info::measures::surprisal::mean_over_layers;

/// `GET runs/{run}/surprisal`: the mean over all layers for each row, and a summary for each layer; null if no report is in memory.
pub(super) async fn answer(board: &Board, archive: Option<&Archive>, name: &RunName, mut query: Parameters) -> Answer {
    let asked = query.number("epoch", u64::from(u32::MAX)).and_then(|epoch| query.end().map(|()| epoch));
    let asked = match asked {
        Ok(asked) => asked,
        Err(fault) => return error(StatusCode::UNPROCESSABLE_ENTITY, fault),
    };
    let view = board.runs().get(name).cloned();
    let report = view.as_ref().and_then(|view| view.report.as_deref());
    match (report, asked) {
        (Some(report), _) if asked.is_none_or(|epoch| epoch == u64::from(report.epoch.0)) => {
            json(StatusCode::OK, &Value::Object(document(report)))
        }
        (_, Some(epoch)) => error(StatusCode::NOT_FOUND, format!("epoch {epoch} of run {name} is not in memory")),
        (_, None) => match view {
            Some(view) => json(StatusCode::OK, &Value::Object(unmeasured(name.as_str(), &view.run.attempt().to_string()))),
            None => remembered(archive, name, |_, run| Ok(unmeasured(run.name.as_str(), &run.attempt.to_string()))).await,
        },
    }
}

fn unmeasured(run: &str, attempt: &str) -> Map<String, Value> {
    json::object(json!({ "run": run, "attempt": attempt, "epoch": null, "rows": 0, "surprisal_nats": null, "layers": [] }))
}

fn document(report: &EpochReport) -> Map<String, Value> {
    let measured: Vec<&LayerReport> = report.layers.iter().filter(|layer| layer.statistics.is_some()).collect();
    let of_layers: Vec<(usize, &[f64])> =
        measured.iter().map(|layer| (layer.measures.neurons, layer.measures.surprisal_nats.as_slice())).collect();
    let rows: Vec<Value> = mean_over_layers(&of_layers).into_iter().map(finite).collect();
    json::object(json!({
        "run": report.run.name().as_str(),
        "attempt": report.run.attempt().to_string(),
        "epoch": report.epoch.0,
        "rows": report.rows,
        "surprisal_nats": rows,
        "layers": measured.into_iter().map(layer).collect::<Vec<_>>(),
    }))
}

fn layer(report: &LayerReport) -> Value {
    let mut known: Vec<f64> = report.measures.surprisal_nats.iter().copied().filter(|nats| nats.is_finite()).collect();
    json!({
        "layer": report.layer.as_str(),
        "neurons": report.measures.neurons,
        "surprisal_nats": Distribution::of(&mut known).as_ref().map(distribution),
    })
}
