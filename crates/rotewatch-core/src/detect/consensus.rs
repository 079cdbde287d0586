//! Consensus: without any label of unseen rows, a network that starts to learn its training rows by heart leaves what it agreed on before.
//!
//! While a network learns what the examples of a class have in common, its predictions on rows that it has never seen settle. When it goes
//! on to fit wrong labels, single rows change sides again, away from the rows around them, while the rows that it is trained on get better.

use super::paired::{Change, Jitter, NewestRows, mean};
use super::{DetectParams, Detector, Observation};
use crate::vocabulary::choices::Task;
use crate::vocabulary::rows::{EpochRows, OfSets, RowNumbers};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Evidence, Finding, Harm, Kind};
use rotewatch_info::statistics::TrailingMean;

/// Epochs in every trailing mean of this rule.
const SMOOTH: usize = 3;

/// The first epoch that an alarm may name as its onset: before it, the consensus is of few epochs, and agrees with anything.
const ONSET_FROM: Epoch = Epoch(5);

/// The first epoch that later ones are compared with.
const COMPARED_FROM: Epoch = Epoch(8);

/// How much of the jitter of the mean agreement is added to its standard error.
const JITTER: f64 = 0.5;

/// Unseen rows that are followed at most, the first ones. With the candidates of each, some 1 MB a run.
const ROWS_MAX: usize = 4096;

/// Classes of a row whose votes are counted at most.
const CANDIDATES: usize = 16;

/// Compares what the network predicts on unseen rows with what it predicted in all epochs before.
///
/// # Estimator
/// The *consensus* on an unseen row is the class with the most votes in the epochs from 1 on before this one, each vote weighted by its
/// predicted probability. Its *agreement* is 1 where the predicted class is the consensus, else 0; a mean over 3 epochs. There is a finding
/// when three changes have happened since the epoch with the highest mean agreement, from epoch 8 on: agreement fell by more than `z`
/// standard errors over the same rows, to which half the jitter of its mean from epoch to epoch is added, and by at least `agreement`;
/// errors on seen rows (by the labels that are trained on; else their losses) fell by more than the `seen_z` of `detect.divergence`, as
/// there; and the agreement with the nearest rows
/// ([`neighbour_agreement`](rotewatch_info::measures::agreement::neighbour_agreement), a mean over 3 epochs) is lower than it was. The onset
/// is the epoch with the highest mean agreement from epoch 5 on.
///
/// # Source
/// Own rule, after the picture of early learning before memorization of Liu, Niles-Weed, Razavian, Fernandez-Granda, "Early-Learning
/// Regularization Prevents Memorization of Noisy Labels" (NeurIPS 2020), whose running mean of predictions stands in for labels. On
/// trainings on which thresholds may be chosen: `benches/record/alarm.md`.
#[derive(Debug, Default)]
pub struct Consensus {
    votes: Vec<Votes>,
    /// Agreement of unseen rows, errors or losses of seen ones.
    newest: NewestRows,
    neighbours: TrailingMean,
    best: Option<Best>,
    /// The highest mean agreement that an onset may have, and its epoch.
    onset: Option<(f64, Epoch)>,
    agreement_jitter: Jitter,
    seen_jitter: Jitter,
    is_fed: bool,
}

/// The votes of a row so far: the weights of the classes that are in the running.
#[derive(Clone, Debug, Default)]
struct Votes(Vec<(i64, f32)>);

impl Votes {
    /// Adds a vote. If all places are taken, a new class takes that of the one with the fewest votes.
    fn add(&mut self, class: i64, weight: f32) {
        if let Some((_, votes)) = self.0.iter_mut().find(|(known, _)| *known == class) {
            *votes += weight;
        } else if self.0.len() < CANDIDATES {
            self.0.push((class, weight));
        } else if let Some(last) = self.0.iter_mut().min_by(|a, b| a.1.total_cmp(&b.1)) {
            *last = (class, weight);
        }
    }

    /// The class with the most votes; the smallest of several.
    fn leading(&self) -> Option<i64> {
        let most = |a: &&(i64, f32), b: &&(i64, f32)| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0));
        self.0.iter().max_by(most).map(|(class, _)| *class)
    }
}

