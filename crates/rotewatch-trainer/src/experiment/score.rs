//! Scores every stopping rule against the truth of every run.

use std::fmt;

use super::Role;
use super::baselines::{self, LOSS_GAP_RISE_DEFAULT, LOSS_GAP_RISES, Stop};
use super::capture::Capture;
use super::grid::PlannedRun;
use super::replay::{Alarms, replay};
use super::truth::{Outcome, Truth};
use rotewatch_core::detect::DetectParams;

/// An alarm more than this many epochs before the true onset is early.
pub const EARLY_EPOCHS: u32 = 5;
/// A shortcut must be named within this many epochs.
pub const NAMED_WITHIN_EPOCHS: u32 = 10;
/// A colour that agrees with this share of the labels is a shortcut that must be named.
pub const STRONG_SHORTCUT: f64 = 0.9;
/// A colour that agrees with this share of the labels is random.
const NO_SHORTCUT: f64 = 0.5;

/// A stopping rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// The alarm for memorizing wrong labels or single examples; the weights of its onset epoch are restored.
    Rotewatch,
    /// Never stops.
    TrainToEnd,
    /// See [`baselines::hold_out`].
    HoldOut,
    /// See [`baselines::label_wave`].
    LabelWave,
    /// See [`baselines::class_information`].
    ClassInformation,
    /// See [`baselines::loss_gap`].
    LossGap,
}

impl Method {
    /// All of them, rotewatch first.
    pub const ALL: [Method; 6] =
        [Method::Rotewatch, Method::TrainToEnd, Method::HoldOut, Method::LabelWave, Method::ClassInformation, Method::LossGap];

    /// The column name in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Rotewatch => "rotewatch",
            Method::TrainToEnd => "train_to_end",
            Method::HoldOut => "hold_out",
            Method::LabelWave => "label_wave",
            Method::ClassInformation => "class_information_maximum",
            Method::LossGap => "loss_gap",
        }
    }

    /// The name in tables.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Method::Rotewatch => "rotewatch",
            Method::TrainToEnd => "train to the end",
            Method::HoldOut => "noisy hold-out, patience 5 (needs labels)",
            Method::LabelWave => "Label Wave",
            Method::ClassInformation => "class-information maximum",
            Method::LossGap => "train/hold-out loss gap (needs labels)",
        }
    }
}

/// The timing of an alarm relative to the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// There was no alarm.
    Silent,
    /// More than [`EARLY_EPOCHS`] before the onset.
    Early,
    /// At the onset or later, or a few epochs before.
    InTime,
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Timing::Silent => "silent",
            Timing::Early => "early",
            Timing::InTime => "in_time",
        })
    }
}

/// The score of a stopping rule in one run. Accuracies are shares.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The rule.
    pub method: Method,
    /// Where it stopped.
    pub stop: Stop,
    /// The timing of its alarm; only meaningful in runs that memorize.
    pub timing: Timing,
    /// Epochs from the true onset to the alarm.
    pub delay: Option<i64>,
    /// Accuracy lost with the weights at the alarm, or at the end without an alarm.
    pub regret_at_alarm: f64,
    /// Accuracy lost with the kept weights.
    pub regret_kept: f64,
}

impl Score {
    fn of(method: Method, stop: Stop, truth: &Truth) -> Self {
        let delay = stop.alarm.map(|alarm| i64::from(alarm) - i64::from(truth.onset));
        let timing = match delay {
            None => Timing::Silent,
            Some(delay) if delay < -i64::from(EARLY_EPOCHS) => Timing::Early,
            Some(_) => Timing::InTime,
        };
        let regret_at_alarm = truth.regret_at(stop.alarm.unwrap_or(truth.last_epoch()));
        Score { method, stop, timing, delay, regret_at_alarm, regret_kept: truth.regret_at(stop.kept) }
    }
}

/// How strong a shortcut the run offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shortcut {
    /// No shortcut, or one that is random.
    None,
    /// A shortcut that may be named.
    Weak,
    /// A shortcut that must be named.
    Strong,
}

impl Shortcut {
    fn of(run: &PlannedRun) -> Self {
        let task = &run.training.task;
        match task.spurious.or(task.color_agreement()) {
            Some(share) if share >= STRONG_SHORTCUT => Shortcut::Strong,
            Some(share) if share > NO_SHORTCUT => Shortcut::Weak,
            _ => Shortcut::None,
        }
    }
}

/// A recorded run with its truth, alarms and scores.
#[derive(Clone, Debug)]
pub struct JudgedRun {
    /// The planned run.
    pub run: PlannedRun,
    /// What it really did.
    pub truth: Truth,
    /// How strong its shortcut is.
    pub shortcut: Shortcut,
    /// The alarms of the detectors.
    pub alarms: Alarms,
    /// The share of wrong training labels that the finished network predicts.
    pub wrong_labels_fitted: Option<f64>,
    /// One for each [`Method`], in its order.
    pub scores: Vec<Score>,
}

