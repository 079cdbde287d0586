//! Rote from the start: the network learns the rows that it is trained on and nothing that helps on others.

use super::paired::{Change, NewestRows};
use super::{DetectParams, Detector, Observation};
use crate::vocabulary::rows::{EpochRows, OfSets, RowNumbers};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Evidence, Finding, Harm, Kind};

/// Compares how much better the network has become on each set than the untrained network was.
///
/// # Estimator
/// The error of a row is its mean over the newest `detect.divergence.smooth` epochs. There is a finding when, for the
/// `epochs` of `detect.divergence` in a row, the errors on seen rows are fewer than
/// those of the untrained network by at least `errors`, those on unseen rows have become fewer by less than the share `share` of that, and
/// the two changes differ by more than `z` standard errors. The onset is epoch 1.
///
/// It only suspects harm. Random labels look like this, and so does a network that memorizes a table before it finds the rule behind it
/// (grokking); a stop would come long before its best weights.
///
/// # Source
/// Own rule, of the generalization gap. On trainings on which thresholds may be chosen: `benches/record/alarm.md`.
#[derive(Debug, Default)]
pub struct Rote {
    untrained: Option<OfSets<Vec<f64>>>,
    newest: NewestRows,
    judges: bool,
    signs_in_a_row: u32,
}

impl Rote {
    fn take_in(&mut self, epoch: Epoch, rows: &EpochRows, smooth: usize) -> Result<[Change; 2], String> {
        let errors = |numbers: Option<&RowNumbers>| numbers?.errors.clone();
        let (Some(unseen), Some(seen)) = (errors(rows.unseen.as_deref()), errors(rows.seen.as_deref())) else {
            return Err("the errors on unseen and seen rows are unknown".into());
        };
        if epoch == Epoch::UNTRAINED {
            let widened = |rows: Vec<f32>| rows.into_iter().map(f64::from).collect();
            self.untrained = Some(OfSets { unseen: widened(unseen), seen: widened(seen) });
            return Err("the network is untrained".into());
        }
        let Some(untrained) = &self.untrained else {
            return Err("the untrained network (epoch 0) was not measured, so there is nothing to compare with".into());
        };
        if (unseen.len(), seen.len()) != (untrained.unseen.len(), untrained.seen.len())
            || !self.newest.push(OfSets { unseen, seen }, smooth)
        {
            return Err(format!("some of the rows of epoch {epoch} are missing"));
        }
        let now = self.newest.means();
        let changes = [Change::of(&untrained.unseen, &now.unseen), Change::of(&untrained.seen, &now.seen)];
        let [Some(unseen), Some(seen)] = changes else { return Err("there are too few rows".into()) };
        Ok([unseen, seen])
    }
}

