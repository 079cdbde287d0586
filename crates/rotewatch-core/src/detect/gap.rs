//! The gap between seen and unseen rows: how many of the training rows the network knows by heart. It raises no alarm.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::vocabulary::rows::{EpochRows, OfSets, RowNumbers, RowSet};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::MemorizedShare;

/// Standard errors on either side of the estimate: a 95 % interval of a normal distribution.
const STANDARD_ERRORS: f64 = 1.96;

/// Estimates the memorized share of one attempt, epoch by epoch.
///
/// # Estimator
/// The value of a row is its mean over the newest `detect.smooth` epochs. With errors of both sets, whose labels are as noisy as each
/// other, the share is the error ratio of the unseen rows - that of the seen rows. Without errors it is the mean confidence (largest
/// predicted probability) of the seen rows - that of the unseen rows, less the mean of this difference over epochs 1 and 2 (a difference
/// in differences, since one set may be easier than the other), from epoch 3 on.
///
/// The interval is the difference ± 1.96 sqrt(var of unseen / unseen rows + var of seen / seen rows): the sets are independent. Estimate
/// and interval are clamped to 0..=1. There is none for the untrained network, with fewer than two rows in a set, and with a value
/// that is not finite.
///
/// # Source
/// Own; the generalization gap. A row is memorized so far as the network is right on it because it was trained on it (Feldman 2020), and
/// the mean of that over the training set is how much more often the network is right on seen rows than on unseen ones.
#[derive(Debug, Default)]
pub struct Gap {
    /// What is compared; errors as soon as both sets have them.
    signal: Option<Signal>,
    newest: VecDeque<OfSets<Arc<RowNumbers>>>,
    /// The difference in confidence after epochs 1 and 2.
    first_differences: Vec<f64>,
}

/// What is compared, row by row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Signal {
    Confidence,
    Errors,
}

impl Signal {
    fn of(self, numbers: &RowNumbers) -> Option<&Vec<f32>> {
        match self {
            Signal::Confidence => numbers.confidence.as_ref(),
            Signal::Errors => numbers.errors.as_ref(),
        }
    }
}

/// A mean over rows.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mean {
    value: f64,
    /// The square of its standard error.
    variance: f64,
}

impl Gap {
    /// Takes in an epoch, and estimates the share after it; `None` if it is unknown.
    pub fn memorized_share(&mut self, epoch: Epoch, rows: &EpochRows, smooth: usize) -> Option<MemorizedShare> {
        if epoch == Epoch::UNTRAINED {
            return None;
        }
        let both = OfSets { unseen: Arc::clone(rows.unseen.as_ref()?), seen: Arc::clone(rows.seen.as_ref()?) };
        let has = |signal: &Signal| signal.of(&both.unseen).is_some() && signal.of(&both.seen).is_some();
        let signal = [Signal::Errors, Signal::Confidence].into_iter().find(has)?;
        if self.signal.is_some_and(|before| signal < before) {
            return None;
        }
        // Rows of another number are other rows: a frame was dropped, so their means with those of earlier epochs say nothing.
        let is_comparable = self.signal == Some(signal)
            && self.newest.back().is_some_and(|last| {
                let counts =
                    |of: &OfSets<Arc<RowNumbers>>| [&of.unseen, &of.seen].map(|numbers| signal.of(numbers).map(Vec::len));
                counts(last) == counts(&both)
            });
        if !is_comparable {
            self.newest.clear();
        }
        self.signal = Some(signal);
        self.newest.push_back(both);
        while self.newest.len() > smooth.max(1) {
            self.newest.pop_front();
        }
        match signal {
            Signal::Errors => share(self.smoothed(signal, RowSet::Unseen)?, self.smoothed(signal, RowSet::Seen)?, 0.0),
            Signal::Confidence => self.by_confidence(epoch),
        }
    }