impl JudgedRun {
    fn of(capture: &Capture, truth: Truth, params: &DetectParams, loss_gap_rise: f64) -> Self {
        let history = &capture.history;
        let alarms = replay(history, capture.run.source(), params);
        let stop = |method| match method {
            Method::Rotewatch => alarms.example_level.map_or(Stop::never(truth.last_epoch()), |alarm| Stop {
                alarm: Some(alarm.alarm_epoch),
                kept: alarm.onset_epoch,
            }),
            Method::TrainToEnd => Stop::never(truth.last_epoch()),
            Method::HoldOut => baselines::hold_out(history, &truth),
            Method::LabelWave => baselines::label_wave(history, &truth),
            Method::ClassInformation => baselines::class_information(history, &truth),
            Method::LossGap => baselines::loss_gap(history, &truth, loss_gap_rise),
        };
        let scores = Method::ALL.into_iter().map(|method| Score::of(method, stop(method), &truth)).collect();
        JudgedRun {
            run: capture.run.clone(),
            shortcut: Shortcut::of(&capture.run),
            alarms,
            wrong_labels_fitted: history.metric("wrong_labels_fitted").last().copied().flatten(),
            scores,
            truth,
        }
    }

    /// The score of one stopping rule.
    ///
    /// # Panics
    /// Never: there is a score for every rule.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "`judge` makes one score for each of `Method::ALL`, and nothing else makes a judged run"
    )]
    pub fn score(&self, method: Method) -> &Score {
        self.scores.iter().find(|score| score.method == method).expect("every method is scored")
    }

    /// Whether it is judged for memorizing wrong labels. With a shortcut, accuracy falls for another reason.
    #[must_use]
    pub fn has_no_shortcut(&self) -> bool {
        self.shortcut == Shortcut::None
    }
}

/// All runs, judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The runs, in the order of the grid.
    pub runs: Vec<JudgedRun>,
    /// The rise of the loss gap that performed best on the tuning runs, in nats.
    pub loss_gap_rise: f64,
    /// Recorded runs without a truth, because they are shorter than three epochs or an accuracy is missing.
    pub without_truth: Vec<String>,
}

impl Judged {
    /// Judges captures with these thresholds.
    #[must_use]
    pub fn of(captures: &[Capture], params: &DetectParams) -> Self {
        let mut with_truth = Vec::new();
        let mut without_truth = Vec::new();
        for capture in captures {
            match Truth::of(&capture.history) {
                Some(truth) => with_truth.push((capture, truth)),
                None => without_truth.push(capture.run.name.to_string()),
            }
        }
        let loss_gap_rise = best_loss_gap_rise(&with_truth);
        let judged = with_truth.into_iter().map(|(capture, truth)| JudgedRun::of(capture, truth, params, loss_gap_rise));
        Judged { runs: judged.collect(), loss_gap_rise, without_truth }
    }

    /// The runs of one outcome.
    pub fn with_outcome(&self, outcome: Outcome) -> impl Iterator<Item = &JudgedRun> {
        self.runs.iter().filter(move |judged| judged.truth.outcome == outcome)
    }
}

/// The rise with the smallest mean regret over the tuning runs, clean ones included; of equal rises the smaller one.
fn best_loss_gap_rise(runs: &[(&Capture, Truth)]) -> f64 {
    let tuning: Vec<&(&Capture, Truth)> = runs
        .iter()
        .filter(|(capture, _)| capture.run.role == Role::Tune && Shortcut::of(&capture.run) == Shortcut::None)
        .collect();
    if tuning.is_empty() {
        return LOSS_GAP_RISE_DEFAULT;
    }
    let regret = |rise: f64| -> f64 {
        tuning.iter().map(|(capture, truth)| truth.regret_at(baselines::loss_gap(&capture.history, truth, rise).kept)).sum()
    };
    let rises = LOSS_GAP_RISES.into_iter().map(|rise| (rise, regret(rise)));
    rises.min_by(|one, other| one.1.total_cmp(&other.1)).map_or(LOSS_GAP_RISE_DEFAULT, |(rise, _)| rise)
}

#[cfg(test)]
mod tests {
    use super::super::truth::tests::truth;
    use super::*;

    #[test]
    fn an_alarm_is_early_from_the_sixth_epoch_before_the_onset() {
        let mut accuracy = vec![0.5; 20];
        accuracy[9..12].fill(0.9);
        let truth = truth(&accuracy);
        assert_eq!(truth.onset, 11);
        let timing = |alarm: Option<u32>| Score::of(Method::Rotewatch, Stop { alarm, kept: 11 }, &truth).timing;
        assert_eq!(timing(Some(5)), Timing::Early);
        assert_eq!(timing(Some(6)), Timing::InTime);
        assert_eq!(timing(Some(20)), Timing::InTime);
        assert_eq!(timing(None), Timing::Silent);
    }

    #[test]
    fn without_an_alarm_the_end_is_what_counts() {
        let truth = truth(&[0.5, 0.9, 0.9, 0.9, 0.7, 0.7, 0.7]);
        let score = Score::of(Method::TrainToEnd, Stop::never(7), &truth);
        assert!((score.regret_at_alarm - 0.2).abs() < 1e-12 && (score.regret_kept - 0.2).abs() < 1e-12, "{score:?}");
        let score = Score::of(Method::Rotewatch, Stop { alarm: Some(6), kept: 3 }, &truth);
        assert!((score.regret_at_alarm - 0.2).abs() < 1e-12 && score.regret_kept.abs() < 1e-12, "{score:?}");
        assert_eq!(score.delay, Some(3));
    }
}
