//! Divergence: the network gets better on the rows that it is trained on and worse on rows that it has never seen. That is memorization
//! by definition, for every task with a loss.

use std::sync::Arc;

use super::paired::{Change, Jitter, NewestRows, mean};
use super::{DetectParams, Detector, Observation};
use crate::vocabulary::choices::Task;
use crate::vocabulary::rows::{EpochRows, OfSets, RowNumbers};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Evidence, Finding, Harm, Kind};

/// What is compared, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Whether the predicted class is the given label: what people mean by accuracy.
    Errors,
    /// The loss by the given label.
    Losses,
}

impl Signal {
    fn of(self, numbers: &RowNumbers) -> Option<&Vec<f32>> {
        match self {
            Signal::Errors => numbers.errors.as_ref(),
            Signal::Losses => numbers.losses.as_ref(),
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Signal::Errors => "error",
            Signal::Losses => "loss",
        }
    }

    fn names(self) -> [&'static str; 2] {
        match self {
            Signal::Errors => ["unseen_error_ratio", "seen_error_ratio"],
            Signal::Losses => ["unseen_loss", "seen_loss"],
        }
    }
}

/// Compares each epoch with the best one so far, over the same rows.
///
/// # Estimator
/// The value of a row is its mean over the newest `smooth` epochs. The *best* epoch is that with the lowest mean over the unseen rows, from
/// epoch 1 on. A change is the mean of the paired differences from then to now, over the rows whose values are finite. There is a finding
/// when, for `epochs` epochs in a row, the unseen rows have become worse by more than `errors_z` or `losses_z` standard errors and by at
/// least `errors` (a share of the rows) or `losses` (a share of the lowest mean loss), and the seen rows have become better by more than
/// `seen_z` standard errors, to which the jitter of their means from epoch to epoch is added. The onset is the best epoch.
///
/// A jitter of the network (a high learning rate, batch norm) makes both sets better or worse together; the two signs part it from
/// memorization.
///
/// # Source
/// Own rule, of the two-set picture of over-fitting. Thresholds, what they are worth and where they fail: `benches/record/alarm.md`.
#[derive(Debug)]
pub struct Divergence {
    signal: Signal,
    /// The newest epochs, as many as the mean is taken over.
    newest: NewestRows,
    best: Option<Best>,
    seen_jitter: Jitter,
    signs_in_a_row: u32,
}

/// The best epoch so far.
#[derive(Debug)]
struct Best {
    epoch: Epoch,
    mean: f64,
    rows: OfSets<Vec<f64>>,
}

impl Divergence {
    /// A rule that has seen no epoch.
    #[must_use]
    pub fn of(signal: Signal) -> Self {
        Divergence { signal, newest: NewestRows::default(), best: None, seen_jitter: Jitter::default(), signs_in_a_row: 0 }
    }

    /// Whether it has what it compares.
    #[must_use]
    pub fn judges(&self) -> bool {
        self.best.is_some()
    }

    fn take_in(&mut self, epoch: Epoch, rows: &EpochRows, smooth: usize) -> Result<(), String> {
        let values = |numbers: &Option<Arc<RowNumbers>>| self.signal.of(numbers.as_ref()?).cloned();
        let (Some(unseen), Some(seen)) = (values(&rows.unseen), values(&rows.seen)) else {
            return Err(format!("the {} of unseen and seen rows is unknown", self.signal.in_words()));
        };
        let seen_mean = mean(&seen.iter().map(|value| f64::from(*value)).collect::<Vec<_>>());
        let rows = OfSets { unseen, seen };
        if self.newest.is_outgrown_by(&rows) {
            *self = Divergence::of(self.signal);
        }
        if !self.newest.push(rows, smooth) {
            return Err(format!("some of the rows of epoch {epoch} are missing"));
        }
        self.seen_jitter.push(seen_mean.unwrap_or(f64::NAN));
        Ok(())
    }
}