    fn by_confidence(&mut self, epoch: Epoch) -> Option<MemorizedShare> {
        let last = self.newest.back()?;
        let now = |numbers: &RowNumbers| mean(&reals(Signal::Confidence.of(numbers)?));
        if epoch <= Epoch(2) {
            self.first_differences.push(now(&last.seen)?.value - now(&last.unseen)?.value);
            return None;
        }
        let [first, second] = self.first_differences[..] else { return None };
        let of = |set| self.smoothed(Signal::Confidence, set);
        share(of(RowSet::Seen)?, of(RowSet::Unseen)?, f64::midpoint(first, second))
    }

    /// The mean over the rows of a set, each of which counts with its mean over the newest epochs.
    fn smoothed(&self, signal: Signal, set: RowSet) -> Option<Mean> {
        let epochs = self.newest.len() as f64;
        let mut sums: Vec<f64> = Vec::new();
        for values in self.newest.iter().filter_map(|both| signal.of(both.of(set))) {
            sums.resize(values.len(), 0.0);
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += f64::from(*value) / epochs;
            }
        }
        mean(&sums)
    }
}

fn reals(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

/// `None` with fewer than two values, or one that is not finite.
fn mean(values: &[f64]) -> Option<Mean> {
    let count = values.len() as f64;
    if values.len() < 2 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let value = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|of_row| (of_row - value).powi(2)).sum::<f64>() / (count - 1.0);
    Some(Mean { value, variance: variance / count })
}

