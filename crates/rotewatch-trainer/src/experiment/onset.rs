//! The tables of the alarm: scores by role, by the source of the rows, and by cell.

use super::Role;
use super::score::{Judged, JudgedRun, Method, NAMED_WITHIN_EPOCHS, Score, Shortcut, Timing};
use super::truth::Outcome;
use rotewatch_core::vocabulary::choices::Mode;
use rotewatch_info::statistics::{CountedShare, Interval, Summary, paired_difference};

/// All tables of one role, for either probe mode or stream mode.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The role of its runs.
    pub role: Role,
    /// Whether their rows come from the training batches.
    pub stream: bool,
    /// The runs without a shortcut, which are judged for memorizing wrong labels or single examples.
    pub plain: Vec<&'a JudgedRun>,
    /// The number of them with each outcome: memorizes, undecided, clean.
    pub outcomes: [usize; 3],
    /// One row per method, over the runs without a shortcut.
    pub methods: Vec<MethodRow>,
    /// Whether shortcuts are named.
    pub naming: Naming,
    /// One row per variation of a cell, over all runs.
    pub cells: Vec<CellRow>,
}

/// The results of a stopping rule.
#[derive(Clone, Debug)]
pub struct MethodRow {
    /// The rule.
    pub method: Method,
    /// Memorizing runs with an alarm that is not early.
    pub found: CountedShare,
    /// Memorizing runs with an early alarm.
    pub early: CountedShare,
    /// Clean runs with an alarm.
    pub false_alarms: CountedShare,
    /// Undecided runs with an alarm.
    pub undecided: CountedShare,
    /// Epochs from the onset to the alarm, over the memorizing runs that were found.
    pub delay: Option<Summary>,
    /// Accuracy lost at the alarm, over all memorizing runs. Runs without an alarm are trained to the end.
    pub at_alarm: Option<Summary>,
    /// Accuracy lost with the kept weights.
    pub kept: Option<Summary>,
    /// Rotewatch's mean loss of accuracy at the alarm minus this rule's.
    pub at_alarm_difference: Option<Interval>,
    /// Rotewatch's mean loss of accuracy with the kept weights minus this rule's.
    pub kept_difference: Option<Interval>,
    /// Accuracy lost with the kept weights in clean runs.
    pub kept_in_clean: Option<Summary>,
}

/// How often the alarm names a shortcut.
#[derive(Clone, Copy, Debug)]
pub struct Naming {
    /// Strong shortcuts that are named within ten epochs.
    pub strong_in_time: CountedShare,
    /// Strong shortcuts that are named at any epoch.
    pub strong: CountedShare,
    /// Weak shortcuts that are named.
    pub weak: CountedShare,
    /// Runs without a shortcut for which one was named.
    pub without: CountedShare,
}

/// A variation of a cell: the same training with several seeds.
#[derive(Clone, Debug)]
pub struct CellRow {
    /// The variation.
    pub variation: String,
    /// Runs of each outcome: memorizes, undecided, clean.
    pub outcomes: [usize; 3],
    /// Whether it offers a shortcut.
    pub shortcut: Shortcut,
    /// As in [`MethodRow`], for rotewatch.
    pub found: CountedShare,
    /// As in [`MethodRow`], for rotewatch.
    pub early: CountedShare,
    /// As in [`MethodRow`], for rotewatch.
    pub false_alarms: CountedShare,
    /// As in [`MethodRow`], for rotewatch.
    pub undecided: CountedShare,
    /// As in [`MethodRow`], for rotewatch.
    pub delay: Option<Summary>,
    /// Mean accuracy lost at rotewatch's alarm, over memorizing runs.
    pub at_alarm: Option<f64>,
    /// Mean accuracy lost with the weights that rotewatch restores.
    pub kept: Option<f64>,
    /// Mean accuracy lost by training to the end.
    pub to_end: Option<f64>,
    /// Runs that were named heuristic, at any epoch.
    pub named: CountedShare,
    /// The mean share of wrong labels that the finished networks predict.
    pub wrong_labels_fitted: Option<f64>,
}

/// The parts that have runs: tuning before judging, probes before streams.
#[must_use]
pub fn parts(judged: &Judged) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for role in Role::ALL {
        for stream in [false, true] {
            let of_part = |run: &&JudgedRun| run.run.role == role && (run.run.source() == Mode::Stream) == stream;
            let runs: Vec<&JudgedRun> = judged.runs.iter().filter(of_part).collect();
            if !runs.is_empty() {
                parts.push(Part::of(role, stream, &runs));
            }
        }
    }
    parts
}