/// The epoch with the highest agreement so far.
#[derive(Debug)]
struct Best {
    epoch: Epoch,
    mean: f64,
    rows: OfSets<Vec<f64>>,
    neighbours: f64,
}

impl Consensus {
    /// Whether it gets what it compares, even if it is too early to compare it.
    #[must_use]
    pub fn is_fed(&self) -> bool {
        self.is_fed
    }

    /// Adds an epoch and returns the smoothed rows; `None` before there is a consensus.
    fn take_in(&mut self, epoch: Epoch, rows: &EpochRows) -> Result<Option<OfSets<Vec<f64>>>, String> {
        let unknown = |what: &str| format!("{what} unknown");
        let unseen = rows.unseen.as_deref().ok_or_else(|| unknown("the predictions on unseen rows are"))?;
        let classes = unseen.predictions.as_deref().ok_or_else(|| unknown("the predicted classes of unseen rows are"))?;
        let classes = classes.get(..ROWS_MAX).unwrap_or(classes);
        let of_seen = |numbers: &RowNumbers| numbers.errors.clone().or_else(|| numbers.losses.clone());
        let seen = rows.seen.as_deref().and_then(of_seen).ok_or_else(|| unknown("the errors on seen rows are"))?;
        if self.votes.len() < classes.len() {
            // The epochs before, if any, were not whole.
            *self = Consensus::default();
            self.votes = vec![Votes::default(); classes.len()];
        }
        if self.votes.len() != classes.len() {
            return Err(format!("some of the rows of epoch {epoch} are missing"));
        }
        let agreement: Option<Vec<f32>> = classes
            .iter()
            .zip(&self.votes)
            .map(|(class, votes)| Some(if votes.leading()? == *class { 1.0 } else { 0.0 }))
            .collect();
        let weights = unseen.confidence.as_deref();
        for (row, (class, votes)) in classes.iter().zip(&mut self.votes).enumerate() {
            let weight = weights.and_then(|weights| weights.get(row)).copied().filter(|weight| weight.is_finite()).unwrap_or(1.0);
            votes.add(*class, weight);
        }
        let Some(agreement) = agreement else { return Ok(None) };
        let means = [&agreement, &seen].map(|rows| mean(&rows.iter().map(|value| f64::from(*value)).collect::<Vec<_>>()));
        if !self.newest.push(OfSets { unseen: agreement, seen }, SMOOTH) {
            return Err(format!("some of the rows of epoch {epoch} are missing"));
        }
        let [agreement, seen] = means.map(|mean| mean.unwrap_or(f64::NAN));
        self.agreement_jitter.push(agreement);
        self.seen_jitter.push(seen);
        Ok(Some(self.newest.means()))
    }
}

