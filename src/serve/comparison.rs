//! Compares two runs, each in memory or in the history.

use hyper::StatusCode;
use serde_json::json;

use super::address::Parameters;
use super::answer::{Answer, error, json};
use super::api::unknown;
use super::archive::{Archive, EPOCHS_MAX};
use crate::history::Epochs;
use rotewatch_core::compare::{Comparison, ComparisonRecord, TrainingCurve};
use rotewatch_core::monitor::live_runs::{LiveRuns, RunView};
use rotewatch_core::record::{EpochRecord, TrainingDocument, document};
use rotewatch_core::vocabulary::identity::RunName;

/// `GET compare?a=&b=&against=`: which of two runs generalises better. If two runs cannot be compared, the answer is
/// `incomparable` with the reason.
pub(super) async fn answer(live_runs: &LiveRuns, archive: Option<&Archive>, mut query: Parameters) -> Answer {
    let asked = (|| {
        let asked = ([query.run("a")?, query.run("b")?], query.against()?);
        query.end().map(|()| asked)
    })();
    let ([first, second], feared) = match asked {
        Ok(asked) => asked,
        Err(fault) => return error(StatusCode::UNPROCESSABLE_ENTITY, fault),
    };
    let [one, other] = match (course(live_runs, archive, &first).await, course(live_runs, archive, &second).await) {
        (Ok(one), Ok(other)) => [one, other],
        (Err(failed), _) | (_, Err(failed)) => return *failed,
    };
    let unmeasured = |name: &RunName| incomparable(&format!("the newest epoch of {name} is not measured yet"));
    match (one, other) {
        (None, _) => unmeasured(&first),
        (_, None) => unmeasured(&second),
        (Some(one), Some(other)) => match Comparison::of(&one, &other, feared) {
            Ok(comparison) => json(StatusCode::OK, &document(&ComparisonRecord::from(&comparison))),
            Err(reason) => incomparable(&reason.to_string()),
        },
    }
}

fn incomparable(reason: &str) -> Answer {
    json(StatusCode::OK, &json!({ "verdict": "incomparable", "says": reason }))
}

/// Returns the course of a run's newest attempt; `None` if its newest epoch was not measured.
async fn course(live_runs: &LiveRuns, archive: Option<&Archive>, name: &RunName) -> Result<Option<TrainingCurve>, Box<Answer>> {
    let view = live_runs.runs().get(name).cloned();
    let document = match (view, archive) {
        (Some(view), archive) => in_memory(&view, archive).await,
        (None, Some(archive)) => {
            let wanted = name.clone();
            let asked = archive.ask(move |history| history.run(&wanted, None)?.map(|run| history.training(&run)).transpose());
            asked.await?.ok_or_else(|| Box::new(unknown(name)))?
        }
        (None, None) => return Err(Box::new(unknown(name))),
    };
    Ok(TrainingCurve::of_document(name.to_string(), &document))
}

/// Builds the document of a run in memory, with its older epochs from the history.
async fn in_memory(view: &RunView, archive: Option<&Archive>) -> TrainingDocument {
    let (run, declaration) = (&view.run, view.run.declaration());
    let oldest = view.history.front().map(|epoch| epoch.epoch);
    let mut epochs = match archive {
        Some(archive) => {
            let older = Epochs { before: oldest, ..Epochs::newest(EPOCHS_MAX.saturating_sub(view.history.len())) };
            archive.let_go(run, older).await
        }
        None => Vec::new(),
    };
    epochs.extend(view.history.iter().map(|record| EpochRecord::clone(record)));
    TrainingDocument {
        run: Some(run.name().to_string()),
        kind: run.newest_verdict().verdict.alarm().map(|alarm| alarm.finding.kind),
        probe: declaration.probe.clone(),
        epochs,
        final_layers: None,
    }
}
