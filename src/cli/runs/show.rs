//! Shows one run.

use std::fmt::Write;

use serde_json::{Value, json};

use super::text::number;
use crate::cli::columns::Head::Left;
use crate::cli::columns::{columns, plain};
use crate::cli::paragraph::paragraph;
use crate::history::{Epochs, Snapshot, StoreError, StoredEpoch, StoredRun, document};
use rotewatch_core::vocabulary::clock::utc;

/// The number of newest epochs that are shown.
const EPOCHS: usize = 20;

/// For people.
pub(super) fn text(history: &Snapshot, run: &StoredRun) -> Result<String, StoreError> {
    let mut text = format!("{}  attempt {}  {}\n", run.name, run.attempt, document::status(run));
    let word = |key| run.standing.get(key).and_then(Value::as_str).unwrap_or_default();
    let verdict = if word("verdict").is_empty() { "too_early" } else { word("verdict") };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "verdict: {verdict}{}",
        if word("kind").is_empty() { String::new() } else { format!(" ({})", word("kind")) }
    );
    for (what, said) in
        [("why", word("why")), ("what to do", word("remedy")), ("asked to stop", run.stop_reason.as_deref().unwrap_or_default())]
    {
        if !said.is_empty() {
            let _ = writeln!(text, "{}", paragraph(&format!("{what}: "), &plain(said)));
        }
    }
    let _ = writeln!(
        text,
        "declared {}, {} epochs, framework {}, {} layers",
        utc(run.declared_at),
        run.epochs,
        plain(&run.framework),
        run.layers.len()
    );
    let attempts = history.attempts(&run.name)?;
    if attempts.len() > 1 {
        let ids: Vec<String> = attempts.iter().map(|run| run.attempt.to_string()).collect();
        let _ = writeln!(text, "attempts, newest first: {}", ids.join(" "));
    }
    let epochs = history.epochs(run, Epochs::newest(EPOCHS))?;
    if !epochs.is_empty() {
        let rows: Vec<_> = epochs.iter().map(epoch).collect();
        let head = ["EPOCH", "VERDICT", "TRAIN LOSS", "VAL LOSS", "ENTROPY", "MI", "CLASS P90", "COVERAGE"];
        let _ = write!(text, "\n{}", columns(0, &head.map(Left), &rows));
        text.push_str("entropy, mutual information (MI) and class information are those of the last layer, in nats\n");
    }
    let findings = history.findings(run)?;
    for finding in &findings {
        let word = |key: &str| finding.alarm.get(key).map(Value::to_string).unwrap_or_default().trim_matches('"').to_owned();
        let ended = finding.ended_epoch.map_or_else(|| "still active".to_owned(), |epoch| format!("ended at epoch {epoch}"));
        let _ = writeln!(
            text,
            "alarm: {} since epoch {}, found at epoch {}, {ended}",
            word("kind"),
            word("onset_epoch"),
            word("alarm_epoch")
        );
    }
    for outcome in history.hook_outcomes(run)? {
        let _ = writeln!(
            text,
            "hook {}: {} after {} tries: {}",
            plain(&outcome.hook),
            outcome.result,
            outcome.tries,
            plain(&outcome.detail)
        );
    }
    Ok(text)
}

fn epoch(epoch: &StoredEpoch) -> [String; 8] {
    let summary = &epoch.summary;
    let last = summary.layers.last().and_then(|layer| layer.statistics.as_ref());
    [
        summary.epoch.to_string(),
        summary.verdict.to_owned(),
        number(summary.metrics.get("train_loss")),
        number(summary.metrics.get("val_loss")),
        number(last.map(|all| all.entropy_network_nats.mean)),
        number(last.and_then(|all| all.mutual_information_nats).map(|all| all.mean)),
        number(last.and_then(|all| all.class_information_nats).map(|all| all.p90)),
        number(summary.coverage),
    ]
}

/// For programs: as in the API, with every epoch, alarm and hook outcome.
pub(super) fn json(history: &Snapshot, run: &StoredRun) -> Result<String, StoreError> {
    let mut shown = document::run_in_full(history, run)?;
    let attempts: Vec<Value> = history.attempts(&run.name)?.iter().map(|run| json!(run.attempt.to_string())).collect();
    shown.insert("attempts".to_owned(), attempts.into());
    shown.insert("epochs".to_owned(), history.epochs(run, Epochs::ALL)?.iter().map(document::epoch).collect());
    shown.insert("findings".to_owned(), history.findings(run)?.iter().map(document::finding).collect());
    shown.insert("hooks".to_owned(), history.hook_outcomes(run)?.iter().map(document::outcome).collect());
    shown.insert("matrix_epochs".to_owned(), history.matrix_epochs(run)?.iter().map(|epoch| json!(epoch.0)).collect());
    Ok(format!("{}\n", Value::Object(shown)))
}