impl Detector for Divergence {
    fn kind(&self) -> Kind {
        Kind::ExampleLevel
    }

    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer {
        if observation.epoch == Epoch::UNTRAINED {
            return Answer::TooEarly { reason: "the network is untrained".into() };
        }
        let thresholds = &params.divergence;
        if let Err(reason) = self.take_in(observation.epoch, &observation.rows, thresholds.smooth) {
            // No sign that an alarm has ended either.
            return Answer::TooEarly { reason };
        }
        let rows = self.newest.means();
        let Some(now) = mean(&rows.unseen) else {
            return Answer::TooEarly { reason: format!("the {} of unseen rows is not a number", self.signal.in_words()) };
        };
        let Some(best) = self.best.as_ref().filter(|best| best.mean <= now) else {
            self.signs_in_a_row = 0;
            self.best = Some(Best { epoch: observation.epoch, mean: now, rows });
            return Answer::Quiet { score: 0.0 };
        };
        let (Some(unseen), Some(seen)) = (Change::of(&best.rows.unseen, &rows.unseen), Change::of(&best.rows.seen, &rows.seen))
        else {
            return Answer::Quiet { score: 0.0 };
        };
        let (z, least) = match self.signal {
            Signal::Errors => (thresholds.errors_z, thresholds.errors),
            Signal::Losses => (thresholds.losses_z, thresholds.losses * unseen.before.abs()),
        };
        // A trailing mean of some epochs jitters less than one of them.
        let jitter = self.seen_jitter.deviation() / (thresholds.smooth.max(1) as f64).sqrt();
        let better = -seen.z_beyond(jitter);
        let parts = [unseen.z / z, better / thresholds.seen_z, if least > 0.0 { unseen.rise() / least } else { f64::INFINITY }];
        let score = parts.into_iter().fold(f64::INFINITY, f64::min);
        self.signs_in_a_row = if score > 1.0 { self.signs_in_a_row + 1 } else { 0 };
        if self.signs_in_a_row < thresholds.epochs {
            return Answer::Quiet { score: score.min(1.0) };
        }
        let evidence = [(unseen, unseen.z, z), (seen, better, thresholds.seen_z)];
        Answer::Finding(self.finding(best.epoch, evidence, score, observation.task))
    }

    fn possible_onsets(&self, _: &DetectParams) -> Vec<Epoch> {
        self.best.iter().map(|best| best.epoch).collect()
    }
}