impl Detector for Rote {
    fn kind(&self) -> Kind {
        Kind::ExampleLevel
    }

    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer {
        let [unseen, seen] = match self.take_in(observation.epoch, &observation.rows, params.divergence.smooth) {
            Ok(changes) => changes,
            Err(reason) => return Answer::TooEarly { reason },
        };
        self.judges = true;
        let thresholds = &params.gap;
        let (learnt, by_heart) = (-unseen.rise(), -seen.rise());
        let error = seen.error.hypot(unseen.error);
        let z = if error > 0.0 { (by_heart - learnt) / error } else { 0.0 };
        // 1 where just as much was learnt as by the threshold, 1 / (1 - share) where nothing was.
        let lacking = if by_heart > 0.0 { (1.0 - learnt / by_heart) / (1.0 - thresholds.share) } else { 0.0 };
        let score = [by_heart / thresholds.errors, z / thresholds.z, lacking].into_iter().fold(f64::INFINITY, f64::min);
        self.signs_in_a_row = if score > 1.0 { self.signs_in_a_row + 1 } else { 0 };
        if self.signs_in_a_row < params.divergence.epochs {
            return Answer::Quiet { score: score.min(1.0) };
        }
        let evidence = |signal: &'static str, change: Change, ratio, threshold| Evidence {
            signal: signal.into(),
            value: change.now,
            reference: change.before,
            reference_epoch: Epoch::UNTRAINED,
            ratio,
            threshold,
        };
        Answer::Finding(Finding {
            kind: Kind::ExampleLevel,
            harm: Harm::Suspected,
            score,
            onset_epoch: Epoch(1),
            layers: Vec::new(),
            evidence: vec![
                evidence("seen_error_ratio", seen, by_heart, thresholds.errors),
                evidence("unseen_error_ratio", unseen, learnt / by_heart, thresholds.share),
            ],
            why: format!(
                "The network learns its training rows by heart: errors on them fell from {:.1} to {:.1} % since training began, and on rows \
                 that it has never seen they went from {:.1} to {:.1} %",
                100.0 * seen.before,
                100.0 * seen.now,
                100.0 * unseen.before,
                100.0 * unseen.now,
            ),
            remedy: "Check that the labels belong to the inputs; in some tasks a network memorizes first and finds the rule much later, so \
                     this alarm alone stops nothing"
                .into(),
        })
    }

    fn possible_onsets(&self, _: &DetectParams) -> Vec<Epoch> {
        if self.judges { vec![Epoch(1)] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::{observation, params};
    use super::*;

    fn observed(epoch: usize, unseen: u16, seen: u16) -> Observation {
        let set = |wrong: u16| {
            let errors = (0..1000_u16).map(|row| if row < wrong { 1.0 } else { 0.0 }).collect();
            Some(Arc::new(RowNumbers { errors: Some(errors), ..RowNumbers::default() }))
        };
        Observation { rows: EpochRows { unseen: set(unseen), seen: set(seen) }, ..observation(epoch, None, None) }
    }

    /// Whether there is a finding at each epoch from 1 on; (unseen, seen) errors of 1,000 rows from epoch 0 on.
    fn found(series: &[(u16, u16)]) -> Vec<bool> {
        let mut detector = Rote::default();
        let answers: Vec<Answer> = (0..)
            .zip(series)
            .map(|(epoch, (unseen, seen))| detector.judge(&observed(epoch, *unseen, *seen), &params()))
            .collect();
        answers[1..].iter().map(|answer| matches!(answer, Answer::Finding(_))).collect()
    }

    /// A description, (unseen, seen) errors by epoch, and whether there is a finding from epoch 1 on.
    type Case<'a> = (&'a str, &'a [(u16, u16)], &'a [bool]);

    #[test]
    fn runs_are_told_apart() {
        let table: [Case<'_>; 6] = [
            ("labels without a meaning", &[(900, 900), (900, 700), (900, 500)], &[false, true]),
            ("both are learnt", &[(900, 900), (500, 400), (400, 250)], &[false, false]),
            ("a fifth of it helps on others", &[(900, 900), (800, 400), (800, 400)], &[false, false]),
            ("a little less than a fifth", &[(900, 900), (810, 400), (810, 400)], &[false, true]),
            ("too little is learnt to tell", &[(900, 900), (900, 860), (900, 860)], &[false, false]),
            (
                "it generalises later",
                &[(990, 990), (990, 300), (980, 10), (500, 0), (10, 0), (0, 0)],
                &[false, true, true, false, false],
            ),
        ];
        for (why, series, expected) in table {
            assert_eq!(found(series), expected, "{why}");
        }
    }

    #[test]
    fn few_rows_prove_nothing() {
        let mut detector = Rote::default();
        let few = |epoch, unseen: &[f32], seen: &[f32]| {
            let set = |errors: &[f32]| Some(Arc::new(RowNumbers { errors: Some(errors.to_vec()), ..RowNumbers::default() }));
            Observation { rows: EpochRows { unseen: set(unseen), seen: set(seen) }, ..observation(epoch, None, None) }
        };
        detector.judge(&few(0, &[1.0; 6], &[1.0; 6]), &params());
        let half = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
        assert!(matches!(detector.judge(&few(1, &[1.0; 6], &half), &params()), Answer::Quiet { score } if score < 1.0));
    }

    #[test]
    fn without_the_untrained_network_there_is_nothing_to_compare_with() {
        let mut detector = Rote::default();
        let answer = detector.judge(&observed(1, 900, 300), &params());
        assert!(matches!(answer, Answer::TooEarly { reason } if reason.contains("epoch 0")));
        assert!(detector.possible_onsets(&params()).is_empty());
    }
}
