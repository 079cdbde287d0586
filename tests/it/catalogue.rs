//! The table of measures in the documentation is made from the catalogue.

use std::fs;
use std::iter::once;

use rotewatch_core::record::catalogue::{LayerSeries, Measure};

const DOCUMENT: &str = "docs/observability.md";
const BEGIN: &str = "<!-- measures -->\n";
const END: &str = "<!-- /measures -->\n";

/// Returns a series as `PromQL` selects it.
fn selector(series: LayerSeries) -> String {
    let scope = series.scope.map(|scope| format!("{{scope=\"{scope}\"}}")).unwrap_or_default();
    format!("`rotewatch_{}{scope}`", series.name)
}

fn row(measure: Measure) -> String {
    let entry = measure.entry();
    let series = entry.series.map_or_else(|| "none".to_owned(), selector);
    format!("| `{}` | {} | {} | {} | {series} |\n", measure.name(), entry.help, entry.unit, entry.of)
}

#[test]
fn the_table_of_measures_is_that_of_the_catalogue() {
    let head = "| name | what it is | unit | of each | Prometheus series |\n|---|---|---|---|---|\n".to_owned();
    let expected: String = once(head).chain(Measure::ALL.iter().copied().map(row)).collect();
    let text = fs::read_to_string(format!("{}/{DOCUMENT}", env!("CARGO_MANIFEST_DIR"))).expect("the document is there");
    let table = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END)).map(|(table, _)| table);
    assert!(table == Some(expected.as_str()), "between the two lines {BEGIN}{END}{DOCUMENT} must have this table:\n\n{expected}");
}
