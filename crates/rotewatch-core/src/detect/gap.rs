//! The gap between seen and unseen rows: how many of the training rows the network knows by heart. It raises no alarm.

use super::paired::NewestRows;
use crate::vocabulary::rows::{EpochRows, OfSets, RowNumbers};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::MemorizedShare;

/// Standard errors on either side of the estimate: a 95 % interval of a normal distribution.
const STANDARD_ERRORS: f64 = 1.96;

/// Estimates the memorized share of one attempt, epoch by epoch.
///
/// # Estimator
/// The value of a row is its mean over the newest `detect.smooth` epochs. The share is the error ratio of the unseen rows - that of the seen
/// rows, both by labels that are as noisy as each other. The interval is the difference ± 1.96 sqrt(var of unseen / unseen rows + var of
/// seen / seen rows): the sets are independent. Estimate and interval are clamped to 0..=1. There is none for the untrained network, without
/// errors of both sets, with fewer than two rows in a set, and with a value that is not finite.
///
/// Without labels of unseen rows it is unknown: the difference in confidence, tried in its place, was 13 points off on average
/// (`benches/record/alarm.md`).
///
/// # Source
/// Own; the generalization gap. A row is memorized so far as the network is right on it because it was trained on it (Feldman 2020), and
/// the mean of that over the training set is how much more often the network is right on seen rows than on unseen ones.
#[derive(Debug, Default)]
pub struct Gap {
    newest: NewestRows,
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
        let errors = |numbers: &RowNumbers| numbers.errors.clone();
        let [unseen, seen] = [&rows.unseen, &rows.seen].map(|numbers| numbers.as_deref().and_then(errors));
        let rows = OfSets { unseen: unseen?, seen: seen? };
        // Rows of another number are other rows: a frame was dropped, so their means with those of earlier epochs say nothing.
        if !self.newest.push(rows.clone(), smooth) {
            self.newest = NewestRows::default();
            self.newest.push(rows, smooth);
        }
        let means = self.newest.means();
        share(mean(&means.unseen)?, mean(&means.seen)?)
    }
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

/// The difference of two means; `None` if it is not finite.
fn share(more: Mean, less: Mean) -> Option<MemorizedShare> {
    let difference = more.value - less.value;
    let margin = STANDARD_ERRORS * (more.variance + less.variance).sqrt();
    let [low, estimate, high] = [difference - margin, difference, difference + margin].map(|value| value.clamp(0.0, 1.0));
    [low, estimate, high].iter().all(|value| value.is_finite()).then_some(MemorizedShare { estimate, low, high })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use std::sync::Arc;

    use super::*;

    fn numbers(errors: Option<Vec<f32>>) -> Arc<RowNumbers> {
        Arc::new(RowNumbers { errors, ..RowNumbers::default() })
    }

    /// Errors of 1,000 rows, of which the first `wrong` are 1.
    fn errors(wrong: u16) -> Arc<RowNumbers> {
        numbers(Some((0..1000).map(|row| f32::from(u8::from(row < wrong))).collect()))
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
            ("a set without errors", &[none(), both(errors(3), numbers(None))], &[None, None]),
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
    fn confidence_is_no_substitute_for_errors() {
        let confident = |mean: f32| Arc::new(RowNumbers { confidence: Some(vec![mean; 1000]), ..RowNumbers::default() });
        let series = [0.5, 0.6, 0.7, 0.9].map(|seen| both(confident(0.5), confident(seen)));
        assert_eq!(shares(&series, 1), [None; 4]);
    }

    #[test]
    fn rows_that_are_missing_or_not_finite_are_no_evidence() {
        let of = |values: Vec<f32>| both(numbers(Some(values)), errors(100));
        let series = [EpochRows::default(), of(vec![1.0; 1000]), of(vec![0.0; 500]), of(vec![1.0]), of(vec![1.0, f32::NAN])];
        let estimates: Vec<_> = shares(&series, 2).iter().map(|share| share.map(|[estimate, ..]| estimate)).collect();
        assert_eq!(estimates, [None, Some(900), Some(0), None, None], "500 rows are not mixed with the 1,000 before");
    }

    proptest! {
        #[test]
        fn the_estimate_lies_in_its_interval_and_the_interval_between_0_and_1(
            epochs in proptest::collection::vec(proptest::collection::vec((0.0..=1.0_f32, 0.0..=1.0_f32), 0..40), 1..6),
            smooth in 0..4_usize,
        ) {
            let mut gap = Gap::default();
            for (epoch, rows) in (0..).zip(&epochs) {
                let (unseen, seen) = rows.iter().copied().unzip();
                let [unseen, seen] = [unseen, seen].map(|values| numbers(Some(values)));
                let share = gap.memorized_share(Epoch(epoch), &both(unseen, seen), smooth);
                prop_assert_eq!(share.is_some(), epoch > 0 && rows.len() >= 2);
                if let Some(MemorizedShare { estimate, low, high }) = share {
                    prop_assert!(0.0 <= low && low <= estimate && estimate <= high && high <= 1.0, "{low} {estimate} {high}");
                }
            }
        }
    }
}
