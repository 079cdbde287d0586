//! One row per run, for spreadsheets and programs.

use csv::Writer;
use serde_json::{Map, Value, json};

use super::super::score::JudgedRun;

/// Columns in their order.
pub(super) type Row = Vec<(String, Value)>;

/// The columns of a run.
pub(super) fn row(judged: &JudgedRun) -> Row {
    let JudgedRun { run, truth, .. } = judged;
    let mut row = Row::new();
    let mut put = |name: &str, value: Value| row.push((name.to_owned(), value));
    put("run", json!(run.name.as_str()));
    put("cell", json!(run.cell));
    put("variation", json!(run.variation));
    put("role", json!(run.role.as_str()));
    put("seed", json!(run.seed));
    put("options", json!(run.options.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ")));
    put("epochs", json!(truth.last_epoch()));
    put("outcome", json!(truth.outcome.as_str()));
    put("true_onset_epoch", json!(truth.onset));
    put("best_test_accuracy", json!(truth.best));
    put("end_test_accuracy", json!(truth.end));
    put("wrong_labels_fitted", json!(judged.wrong_labels_fitted));
    put("heuristic_alarm_epoch", json!(judged.alarms.heuristic.map(|alarm| alarm.alarm_epoch)));
    for score in &judged.scores {
        let method = score.method.as_str();
        put(&format!("{method}_alarm_epoch"), json!(score.stop.alarm));
        put(&format!("{method}_kept_epoch"), json!(score.stop.kept));
        put(&format!("{method}_timing"), json!(score.timing.to_string()));
        put(&format!("{method}_delay_epochs"), json!(score.delay));
        put(&format!("{method}_regret_at_alarm"), json!(score.regret_at_alarm));
        put(&format!("{method}_regret_kept"), json!(score.regret_kept));
    }
    row
}

/// JSON lines.
pub(super) fn jsonl(rows: &[Row]) -> String {
    let line = |row: &Row| Value::Object(row.iter().cloned().collect::<Map<_, _>>()).to_string() + "\n";
    rows.iter().map(line).collect()
}

/// A table with a head line; missing values are empty.
pub(super) fn csv(rows: &[Row]) -> String {
    let mut table = Writer::from_writer(Vec::new());
    let head = rows.first().map(|row| row.iter().map(|(name, _)| name.clone()).collect());
    let cells = |row: &Row| row.iter().map(|(_, value)| cell(value)).collect::<Vec<_>>();
    for record in head.into_iter().chain(rows.iter().map(cells)) {
        // Writing to memory cannot fail, and all rows have the same columns.
        let _ = table.write_record(record);
    }
    String::from_utf8(table.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_break_a_line_is_quoted() {
        let row = vec![
            ("a".to_owned(), json!("x,y")),
            ("b".to_owned(), json!("say \"no\"")),
            ("c".to_owned(), Value::Null),
            ("d".to_owned(), json!(0.5)),
        ];
        assert_eq!(csv(&[row]), "a,b,c,d\n\"x,y\",\"say \"\"no\"\"\",,0.5\n");
        assert_eq!(csv(&[]), "");
    }
}