impl<'a> Part<'a> {
    fn of(role: Role, stream: bool, runs: &[&'a JudgedRun]) -> Self {
        let plain: Vec<&'a JudgedRun> = runs.iter().copied().filter(|run| run.has_no_shortcut()).collect();
        let mut variations: Vec<&str> = runs.iter().map(|run| run.run.variation.as_str()).collect();
        variations.dedup();
        let cell = |variation: &str| {
            let of_cell: Vec<&JudgedRun> = runs.iter().copied().filter(|run| run.run.variation == variation).collect();
            CellRow::of(variation, &of_cell)
        };
        Part {
            role,
            stream,
            outcomes: outcomes(&plain),
            methods: Method::ALL.into_iter().map(|method| MethodRow::of(method, &plain)).collect(),
            naming: Naming::of(runs),
            cells: variations.into_iter().map(cell).collect(),
            plain,
        }
    }
}

impl MethodRow {
    fn of(method: Method, runs: &[&JudgedRun]) -> Self {
        let memorizing = with(runs, Outcome::Memorizes);
        let clean = with(runs, Outcome::Clean);
        let timed = |timing| CountedShare::count(&memorizing, |run| run.score(method).timing == timing);
        let fired = |runs: &[&JudgedRun]| CountedShare::count(runs, |run| run.score(method).stop.alarm.is_some());
        let difference = |regret: fn(&Score) -> f64| {
            let pair = |run: &&JudgedRun| (regret(run.score(Method::Rotewatch)), regret(run.score(method)));
            (method != Method::Rotewatch).then(|| paired_difference(&memorizing.iter().map(pair).collect::<Vec<_>>())).flatten()
        };
        MethodRow {
            method,
            found: timed(Timing::InTime),
            early: timed(Timing::Early),
            false_alarms: fired(&clean),
            undecided: fired(&with(runs, Outcome::Undecided)),
            delay: delay(method, &memorizing),
            at_alarm: summary(method, &memorizing, |score| score.regret_at_alarm),
            kept: summary(method, &memorizing, |score| score.regret_kept),
            at_alarm_difference: difference(|score| score.regret_at_alarm),
            kept_difference: difference(|score| score.regret_kept),
            kept_in_clean: summary(method, &clean, |score| score.regret_kept),
        }
    }
}

impl Naming {
    fn of(runs: &[&JudgedRun]) -> Self {
        let offering = |shortcut| runs.iter().copied().filter(move |run| run.shortcut == shortcut);
        let in_time = |run: &&JudgedRun| run.alarms.heuristic.is_some_and(|alarm| alarm.alarm_epoch <= NAMED_WITHIN_EPOCHS);
        Naming {
            strong_in_time: CountedShare::count(offering(Shortcut::Strong), in_time),
            strong: CountedShare::count(offering(Shortcut::Strong), |run| named(run)),
            weak: CountedShare::count(offering(Shortcut::Weak), |run| named(run)),
            without: CountedShare::count(offering(Shortcut::None), |run| named(run)),
        }
    }
}

impl CellRow {
    fn of(variation: &str, runs: &[&JudgedRun]) -> Self {
        let memorizing = with(runs, Outcome::Memorizes);
        let mean = |method, regret: fn(&Score) -> f64| summary(method, &memorizing, regret).map(|summary| summary.mean);
        let all = MethodRow::of(Method::Rotewatch, runs);
        let fitted: Vec<f64> = runs.iter().filter_map(|run| run.wrong_labels_fitted).collect();
        CellRow {
            variation: variation.to_owned(),
            outcomes: outcomes(runs),
            shortcut: runs.first().map_or(Shortcut::None, |run| run.shortcut),
            found: all.found,
            early: all.early,
            false_alarms: all.false_alarms,
            undecided: all.undecided,
            delay: all.delay,
            at_alarm: mean(Method::Rotewatch, |score| score.regret_at_alarm),
            kept: mean(Method::Rotewatch, |score| score.regret_kept),
            to_end: mean(Method::TrainToEnd, |score| score.regret_kept),
            named: CountedShare::count(runs, |run| named(run)),
            wrong_labels_fitted: Summary::of(&fitted).map(|summary| summary.mean),
        }
    }
}

fn named(run: &JudgedRun) -> bool {
    run.alarms.heuristic.is_some()
}

fn with<'a>(runs: &[&'a JudgedRun], outcome: Outcome) -> Vec<&'a JudgedRun> {
    runs.iter().copied().filter(|run| run.truth.outcome == outcome).collect()
}

fn outcomes(runs: &[&JudgedRun]) -> [usize; 3] {
    [Outcome::Memorizes, Outcome::Undecided, Outcome::Clean].map(|outcome| with(runs, outcome).len())
}

fn summary(method: Method, runs: &[&JudgedRun], regret: impl Fn(&Score) -> f64) -> Option<Summary> {
    Summary::of(&runs.iter().map(|run| regret(run.score(method))).collect::<Vec<_>>())
}

fn delay(method: Method, memorizing: &[&JudgedRun]) -> Option<Summary> {
    let in_time = memorizing.iter().map(|run| run.score(method)).filter(|score| score.timing == Timing::InTime);
    Summary::of(&in_time.filter_map(|score| Some(score.delay? as f64)).collect::<Vec<_>>())
}
