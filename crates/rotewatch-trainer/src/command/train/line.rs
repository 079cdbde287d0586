//! An epoch in one line.

use rotewatch_core::record::EpochRecord;
use rotewatch_core::record::catalogue::Measure;
use rotewatch_core::vocabulary::verdict::VerdictWord;

/// The columns after the epoch's number; the measures are those of the last hidden layer.
pub(super) fn columns(epoch: &EpochRecord) -> String {
    let metrics = &epoch.metrics;
    let share = |name: &str| metrics.get(name).map(|value| 100.0 * value);
    let own = [
        column("loss", metrics.get("train_loss"), 3, ""),
        column("accuracy", share("train_accuracy"), 1, " %"),
        column("test", share("test_accuracy"), 1, " %"),
    ];
    let last = epoch.layers.last();
    let measures = Measure::drawn()
        .filter_map(|(measure, line)| column(line.heading, last?.figures.statistic(measure, line.statistic), 3, ""));
    let verdict = epoch.verdict.map(|verdict| match verdict {
        VerdictWord::Memorizing => "MEMORIZING".to_owned(),
        quiet => quiet.in_words().to_owned(),
    });
    own.into_iter().flatten().chain(measures).chain(verdict).collect::<Vec<_>>().join("  ")
}

fn column(name: &str, value: Option<f64>, decimals: usize, unit: &str) -> Option<String> {
    value.map(|value| format!("{name} {value:.decimals$}{unit}"))
}
