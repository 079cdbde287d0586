//! How the values of fixed rows change from one epoch to another: each row is compared with itself, so that the differences between rows
//! do not blur the change.

use std::collections::VecDeque;

use crate::vocabulary::rows::{OfSets, RowSet};

/// A change of the same rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    /// The mean before.
    pub(super) before: f64,
    /// The mean now.
    pub(super) now: f64,
    /// The mean of the differences / its standard error; 0 if no row changed.
    pub(super) z: f64,
    /// The standard error of the mean difference.
    pub(super) error: f64,
}

impl Change {
    /// The change of rows; `None` with fewer than two rows that are finite in both.
    pub(super) fn of(before: &[f64], now: &[f64]) -> Option<Change> {
        let pairs: Vec<(f64, f64)> = before
            .iter()
            .copied()
            .zip(now.iter().copied())
            .filter(|(before, now)| before.is_finite() && now.is_finite())
            .collect();
        let count = pairs.len() as f64;
        if pairs.len() < 2 {
            return None;
        }
        let mean = pairs.iter().map(|(before, now)| now - before).sum::<f64>() / count;
        let variance = pairs.iter().map(|(before, now)| (now - before - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let error = (variance / count).sqrt();
        let mean_of = |part: fn(&(f64, f64)) -> f64| pairs.iter().map(part).sum::<f64>() / count;
        // Rows that did not change at all have no error and no direction.
        let z = if error > 0.0 { mean / error } else { 0.0 };
        Some(Change { before: mean_of(|(before, _)| *before), now: mean_of(|(_, now)| *now), z, error })
    }

    /// By how much the mean became larger.
    pub(super) fn rise(&self) -> f64 {
        self.now - self.before
    }

    /// z where the means themselves move by `jitter` from epoch to epoch, in both ends of the change.
    pub(super) fn z_beyond(&self, jitter: f64) -> f64 {
        let error = self.error.hypot(jitter * 2.0_f64.sqrt());
        if error > 0.0 { self.rise() / error } else { 0.0 }
    }
}

/// The mean of the finite values; `None` without one.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    (!finite.is_empty()).then(|| finite.iter().sum::<f64>() / finite.len() as f64)
}

/// Second differences that are kept at most: their median no longer moves by then.
const BENDS_MAX: usize = 4096;

/// How much a mean moves from epoch to epoch beside its trend: networks with batch norm or a high learning rate do better and worse on all
/// rows at once.
#[derive(Debug, Default)]
pub(super) struct Jitter {
    newest: Option<[f64; 2]>,
    /// Absolute second differences, ascending.
    bends: Vec<f64>,
}

impl Jitter {
    /// Adds the mean of an epoch.
    pub(super) fn push(&mut self, mean: f64) {
        if !mean.is_finite() {
            return;
        }
        self.newest = Some(match self.newest {
            Some([before, last]) => {
                if before.is_finite() && self.bends.len() < BENDS_MAX {
                    let bend = (mean - 2.0 * last + before).abs();
                    let place = self.bends.partition_point(|known| *known < bend);
                    self.bends.insert(place, bend);
                }
                [last, mean]
            }
            None => [f64::NAN, mean],
        });
    }

    /// The standard deviation of a single mean around its trend; 0 before the fifth.
    ///
    /// # Estimator
    /// The median absolute second difference, scaled for a normal distribution; a second difference has six times the variance of a mean.
    pub(super) fn deviation(&self) -> f64 {
        let count = self.bends.len();
        if count < 3 {
            return 0.0;
        }
        let middle = |place: usize| self.bends.get(place).copied().unwrap_or_default();
        let median = f64::midpoint(middle((count - 1) / 2), middle(count / 2));
        1.4826 * median / 6.0_f64.sqrt()
    }
}

/// The newest epochs of the rows of both sets.
#[derive(Debug, Default)]
pub(super) struct NewestRows {
    epochs: VecDeque<OfSets<Vec<f32>>>,
}

impl NewestRows {
    /// Adds an epoch and keeps the newest `over`, at least this one. Returns whether its rows match those of the epochs before; if not,
    /// nothing is added.
    pub(super) fn push(&mut self, rows: OfSets<Vec<f32>>, over: usize) -> bool {
        let shape = |of: &OfSets<Vec<f32>>| (of.unseen.len(), of.seen.len());
        if self.epochs.back().is_some_and(|last| shape(last) != shape(&rows)) {
            return false;
        }
        self.epochs.push_back(rows);
        let surplus = self.epochs.len().saturating_sub(over.max(1));
        self.epochs.drain(..surplus);
        true
    }

