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
}

/// The mean of the finite values; `None` without one.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    (!finite.is_empty()).then(|| finite.iter().sum::<f64>() / finite.len() as f64)
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
    fn the_newest_epochs_are_averaged_row_by_row() {
        let mut newest = NewestRows::default();
        for epoch in [[0.0, 8.0], [1.0, 2.0], [3.0, 4.0]] {
            assert!(newest.push(OfSets { unseen: epoch.to_vec(), seen: vec![epoch[0]] }, 2));
        }
        let means = OfSets { unseen: vec![2.0, 3.0], seen: vec![2.0] };
        assert_eq!(newest.means(), means);
        assert!(!newest.push(OfSets { unseen: vec![0.0, 1.0], seen: Vec::new() }, 2), "a frame was dropped");
        assert_eq!(newest.means(), means);
    }
}
