//! The comparison of two runs.

use std::fmt::Write;

use crate::cli::columns::Head::Left;
use crate::cli::columns::columns;
use rotewatch_core::compare::{Comparison, ComparisonRecord, Parting};
use rotewatch_core::record::document;

/// For people: the result on one line, then the numbers.
pub(super) fn text(of: &Comparison) -> String {
    let [first, second] = &of.names;
    let row = |parting: &Parting| {
        let [first, second] = parting.nats;
        let (better, since) = parting.better.map_or_else(
            || ("neither".to_owned(), "-".to_owned()),
            |(side, since)| (of.name(side).to_owned(), since.to_string()),
        );
        [
            format!("mean {}, nats", parting.measure.in_words()),
            format!("{first:.4}"),
            format!("{second:.4}"),
            format!("{:+.4}", first - second),
            parting.fluctuation_nats.map_or_else(|| "-".to_owned(), |nats| format!("{nats:.4}")),
            better,
            since,
        ]
    };
    let rows: Vec<_> = of.partings.iter().map(row).collect();
    let mut text = format!("{of}\n{}\n\n", of.direction);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "At epoch {}, the last one of both runs; {}{}", of.epoch, of.seen, longer(of));
    if let Some(doubt) = of.seen.probe.doubt() {
        let _ = writeln!(text, "{doubt}");
    }
    let heads = ["", first, second, "DIFFERENCE", "FLUCTUATION", "BETTER", "SINCE EPOCH"].map(Left);
    text.push_str(&columns(0, &heads, &rows));
    text
}

/// A note if one run is longer than the other.
fn longer(of: &Comparison) -> String {
    let beyond = of.names.iter().zip(of.last_epochs).find(|(_, last)| *last > of.epoch);
    beyond.map_or_else(String::new, |(name, last)| format!("; {name} continued to epoch {last}"))
}

/// For programs: the document of `GET /api/v1/compare`.
pub(super) fn json(of: &Comparison) -> String {
    format!("{}\n", document(&ComparisonRecord::from(of)))
}