impl Detector for Consensus {
    fn kind(&self) -> Kind {
        Kind::ExampleLevel
    }

    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer {
        let epoch = observation.epoch;
        if epoch == Epoch::UNTRAINED {
            return Answer::TooEarly { reason: "the network is untrained".into() };
        }
        let neighbours = self.neighbours.push_all(observation.neighbour_agreement.map(|agreement| [agreement]), SMOOTH);
        if matches!(observation.task, Some(Task::Tokens)) {
            // The class at the last position of a sequence says little about the sequence.
            return Answer::TooEarly { reason: "the predicted classes are those of single positions".into() };
        }
        let taken = self.take_in(epoch, &observation.rows);
        self.is_fed |= taken.is_ok() && neighbours.is_some();
        let rows = match taken {
            Ok(Some(rows)) => rows,
            Ok(None) => return Answer::TooEarly { reason: "there is one epoch of predictions so far".into() },
            // No sign that an alarm has ended either.
            Err(reason) => return Answer::TooEarly { reason },
        };
        let (Some(now), Some([neighbours])) = (mean(&rows.unseen), neighbours) else {
            let reason = "how well the predictions agree with those of the nearest rows is unknown";
            return Answer::TooEarly { reason: reason.into() };
        };
        if epoch >= ONSET_FROM && self.onset.is_none_or(|(highest, _)| now >= highest) {
            self.onset = Some((now, epoch));
        }
        let (Some((_, onset_epoch)), true) = (self.onset, epoch >= COMPARED_FROM) else {
            return Answer::TooEarly { reason: format!("this rule judges from epoch {COMPARED_FROM} on") };
        };
        let Some(best) = self.best.as_ref().filter(|best| best.mean > now) else {
            self.best = Some(Best { epoch, mean: now, rows, neighbours });
            return Answer::Quiet { score: 0.0 };
        };
        let (Some(agreement), Some(seen)) =
            (Change::of(&best.rows.unseen, &rows.unseen), Change::of(&best.rows.seen, &rows.seen))
        else {
            return Answer::Quiet { score: 0.0 };
        };
        let smoothed = |jitter: &Jitter| jitter.deviation() / (SMOOTH as f64).sqrt();
        let left = -agreement.z_beyond(JITTER * smoothed(&self.agreement_jitter));
        let better = -seen.z_beyond(smoothed(&self.seen_jitter));
        let (thresholds, seen_z) = (&params.consensus, params.divergence.seen_z);
        let parts = [left / thresholds.z, -agreement.rise() / thresholds.agreement, better / seen_z];
        let score = parts.into_iter().fold(f64::INFINITY, f64::min);
        if score <= 1.0 || neighbours >= best.neighbours {
            return Answer::Quiet { score: score.min(1.0) };
        }
        let evidence = |signal: &'static str, [value, reference]: [f64; 2], [ratio, threshold]: [f64; 2]| Evidence {
            signal: signal.into(),
            value,
            reference,
            reference_epoch: best.epoch,
            ratio,
            threshold,
        };
        Answer::Finding(Finding {
            kind: Kind::ExampleLevel,
            harm: Harm::Shown,
            score,
            onset_epoch,
            layers: observation.layers.last().map(|last| last.layer.clone()).into_iter().collect(),
            evidence: vec![
                evidence("consensus_ratio", [agreement.now, agreement.before], [left, thresholds.z]),
                evidence("seen_error_ratio", [seen.now, seen.before], [better, seen_z]),
                evidence("neighbour_agreement", [neighbours, best.neighbours], [1.0 - neighbours / best.neighbours, 0.0]),
            ],
            why: format!(
                "On rows that the network has never seen, it leaves what it agreed on: {:.1} % of its predictions are those of the epochs \
                 before, {:.1} % at epoch {}, and they part from those of similar rows; meanwhile the rows of the training set get \
                 better",
                100.0 * agreement.now,
                100.0 * agreement.before,
                best.epoch,
            ),
            remedy: format!("Keep the weights of epoch {onset_epoch}; to train longer, check the labels, add data or regularise"),
        })
    }

    fn possible_onsets(&self, _: &DetectParams) -> Vec<Epoch> {
        self.onset.iter().map(|(_, epoch)| *epoch).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{observation, params};
    use super::*;

    const ROWS: u16 = 1000;

    /// What an epoch is like.
    #[derive(Clone, Copy)]
    struct Like {
        /// Unseen rows whose predicted class is not the one of before.
        leaves: u16,
        /// Errors on seen rows.
        errors: u16,
        /// Agreement with the nearest rows.
        neighbours: Option<f64>,
    }

    fn like(leaves: u16, errors: u16, neighbours: f64) -> Like {
        Like { leaves, errors, neighbours: Some(neighbours) }
    }

    fn observed(epoch: usize, of: Like) -> Observation {
        let predictions = (0..ROWS).map(|row| i64::from(row % 3) + i64::from(row < of.leaves)).collect();
        let unseen = RowNumbers { confidence: Some(vec![0.9; usize::from(ROWS)]), ..RowNumbers::of_predictions(predictions) };
        let errors = (0..ROWS).map(|row| if row < of.errors { 1.0 } else { 0.0 }).collect();
        let seen = RowNumbers { errors: Some(errors), ..RowNumbers::default() };
        let rows = EpochRows { unseen: Some(Arc::new(unseen)), seen: Some(Arc::new(seen)) };
        Observation { rows, neighbour_agreement: of.neighbours, ..observation(epoch, None, None) }
    }

    /// The first finding from epoch 1 on and its onset, over nine epochs that agree and then these.
    fn first(then: &[Like]) -> Option<(usize, u32)> {
        let mut detector = Consensus::default();
        let steady = (0_u16..9).map(|epoch| like(0, 400 - 16 * epoch, 0.9));
        let all: Vec<Like> = steady.chain(then.iter().copied()).collect();
        (1..).zip(all).find_map(|(epoch, of)| match detector.judge(&observed(epoch, of), &params()) {
            Answer::Finding(finding) => Some((epoch, finding.onset_epoch.0)),
            _ => None,
        })
    }

    /// A description, the epochs after nine that agree, and the epochs of the first finding and of its onset.
    type Case = (&'static str, [Like; 4], Option<(usize, u32)>);

    #[test]
    fn runs_are_told_apart() {
        let table: [Case; 6] = [
            ("it stays with what it agreed on", [like(0, 250, 0.9); 4], None),
            ("it leaves it, and the rows around, while seen rows get better", [like(100, 200, 0.8); 4], Some((10, 9))),
            ("seen rows get worse as well: a jump of the learning rate", [like(100, 500, 0.8); 4], None),
            ("the rows around change with it: it learns something new", [like(100, 200, 0.9); 4], None),
            ("too few rows leave", [like(5, 200, 0.8); 4], None),
            (
                "one bad epoch is smoothed away",
                [like(25, 200, 0.7), like(0, 200, 0.9), like(0, 200, 0.9), like(0, 200, 0.9)],
                None,
            ),
        ];
        for (why, then, expected) in table {
            assert_eq!(first(&then), expected, "{why}");
        }
    }

    #[test]
    fn the_votes_are_weighted_and_a_tie_is_the_smaller_class() {
        let votes = |of: &[(i64, f32)]| {
            let mut votes = Votes::default();
            for (class, weight) in of {
                votes.add(*class, *weight);
            }
            votes.leading()
        };
        assert_eq!(votes(&[(3, 1.0), (1, 2.5), (2, 1.0)]), Some(1));
        assert_eq!(votes(&[(3, 1.0), (1, 1.0)]), Some(1));
        assert_eq!(votes(&[(3, 1.0), (1, 1.5), (3, 1.0)]), Some(3), "they add up");
        assert_eq!(votes(&[]), None);
        // However many classes a row is given, the leading one stays.
        let mut row = Votes::default();
        for class in 0..1000 {
            row.add(-1, 0.1);
            row.add(class, 1.0);
        }
        assert_eq!((row.leading(), row.0.len()), (Some(-1), CANDIDATES));
    }

    #[test]
    fn what_is_missing_is_named() {
        let mut detector = Consensus::default();
        let mut reason = |observation: &Observation| match detector.judge(observation, &params()) {
            Answer::TooEarly { reason } => reason,
            other => panic!("{other:?}"),
        };
        let whole = observed(1, like(0, 400, 0.9));
        let unseen_only = EpochRows { unseen: whole.rows.unseen.clone(), seen: None };
        assert!(reason(&Observation { rows: unseen_only, ..whole.clone() }).contains("errors on seen rows are unknown"));
        let no_classes = EpochRows { unseen: whole.rows.seen.clone(), seen: whole.rows.seen.clone() };
        assert!(
            reason(&Observation { rows: no_classes, ..whole.clone() }).contains("predicted classes of unseen rows are unknown")
        );
        assert!(reason(&observation(0, None, None)).contains("untrained"));
        assert!(reason(&whole).contains("one epoch of predictions"));
        for epoch in 2..8 {
            assert!(reason(&observed(epoch, like(0, 400, 0.9))).contains("from epoch 8 on"));
        }
    }

    #[test]
    fn an_epoch_without_some_rows_changes_nothing() {
        let mut detector = Consensus::default();
        for epoch in 1..10 {
            detector.judge(&observed(epoch, like(0, 400, 0.9)), &params());
        }
        let fewer = RowNumbers::of_predictions(vec![7; 500]);
        let mut short = observed(10, like(0, 400, 0.9));
        short.rows.unseen = Some(Arc::new(fewer));
        assert!(matches!(detector.judge(&short, &params()), Answer::TooEarly { reason } if reason.contains("are missing")));
        assert_eq!(detector.possible_onsets(&params()), [Epoch(9)]);
    }
}