    /// Whether an epoch has more rows than those before: theirs were not whole, since frames were dropped.
    pub(super) fn is_outgrown_by(&self, rows: &OfSets<Vec<f32>>) -> bool {
        self.epochs.back().is_some_and(|last| {
            let counts = |of: &OfSets<Vec<f32>>| [of.unseen.len(), of.seen.len()];
            let pairs = counts(last).into_iter().zip(counts(rows));
            counts(last) != counts(rows) && pairs.into_iter().all(|(before, now)| before <= now)
        })
    }

    /// Each row's mean over the kept epochs.
    pub(super) fn means(&self) -> OfSets<Vec<f64>> {
        let mean = |set| {
            let mut sums = vec![0.0; self.epochs.back().map_or(0, |last| last.of(set).len())];
            for epoch in &self.epochs {
                for (sum, value) in sums.iter_mut().zip(epoch.of(set)) {
                    *sum += f64::from(*value) / self.epochs.len() as f64;
                }
            }
            sums
        };
        OfSets { unseen: mean(RowSet::Unseen), seen: mean(RowSet::Seen) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_compared_with_themselves() {
        let change = Change::of(&[1.0, 10.0, 100.0, f64::NAN], &[1.5, 10.7, 100.6, 3.0]).expect("three rows");
        assert!((change.rise() - 0.6).abs() < 1e-12);
        // Differences 0.5, 0.7, 0.6: deviation 0.1.
        assert!((change.error - 0.1 / 3.0_f64.sqrt()).abs() < 1e-9 && (change.z - 0.6 / change.error).abs() < 1e-9, "{change:?}");
        assert!(Change::of(&[1.0, f64::NAN], &[2.0, 2.0]).is_none(), "one row has no error");
        assert_eq!(Change::of(&[1.0, 2.0], &[1.0, 2.0]).map(|change| change.z), Some(0.0));
    }

    #[test]
    fn a_trend_is_no_jitter_and_noise_is() {
        let deviation = |means: &[f64]| {
            let mut jitter = Jitter::default();
            for mean in means {
                jitter.push(*mean);
            }
            jitter.deviation()
        };
        assert!(deviation(&[0.9, 0.8, 0.7, 0.6, 0.5]) < 1e-12, "a straight line");
        assert_eq!(deviation(&[0.5, 0.6, 0.5, 0.6]), 0.0, "too few epochs to tell");
        // Second differences of 0.4 each.
        let noisy = deviation(&[0.5, 0.6, f64::NAN, 0.4, 0.6, 0.4, 0.6]);
        assert!((noisy - 1.4826 * 0.4 / 6.0_f64.sqrt()).abs() < 1e-9, "{noisy}");
        let change = Change::of(&[0.5, 0.5, 0.5], &[0.3, 0.4, 0.2]).expect("three rows");
        assert!((change.z_beyond(0.0) - change.z).abs() < 1e-12);
        assert!((change.z_beyond(0.1) - -0.2 / change.error.hypot(0.1 * 2.0_f64.sqrt())).abs() < 1e-12);
    }

    #[test]
    fn the_newest_epochs_are_averaged_row_by_row() {
        let mut newest = NewestRows::default();
        for epoch in [[0.0, 8.0], [1.0, 2.0], [3.0, 4.0]] {
            assert!(newest.push(OfSets { unseen: epoch.to_vec(), seen: vec![epoch[0]] }, 2));
        }
        let means = OfSets { unseen: vec![2.0, 3.0], seen: vec![2.0] };
        assert_eq!(newest.means(), means);
        let short = OfSets { unseen: vec![0.0, 1.0], seen: Vec::new() };
        assert!(!newest.is_outgrown_by(&short) && !newest.push(short, 2), "a frame was dropped");
        let longer = OfSets { unseen: vec![0.0; 3], seen: vec![1.0] };
        assert!(newest.is_outgrown_by(&longer), "frames of the epochs before were dropped");
        assert!(!newest.is_outgrown_by(&OfSets { unseen: vec![0.0; 3], seen: Vec::new() }), "other rows");
        assert_eq!(newest.means(), means);
    }
}
