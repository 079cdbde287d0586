//! Two runs held against each other.

use std::fmt::Write;

use serde_json::Value;

use crate::cli::columns::Head::Left;
use crate::cli::columns::columns;
use crate::ranking::{Comparison, Parting};
use crate::wire;

/// For people: the verdict on one line, then what is behind it.
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
    let _ = writeln!(text, "At epoch {}, the last that both have; {}{}", of.epoch, of.seen, longer(of));
    if let Some(doubt) = of.seen.probe.doubt() {
        let _ = writeln!(text, "{doubt}");
    }
    let heads = ["", first, second, "DIFFERENCE", "FLUCTUATION", "BETTER", "SINCE EPOCH"].map(Left);
    text.push_str(&columns(0, &heads, &rows));
    text
}

/// That one of them went on alone.
fn longer(of: &Comparison) -> String {
    let beyond = of.names.iter().zip(of.last_epochs).find(|(_, last)| *last > of.epoch);
    beyond.map_or_else(String::new, |(name, last)| format!("; {name} went on to epoch {last}"))
}

/// For programs: as `GET /api/v1/compare` tells it.
pub(super) fn json(of: &Comparison) -> String {
    format!("{}\n", Value::Object(wire::comparison(of)))
}