/// The difference of two means less what it was before; `None` if it is not finite.
fn share(more: Mean, less: Mean, before: f64) -> Option<MemorizedShare> {
    let difference = more.value - less.value - before;
    let margin = STANDARD_ERRORS * (more.variance + less.variance).sqrt();
    let [low, estimate, high] = [difference - margin, difference, difference + margin].map(|value| value.clamp(0.0, 1.0));
    [low, estimate, high].iter().all(|value| value.is_finite()).then_some(MemorizedShare { estimate, low, high })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(errors: Option<Vec<f32>>, confidence: Option<Vec<f32>>) -> Arc<RowNumbers> {
        Arc::new(RowNumbers { errors, confidence, ..RowNumbers::default() })
    }

    /// Errors of 1,000 rows, of which the first `wrong` are 1.
    fn errors(wrong: u16) -> Arc<RowNumbers> {
        numbers(Some((0..1000).map(|row| f32::from(u8::from(row < wrong))).collect()), None)
    }

    /// Confidence of 1,000 rows around a mean, 0.1 to both sides.
    fn confidence(mean: f32) -> Arc<RowNumbers> {
        numbers(None, Some((0..1000).map(|row| if row % 2 == 0 { mean - 0.1 } else { mean + 0.1 }).collect()))
    }

    fn both(unseen: Arc<RowNumbers>, seen: Arc<RowNumbers>) -> EpochRows {
        EpochRows { unseen: Some(unseen), seen: Some(seen) }
    }

    /// The shares after epochs from 0 on, as whole per mille.
    fn shares(series: &[EpochRows], smooth: usize) -> Vec<Option<[i32; 3]>> {
        let mut gap = Gap::default();
        let of = |(epoch, rows): (u32, &EpochRows)| {
            let MemorizedShare { estimate, low, high } = gap.memorized_share(Epoch(epoch), rows, smooth)?;
            Some([estimate, low, high].map(|value| (1000.0 * value).round() as i32))
        };
        (0..).zip(series).map(of).collect()
    }

    /// A description, the rows by epoch, and the estimate with its interval after each.
    type Case<'a> = (&'a str, &'a [EpochRows], &'a [Option<[i32; 3]>]);

    #[test]
    fn with_errors_it_is_their_difference() {
        let none = EpochRows::default;
        let table: [Case<'_>; 6] = [
            ("the untrained network has none", &[both(errors(900), errors(100))], &[None]),
            (
                "standard errors: sqrt(0.4 * 0.6 / 999 + 0.1 * 0.9 / 999)",
                &[none(), both(errors(400), errors(100))],
                &[None, Some([300, 264, 336])],
            ),
            ("unseen rows are easier: none is memorized", &[none(), both(errors(100), errors(200))], &[None, Some([0, 0, 0])]),
            ("all of them", &[none(), both(errors(1000), errors(0))], &[None, Some([1000, 1000, 1000])]),
            ("no seen rows", &[none(), EpochRows { unseen: Some(errors(3)), seen: None }], &[None, None]),
            ("a set without errors", &[none(), both(errors(3), numbers(None, None))], &[None, None]),
        ];
        for (why, series, expected) in table {
            assert_eq!(shares(series, 1), expected, "{why}");
        }
    }

    #[test]
    fn each_row_is_smoothed_over_epochs() {
        let series = [EpochRows::default(), both(errors(400), errors(100)), both(errors(400), errors(300))];
        let of = |smooth| shares(&series, smooth)[2].map(|[estimate, ..]| estimate);
        assert_eq!((of(1), of(2), of(0)), (Some(100), Some(200), Some(100)));
    }

    #[test]
    fn without_errors_it_is_how_the_difference_in_confidence_has_grown() {
        let at = |unseen, seen| both(confidence(unseen), confidence(seen));
        let series = [at(0.1, 0.1), at(0.5, 0.52), at(0.5, 0.54), at(0.6, 0.83), at(0.6, 0.5)];
        // Standard errors: 1.96 * sqrt(2 * 0.01 / 999) = 0.009.
        assert_eq!(shares(&series, 1), [None, None, None, Some([200, 191, 209]), Some([0, 0, 0])]);
        let late = [at(0.1, 0.1), EpochRows::default(), at(0.5, 0.54), at(0.6, 0.83)];
        assert_eq!(shares(&late, 1), [None; 4], "the difference at epoch 1 is unknown");
    }

    #[test]
    fn errors_decide_from_the_epoch_on_that_has_them() {
        let mut gap = Gap::default();
        let mut of = |epoch, rows: EpochRows| gap.memorized_share(Epoch(epoch), &rows, 2).map(|share| share.estimate);
        let by_confidence = || both(confidence(0.5), confidence(0.9));
        assert_eq!(of(1, by_confidence()), None);
        assert!(of(2, both(errors(400), errors(100))).is_some_and(|share| (share - 0.3).abs() < 1e-9));
        assert_eq!(of(3, by_confidence()), None, "confidence is no substitute for errors that are missing");
        assert!(of(4, both(errors(400), errors(300))).is_some_and(|share| (share - 0.2).abs() < 1e-9));
    }

    #[test]
    fn rows_that_are_missing_or_not_finite_are_no_evidence() {
        let of = |values: Vec<f32>| both(numbers(Some(values), None), errors(100));
        let series = [EpochRows::default(), of(vec![1.0; 1000]), of(vec![0.0; 500]), of(vec![1.0]), of(vec![1.0, f32::NAN])];
        let estimates: Vec<_> = shares(&series, 2).iter().map(|share| share.map(|[estimate, ..]| estimate)).collect();
        assert_eq!(estimates, [None, Some(900), Some(0), None, None], "500 rows are not mixed with the 1,000 before");
    }

    proptest! {
        #[test]
        fn the_estimate_lies_in_its_interval_and_the_interval_between_0_and_1(
            epochs in proptest::collection::vec(proptest::collection::vec((0.0..=1.0_f32, 0.0..=1.0_f32), 0..40), 1..6),
            has_errors: bool,
            smooth in 0..4_usize,
        ) {
            let mut gap = Gap::default();
            for (epoch, rows) in (0..).zip(&epochs) {
                let (unseen, seen) = rows.iter().copied().unzip();
                let [unseen, seen] = [unseen, seen].map(|values| if has_errors { numbers(Some(values), None) } else { numbers(None, Some(values)) });
                let share = gap.memorized_share(Epoch(epoch), &both(unseen, seen), smooth);
                let is_known = if has_errors { epoch > 0 } else { epoch > 2 && epochs[1..3].iter().all(|rows| rows.len() >= 2) };
                prop_assert_eq!(share.is_some(), is_known && rows.len() >= 2);
                if let Some(MemorizedShare { estimate, low, high }) = share {
                    prop_assert!(0.0 <= low && low <= estimate && estimate <= high && high <= 1.0, "{low} {estimate} {high}");
                }
            }
        }
    }
}