impl Divergence {
    /// `of`: the change of unseen and of seen rows, each in standard errors, with its threshold.
    fn finding(&self, onset_epoch: Epoch, of: [(Change, f64, f64); 2], score: f64, task: Option<Task>) -> Finding {
        let [(unseen, ..), (seen, ..)] = of;
        // A loss may rise while the classes stay right: the network becomes over-confident.
        let of_classes = matches!(task, None | Some(Task::Classes | Task::Binary));
        let (harm, why, remedy) = match self.signal {
            Signal::Errors => (
                Harm::Shown,
                format!(
                    "On rows that the network has never seen, its errors rose from {:.1} to {:.1} % since epoch {onset_epoch}; on rows of \
                     the training set they fell from {:.1} to {:.1} %",
                    100.0 * unseen.before,
                    100.0 * unseen.now,
                    100.0 * seen.before,
                    100.0 * seen.now
                ),
                format!("Keep the weights of epoch {onset_epoch}; to train longer, check the labels, add data or regularise"),
            ),
            Signal::Losses => {
                let why = format!(
                    "On rows that the network has never seen, the loss rose from {:.3} to {:.3} since epoch {onset_epoch}; on rows of the \
                     training set it fell from {:.3} to {:.3}",
                    unseen.before, unseen.now, seen.before, seen.now
                );
                if of_classes {
                    let remedy = "The network becomes over-confident, and its accuracy may follow; watch the errors on unseen rows, \
                                  regularise, or smooth the labels";
                    (Harm::Suspected, why, remedy.to_owned())
                } else {
                    let remedy = format!("Keep the weights of epoch {onset_epoch}; to train longer, add data or regularise");
                    (Harm::Shown, why, remedy)
                }
            }
        };
        let [of_unseen, of_seen] = self.signal.names();
        let evidence = |signal: &'static str, (change, ratio, threshold): (Change, f64, f64)| Evidence {
            signal: signal.into(),
            value: change.now,
            reference: change.before,
            reference_epoch: onset_epoch,
            ratio,
            threshold,
        };
        Finding {
            kind: Kind::ExampleLevel,
            harm,
            score,
            onset_epoch,
            layers: Vec::new(),
            evidence: [of_unseen, of_seen].into_iter().zip(of).map(|(signal, of)| evidence(signal, of)).collect(),
            why,
            remedy,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::DivergenceParams;
    use super::super::tests::{observation, params};
    use super::*;

    /// The default thresholds, with means over some epochs.
    fn smoothed(smooth: usize) -> DetectParams {
        let divergence = DivergenceParams { smooth, epochs: 1, ..params().divergence };
        DetectParams { divergence, ..params() }
    }

    fn unsmoothed() -> DetectParams {
        smoothed(1)
    }

    /// Errors of 1,000 rows, of which the first `wrong` are 1.
    #[expect(clippy::unnecessary_wraps, reason = "a set that sent nothing has `None`")]
    fn errors(wrong: usize) -> Option<Arc<RowNumbers>> {
        let errors = (0..1000).map(|row| if row < wrong { 1.0 } else { 0.0 }).collect();
        Some(Arc::new(RowNumbers { errors: Some(errors), ..RowNumbers::default() }))
    }

    /// Losses of 1,000 rows around a mean, spread as widely as the mean.
    #[expect(clippy::unnecessary_wraps, reason = "a set that sent nothing has `None`")]
    fn losses(mean: f32) -> Option<Arc<RowNumbers>> {
        let losses = (0..1000_u16).map(|row| mean * (0.5 + f32::from(row) / 1000.0)).collect();
        Some(Arc::new(RowNumbers { losses: Some(losses), ..RowNumbers::default() }))
    }

    /// The answers to (unseen, seen) from epoch 0 on.
    fn answers<T: Copy>(signal: Signal, series: &[(T, T)], rows: impl Fn(T) -> Option<Arc<RowNumbers>>) -> Vec<Answer> {
        let mut detector = Divergence::of(signal);
        let judge = |(epoch, (unseen, seen)): (usize, &(T, T))| {
            let rows = EpochRows { unseen: rows(*unseen), seen: rows(*seen) };
            detector.judge(&Observation { rows, ..observation(epoch, None, None) }, &unsmoothed())
        };
        series.iter().enumerate().map(judge).collect()
    }

    fn first(answers: &[Answer]) -> Option<(usize, u32, Harm)> {
        answers.iter().enumerate().find_map(|(epoch, answer)| match answer {
            Answer::Finding(finding) => Some((epoch, finding.onset_epoch.0, finding.harm)),
            _ => None,
        })
    }

    /// A description, (unseen, seen) errors by epoch, and the first finding with its onset and harm.
    type Case<'a> = (&'a str, &'a [(usize, usize)], Option<(usize, u32, Harm)>);

    #[test]
    fn runs_are_told_apart_by_their_errors() {
        let table: [Case<'_>; 7] = [
            ("both learn", &[(900, 900), (400, 400), (300, 280), (250, 200), (240, 150)], None),
            (
                "seen rows get better and unseen ones worse",
                &[(900, 900), (300, 280), (305, 240), (330, 150)],
                Some((3, 1, Harm::Shown)),
            ),
            ("both get worse: a jump of the learning rate", &[(900, 900), (300, 280), (400, 380), (420, 400)], None),
            ("seen rows get better and unseen ones stay", &[(900, 900), (300, 280), (302, 100), (303, 0)], None),
            ("unseen rows get worse and seen ones stay", &[(900, 900), (300, 280), (330, 280), (350, 279)], None),
            ("the best epoch moves on", &[(900, 900), (300, 300), (250, 250), (290, 100)], Some((3, 2, Harm::Shown))),
            ("the untrained network is never the best", &[(0, 0), (300, 300), (299, 290), (298, 280)], None),
        ];
        for (why, series, expected) in table {
            assert_eq!(first(&answers(Signal::Errors, series, errors)), expected, "{why}");
        }
    }

    #[test]
    fn a_rising_loss_warns_of_classes_and_shows_harm_where_there_are_none() {
        let series = [(3.0, 3.0), (1.0, 1.0), (1.02, 0.8), (1.2, 0.5)];
        assert_eq!(first(&answers(Signal::Losses, &series, losses)), Some((3, 1, Harm::Suspected)), "2 % more are too few");
        let mut detector = Divergence::of(Signal::Losses);
        let mut found = None;
        for (epoch, (unseen, seen)) in series.into_iter().enumerate() {
            let rows = EpochRows { unseen: losses(unseen), seen: losses(seen) };
            let observation = Observation { rows, task: Some(Task::Tokens), ..observation(epoch, None, None) };
            if let Answer::Finding(finding) = detector.judge(&observation, &unsmoothed()) {
                found = Some((epoch, finding.harm));
            }
        }
        assert_eq!(found, Some((3, Harm::Shown)));
    }

    #[test]
    fn numbers_that_are_none_are_left_out_in_pairs() {
        let nan = |mean: f32| {
            let numbers = losses(mean)?;
            let mut values = numbers.losses.clone()?;
            values[7] = f32::NAN;
            Some(Arc::new(RowNumbers { losses: Some(values), ..RowNumbers::default() }))
        };
        let series = [(3.0, 3.0), (1.0, 1.0), (1.2, 0.5)];
        assert_eq!(first(&answers(Signal::Losses, &series, nan)), Some((2, 1, Harm::Suspected)));
        let all = |_: f32| Some(Arc::new(RowNumbers { losses: Some(vec![f32::NAN; 10]), ..RowNumbers::default() }));
        assert!(answers(Signal::Losses, &series, all).iter().all(|answer| matches!(answer, Answer::TooEarly { .. })));
    }

    #[test]
    fn a_change_that_many_rows_prove_and_nobody_feels_is_none() {
        let of = |wrong: usize| {
            let errors = (0..20_000).map(|row| if row < wrong { 1.0 } else { 0.0 }).collect();
            Some(Arc::new(RowNumbers { errors: Some(errors), ..RowNumbers::default() }))
        };
        let least = 200;
        let series = |more: usize| [(9000_usize, 9000_usize), (6000, 5600), (6000 + more, 5000)];
        assert_eq!(first(&answers(Signal::Errors, &series(least / 2), of)), None, "half a point, ten standard errors");
        assert_eq!(first(&answers(Signal::Errors, &series(2 * least), of)), Some((2, 1, Harm::Shown)));
    }

    #[test]
    fn a_single_bad_epoch_is_smoothed_away() {
        let found = |smooth| {
            let mut detector = Divergence::of(Signal::Errors);
            let series = [(300, 300), (300, 290), (300, 280), (312, 270), (300, 270)];
            let judge = |(number, (unseen, seen)): (usize, &(usize, usize))| {
                let rows = EpochRows { unseen: errors(*unseen), seen: errors(*seen) };
                let observation = Observation { rows, ..observation(number + 1, None, None) };
                matches!(detector.judge(&observation, &smoothed(smooth)), Answer::Finding(_))
            };
            series.iter().enumerate().map(judge).filter(|found| *found).count()
        };
        assert_eq!((found(1), found(4)), (1, 0));
    }

    #[test]
    fn a_short_first_epoch_does_not_silence_the_rule() {
        let mut detector = Divergence::of(Signal::Errors);
        let short = || Some(Arc::new(RowNumbers { errors: Some(vec![0.0; 500]), ..RowNumbers::default() }));
        let mut judge = |epoch, unseen: Option<Arc<RowNumbers>>, seen| {
            let rows = EpochRows { unseen, seen };
            detector.judge(&Observation { rows, ..observation(epoch, None, None) }, &unsmoothed())
        };
        judge(1, short(), errors(400));
        judge(2, errors(300), errors(280));
        assert!(matches!(judge(3, errors(350), errors(100)), Answer::Finding(finding) if finding.onset_epoch == Epoch(2)));
    }

    #[test]
    fn missing_rows_say_nothing() {
        let mut detector = Divergence::of(Signal::Errors);
        let params = unsmoothed();
        let mut judge = |epoch, unseen: Option<Arc<RowNumbers>>, seen| {
            let rows = EpochRows { unseen, seen };
            detector.judge(&Observation { rows, ..observation(epoch, None, None) }, &params)
        };
        assert!(matches!(judge(1, errors(300), None), Answer::TooEarly { reason } if reason.contains("seen rows is unknown")));
        judge(2, errors(300), errors(280));
        let fewer = Some(Arc::new(RowNumbers { errors: Some(vec![1.0; 500]), ..RowNumbers::default() }));
        assert!(matches!(judge(3, fewer, errors(100)), Answer::TooEarly { reason } if reason.contains("epoch 3 are missing")));
        assert!(matches!(judge(4, errors(350), errors(100)), Answer::Finding(finding) if finding.onset_epoch == Epoch(2)));
    }
}
