//! Charts of the alarm's tables: what stopping costs, how often it is wrong, and when the alarm comes.

use std::collections::BTreeMap;

use super::super::onset::{MethodRow, Part};
use super::super::score::{JudgedRun, Method};
use super::super::truth::Outcome;
use rotewatch::page::charts::{Axes, BoxOf, Figure, IntervalBar, Series};
use rotewatch_info::statistics::CountedShare;

/// The charts of a part, without empty ones.
pub(super) fn figures(part: &Part<'_>) -> Vec<Figure> {
    let mut figures = Vec::new();
    figures.extend(regrets(part));
    figures.extend(alarm_shares(part));
    figures.extend(alarms_against_onsets(part));
    figures
}

/// Accuracy lost with the kept weights, one box per stopping rule.
fn regrets(part: &Part<'_>) -> Option<Figure> {
    let of = |outcome: Outcome| {
        let boxes = Method::ALL.into_iter().filter_map(|method| {
            let runs = part.plain.iter().filter(|run| run.truth.outcome == outcome);
            let points: Vec<f64> = runs.map(|run| 100.0 * run.score(method).regret_kept).collect();
            Some((method.in_words().to_owned(), BoxOf::of(&points)?))
        });
        (format!("runs: {outcome}"), boxes.collect::<Vec<_>>())
    };
    let groups: Vec<_> =
        [of(Outcome::Memorizes), of(Outcome::Clean)].into_iter().filter(|(_, boxes)| !boxes.is_empty()).collect();
    let axes = Axes { x: "", y: "points of accuracy lost" };
    (!groups.is_empty()).then(|| Figure::boxes("Accuracy lost with the kept weights", axes, &groups))
}

/// Shares of runs found and of false alarms, with intervals.
fn alarm_shares(part: &Part<'_>) -> Option<Figure> {
    let bars = |name: &str, share: fn(&MethodRow) -> CountedShare| {
        let bars = part.methods.iter().filter_map(|row| {
            let (lower, upper) = share(row).interval()?;
            let percent = |share: f64| 100.0 * share;
            let (label, height) = (row.method.in_words().to_owned(), percent(share(row).value()?));
            Some(IntervalBar { label, height, lower: percent(lower), upper: percent(upper) })
        });
        (name.to_owned(), bars.collect::<Vec<_>>())
    };
    let groups = [bars("memorizing runs found", |row| row.found), bars("false alarms in clean runs", |row| row.false_alarms)];
    let groups: Vec<_> = groups.into_iter().filter(|(_, bars)| !bars.is_empty()).collect();
    let axes = Axes { x: "", y: "% of the runs" };
    (!groups.is_empty()).then(|| Figure::bars("Alarms, with exact 95 % intervals", axes, &groups))
}

/// The alarm of every memorizing run, plotted over its true onset.
fn alarms_against_onsets(part: &Part<'_>) -> Option<Figure> {
    let mut cells: BTreeMap<&str, Vec<&JudgedRun>> = BTreeMap::new();
    for run in part.plain.iter().filter(|run| run.truth.outcome == Outcome::Memorizes) {
        cells.entry(run.run.cell.as_str()).or_default().push(run);
    }
    let mut end = 0.0_f64;
    let mut series = Vec::new();
    for (cell, runs) in cells {
        let mut of_cell = Series { name: cell.to_owned(), points: Vec::new(), told: Vec::new() };
        for run in runs {
            let Some(alarm) = run.score(Method::Rotewatch).stop.alarm else { continue };
            let point = (f64::from(run.truth.onset), f64::from(alarm));
            end = end.max(point.0).max(point.1);
            of_cell.points.push(point);
            of_cell.told.push(run.run.name.to_string());
        }
        if !of_cell.points.is_empty() {
            series.push(of_cell);
        }
    }
    let axes = Axes { x: "epoch of the best test accuracy", y: "epoch of the alarm" };
    (!series.is_empty()).then(|| {
        Figure::points("rotewatch's alarm in memorizing runs", axes, &series).with_diagonal("alarm at the onset", end + 1.0)
    })
}
