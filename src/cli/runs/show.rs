//! Shows one run.

use std::fmt::Write;

use serde::Serialize;
use serde_json::Value;

use super::text::number;
use crate::cli::columns::Head::Left;
use crate::cli::columns::{columns, plain};
use crate::cli::paragraph::paragraph;
use crate::history::records;
use crate::history::{Epochs, Snapshot, StoreError, StoredOutcome, StoredRun};
use rotewatch_core::record::catalogue::{Line, Measure};
use rotewatch_core::record::{EpochRecord, FindingRecord, document};
use rotewatch_core::vocabulary::clock::utc;
use rotewatch_core::vocabulary::identity::Attempt;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_core::vocabulary::verdict::{Alarm, VerdictWord};

/// The number of newest epochs that are shown.
const EPOCHS: usize = 20;

/// For people.
pub(super) fn text(history: &Snapshot, run: &StoredRun) -> Result<String, StoreError> {
    let mut text = format!("{}  attempt {}  {}\n", run.name, run.attempt, records::status(run));
    let verdict = records::state(run).verdict;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "verdict: {}", verdict.in_words());
    if let Some(share) = verdict.memorized_share {
        let _ = writeln!(text, "{share}");
    }
    // Neither is true of the network any more once the alarm has ended.
    let is_past = verdict.ended_epoch.is_some() && verdict.verdict == Some(VerdictWord::Learning);
    let (why, remedy) = if is_past { (&None, &None) } else { (&verdict.why, &verdict.remedy) };
    for (what, said) in [("why", why), ("what to do", remedy), ("asked to stop", &run.stop_reason)] {
        if let Some(said) = said {
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
        let measures = Measure::drawn().map(|(_, line)| heading(line));
        let head = ["EPOCH", "VERDICT", "TRAIN LOSS", "VAL LOSS"].map(str::to_owned).into_iter();
        let head: Vec<String> = head.chain(measures).chain(["COVERAGE".to_owned()]).collect();
        let rows: Vec<_> = epochs.iter().map(epoch).collect();
        let heads: Vec<_> = head.iter().map(|head| Left(head)).collect();
        let _ = write!(text, "\n{}", columns(0, &heads, &rows));
        text.push_str(
            "the measures are those of the last layer; entropy, mutual information (MI) and class information in nats\n",
        );
    }
    let findings = history.findings(run)?;
    for FindingRecord { alarm: Alarm { finding, alarm_epoch }, ended_epoch, .. } in &findings {
        let ended = ended_epoch.map_or_else(|| "still active".to_owned(), |epoch| format!("ended at epoch {epoch}"));
        let (kind, onset) = (finding.kind.in_words(), finding.onset_epoch);
        let _ = writeln!(text, "alarm at epoch {alarm_epoch}: {kind} since epoch {onset}, {ended}");
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

fn heading(line: Line) -> String {
    let statistic = if line.statistic == "mean" { String::new() } else { format!(" {}", line.statistic) };
    format!("{}{statistic}", line.heading).to_uppercase()
}

fn epoch(epoch: &EpochRecord) -> Vec<String> {
    let last = epoch.layers.last();
    let of = |(measure, line): (Measure, Line)| number(last.and_then(|layer| layer.figures.statistic(measure, line.statistic)));
    let measures = Measure::drawn().map(of);
    let verdict = epoch.verdict.map_or("", VerdictWord::in_words).to_owned();
    let head = [epoch.epoch.to_string(), verdict, number(epoch.metrics.get("train_loss")), number(epoch.metrics.get("val_loss"))];
    head.into_iter().chain(measures).chain([number(epoch.coverage)]).collect()
}

/// For programs: as in the API, with every epoch, alarm and hook outcome.
pub(super) fn json(history: &Snapshot, run: &StoredRun) -> Result<String, StoreError> {
    let shown = RunInFull {
        run: records::run_in_full(history, run)?,
        attempts: history.attempts(&run.name)?.iter().map(|run| run.attempt).collect(),
        epochs: history.epochs(run, Epochs::ALL)?.iter().map(|epoch| document(&records::committed(epoch))).collect(),
        findings: history.findings(run)?,
        hooks: history.hook_outcomes(run)?,
        matrix_epochs: history.matrix_epochs(run)?,
    };
    Ok(format!("{}\n", document(&shown)))
}

/// A run with everything that the history keeps of it.
#[derive(Serialize)]
struct RunInFull {
    #[serde(flatten)]
    run: Value,
    attempts: Vec<Attempt>,
    epochs: Vec<Value>,
    findings: Vec<FindingRecord>,
    hooks: Vec<StoredOutcome>,
    matrix_epochs: Vec<Epoch>,
}
