//! The tables of the alarm.

use super::super::Role;
use super::super::onset::{CellRow, MethodRow, Naming, Part};
use super::super::score::Shortcut;
use super::blocks::{Block, Table};
use super::onset_figures;
use rotewatch_info::statistics::{CountedShare, Interval, Summary};

/// How to read the tables.
const LEGEND: &str = "The truth of a run is its accuracy on clean test labels, as a mean over three epochs. A run *memorizes* if it ends at \
least 1.0 point below its best accuracy, is *undecided* from 0.3 to 1.0 points, and *clean* below 0.3. Found: an alarm, at most 5 epochs \
before the best epoch. Regret: the points of accuracy lost compared with the best epoch, with the weights at the alarm and with the kept \
weights (for rotewatch, those of the onset epoch); a run without an alarm is trained to the end. Shares have exact (Clopper-Pearson) 95 % \
intervals, one-sided at 0 % and 100 %. Differences are rotewatch minus the other rule, with the 95 % interval of 10,000 seeded resamples of the \
pairs; below 0 is better. Only runs without a shortcut are judged for memorizing wrong labels.";

/// The blocks of all parts, each with its charts.
pub(super) fn blocks(parts: &[Part<'_>], loss_gap_rise: f64) -> Vec<Block> {
    let chosen = if parts.iter().any(|part| part.role == Role::Tune) {
        "performed best on the tuning runs"
    } else {
        "is the default without tuning runs"
    };
    let mut blocks = vec![
        Block::Text(LEGEND.to_owned()),
        Block::Text(format!(
            "The loss gap stops at a rise of {loss_gap_rise} nats, which {chosen}. The other stopping rules have no threshold."
        )),
    ];
    for part in parts {
        let rows = if part.stream { "rows of training batches (stream)" } else { "a probe of unseen examples" };
        blocks.push(Block::Heading(format!("{}: {rows}", part.role)));
        let [memorizing, undecided, clean] = part.outcomes;
        blocks.push(Block::Text(format!(
            "Runs without a shortcut: {memorizing} memorize, {undecided} are undecided, {clean} are clean."
        )));
        if memorizing + undecided + clean > 0 {
            blocks.push(Block::Table(methods(&part.methods)));
        }
        blocks.extend(onset_figures::figures(part).into_iter().map(|figure| Block::Figure(Box::new(figure))));
        blocks.push(Block::Table(naming(&part.naming)));
        blocks.push(Block::Table(cells(&part.cells)));
    }
    blocks
}

fn methods(rows: &[MethodRow]) -> Table {
    let head = vec![
        "stopping rule",
        "found",
        "early",
        "false alarms (clean)",
        "alarms (undecided)",
        "delay, epochs: median, p90",
        "regret at the alarm: mean, median, p90, max",
        "regret of the kept weights: mean, median, p90, max",
        "difference at the alarm",
        "difference kept",
        "regret kept in clean runs: mean",
    ];
    let row = |row: &MethodRow| {
        vec![
            row.method.in_words().to_owned(),
            share(row.found),
            share(row.early),
            share(row.false_alarms),
            count(row.undecided),
            row.delay.map_or(String::new(), |delay| format!("{:.0}, {:.0}", delay.median, delay.p90)),
            row.at_alarm.map_or(String::new(), regret),
            row.kept.map_or(String::new(), regret),
            row.at_alarm_difference.map_or(String::new(), difference),
            row.kept_difference.map_or(String::new(), difference),
            row.kept_in_clean.map_or(String::new(), |summary| points(summary.mean)),
        ]
    };
    Table { head, rows: rows.iter().map(row).collect() }
}

fn naming(naming: &Naming) -> Table {
    let rows = [
        ("shortcut that agrees with 90 % of the labels or more: named within 10 epochs", naming.strong_in_time),
        ("the same shortcut: named at any epoch", naming.strong),
        ("weaker shortcut: named", naming.weak),
        ("no shortcut: named all the same", naming.without),
    ];
    let rows = rows.into_iter().filter(|(_, runs)| runs.of > 0).map(|(words, runs)| vec![words.to_owned(), runs.to_string()]);
    Table { head: vec!["memorizing a shortcut", "runs"], rows: rows.collect() }
}

fn cells(rows: &[CellRow]) -> Table {
    let head = vec![
        "cell",
        "memorizes / undecided / clean",
        "found",
        "early",
        "false alarms",
        "undecided",
        "delay",
        "regret at the alarm",
        "kept",
        "to the end",
        "shortcut named",
        "wrong labels fitted",
    ];
    let row = |row: &CellRow| {
        let [memorizing, undecided, clean] = row.outcomes;
        let shortcut = match row.shortcut {
            Shortcut::None => "",
            Shortcut::Weak => " (weak shortcut)",
            Shortcut::Strong => " (shortcut)",
        };
        vec![
            format!("{}{shortcut}", row.variation),
            format!("{memorizing} / {undecided} / {clean}"),
            count(row.found),
            count(row.early),
            count(row.false_alarms),
            count(row.undecided),
            row.delay.map_or(String::new(), |delay| format!("{:.0}", delay.median)),
            row.at_alarm.map_or(String::new(), points),
            row.kept.map_or(String::new(), points),
            row.to_end.map_or(String::new(), points),
            count(row.named),
            row.wrong_labels_fitted.map_or(String::new(), |share| format!("{:.0} %", 100.0 * share)),
        ]
    };
    Table { head, rows: rows.iter().map(row).collect() }
}

/// Empty if there is nothing to count.
fn share(share: CountedShare) -> String {
    if share.of == 0 { String::new() } else { share.to_string() }
}

fn count(share: CountedShare) -> String {
    if share.of == 0 { String::new() } else { format!("{} of {}", share.hits, share.of) }
}

fn regret(summary: Summary) -> String {
    [summary.mean, summary.median, summary.p90, summary.max].map(points).join(", ")
}

fn difference(interval: Interval) -> String {
    let Interval { value, lower, upper } = interval;
    format!("{:+.2} ({:+.2} to {:+.2})", 100.0 * value, 100.0 * lower, 100.0 * upper)
}

fn points(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}
