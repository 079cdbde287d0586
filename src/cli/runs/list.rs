//! Lists all runs, one per line.

use serde_json::{Value, json};

use crate::cli::columns::Head::Left;
use crate::cli::columns::columns;
use crate::history::{StoredRun, document};
use rotewatch_core::vocabulary::clock::utc;

/// For people.
pub(super) fn table(runs: &[StoredRun]) -> String {
    if runs.is_empty() {
        return "no runs recorded yet\n".to_owned();
    }
    let row = |run: &StoredRun| {
        let word = |key| run.standing.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let kind = word("kind");
        let verdict = match (word("verdict").as_str(), kind.as_str()) {
            ("", _) => "too_early".to_owned(),
            (verdict, "") => verdict.to_owned(),
            (verdict, kind) => format!("{verdict} ({kind})"),
        };
        let onset =
            run.standing.get("onset_epoch").and_then(Value::as_u64).map_or_else(|| "-".to_owned(), |epoch| epoch.to_string());
        [
            run.name.to_string(),
            document::status(run),
            run.newest_epoch.map_or_else(|| "-".to_owned(), |epoch| epoch.to_string()),
            verdict,
            onset,
            utc(run.updated_at.unwrap_or(run.declared_at)),
            if run.is_baseline { "baseline".to_owned() } else { String::new() },
        ]
    };
    let rows: Vec<_> = runs.iter().map(row).collect();
    columns(0, &["RUN", "STATUS", "EPOCH", "VERDICT", "ONSET", "UPDATED", ""].map(Left), &rows)
}

/// `{"runs": [...]}`, each as in the API.
pub(super) fn json(runs: &[StoredRun]) -> String {
    let runs: Vec<Value> = runs.iter().map(|run| Value::Object(document::run(run))).collect();
    format!("{}\n", json!({ "runs": runs }))
}
