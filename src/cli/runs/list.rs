//! Lists all runs, one per line.

use serde::Serialize;

use crate::cli::columns::Head::Left;
use crate::cli::columns::columns;
use crate::history::StoredRun;
use crate::history::records;
use rotewatch_core::record::{RunRecord, document};
use rotewatch_core::vocabulary::clock::utc;

/// For people.
pub(super) fn table(runs: &[StoredRun]) -> String {
    if runs.is_empty() {
        return "no runs recorded yet\n".to_owned();
    }
    let row = |run: &StoredRun| {
        let verdict = records::state(run).verdict;
        let onset = verdict.onset_epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
        [
            run.name.to_string(),
            records::status(run),
            run.newest_epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string()),
            verdict.in_words(),
            onset,
            utc(run.updated_at.unwrap_or(run.declared_at)),
            if run.is_baseline { "baseline".to_owned() } else { String::new() },
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    columns(0, &["RUN", "STATUS", "EPOCH", "VERDICT", "ONSET", "UPDATED", ""].map(Left), &rows)
}

/// All runs, as in the API.
#[derive(Serialize)]
struct Runs {
    runs: Vec<RunRecord>,
}

/// `{"runs": [...]}`, each as in the API.
pub(super) fn json(runs: &[StoredRun]) -> String {
    let runs: Vec<RunRecord> = runs.iter().map(records::run).collect();
    format!("{}\n", document(&Runs { runs }))
}
