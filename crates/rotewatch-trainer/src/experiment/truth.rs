//! What a run really did, by its accuracy on clean test labels. Only the experiment knows this, never a detector.

use std::fmt;

use rotewatch_core::record::TrainingDocument;

/// A run that ends this far below its best accuracy memorizes (1.0 point).
pub const MEMORIZES_FROM: f64 = 0.010;
/// A run that ends less than this below its best accuracy is clean (0.3 points).
pub const CLEAN_BELOW: f64 = 0.003;
/// Differences of accuracies that are only due to rounding.
const ROUNDING: f64 = 1e-9;

/// What a run did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Accuracy ends at least 1.0 point below its maximum.
    Memorizes,
    /// Accuracy ends 0.3 to 1.0 points below its maximum: an alarm is neither right nor wrong.
    Undecided,
    /// Accuracy ends less than 0.3 points below its maximum, with any labels.
    Clean,
}

impl Outcome {
    /// The name in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Memorizes => "memorizes",
            Outcome::Undecided => "undecided",
            Outcome::Clean => "clean",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The smoothed accuracy of a run and what follows from it.
///
/// # Estimator
/// The accuracy of an epoch is the mean over itself, the epoch before and the one after. The first epoch has none before it. The last
/// two epochs share the mean of the last three, so that a run that keeps rising ends at its best. The onset is the epoch of the maximum;
/// of equal epochs the first one.
///
/// # Source
/// The mean of three and both limits were fixed in the description of the benchmark, before any result.
#[derive(Clone, Debug, PartialEq)]
pub struct Truth {
    /// What the run did.
    pub outcome: Outcome,
    /// The epoch of the best accuracy: where memorization sets in, if it does.
    pub onset: u32,
    /// The best accuracy.
    pub best: f64,
    /// The accuracy at the end.
    pub end: f64,
    smoothed: Vec<f64>,
}

impl Truth {
    /// The truth of a recorded run; `None` without three trained epochs that all have a test accuracy.
    #[must_use]
    pub fn of(history: &TrainingDocument) -> Option<Self> {
        let accuracy: Option<Vec<f64>> = history.metric("test_accuracy").into_iter().collect();
        Self::of_accuracies(&accuracy?)
    }

    /// The truth of accuracies, beginning with epoch 1.
    #[expect(
        clippy::indexing_slicing,
        reason = "a window's middle is at most the second to last index, so there is one after it"
    )]
    fn of_accuracies(accuracy: &[f64]) -> Option<Self> {
        let last_middle = accuracy.len().checked_sub(2).filter(|middle| *middle > 0)?;
        let around = |place: usize| {
            let middle = place.min(last_middle);
            let window = &accuracy[middle.saturating_sub(1)..=middle + 1];
            window.iter().sum::<f64>() / window.len() as f64
        };
        let smoothed: Vec<f64> = (0..accuracy.len()).map(around).collect();
        let end = around(last_middle);
        let first_best = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
        let (onset, best) = smoothed.iter().copied().enumerate().reduce(first_best)?;
        let lost = best - end + ROUNDING;
        let outcome = if lost >= MEMORIZES_FROM {
            Outcome::Memorizes
        } else if lost >= CLEAN_BELOW {
            Outcome::Undecided
        } else {
            Outcome::Clean
        };
        Some(Truth { outcome, onset: epoch_at(onset), best, end, smoothed })
    }

    /// The smoothed accuracy at an epoch. Epochs outside the run count as the nearest one.
    #[must_use]
    pub fn accuracy_at(&self, epoch: u32) -> f64 {
        let place = usize::try_from(epoch.saturating_sub(1)).unwrap_or(usize::MAX);
        self.smoothed.get(place).copied().unwrap_or(self.end)
    }

    /// The accuracy lost with an epoch's weights, compared with the best epoch; never below 0.
    #[must_use]
    pub fn regret_at(&self, epoch: u32) -> f64 {
        (self.best - self.accuracy_at(epoch)).max(0.0)
    }

    /// The last epoch.
    #[must_use]
    pub fn last_epoch(&self) -> u32 {
        self.smoothed.len() as u32
    }
}

fn epoch_at(place: usize) -> u32 {
    place as u32 + 1
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The truth of accuracies from epoch 1 on.
    pub(crate) fn truth(accuracy: &[f64]) -> Truth {
        Truth::of_accuracies(accuracy).expect("three epochs or more")
    }

    #[test]
    fn runs_are_told_apart_by_what_they_lose() {
        let table: [(&str, &[f64], Outcome, u32); 6] = [
            ("a run that falls by 1.0 point memorizes", &[0.80, 0.90, 0.90, 0.90, 0.89, 0.89, 0.89], Outcome::Memorizes, 3),
            ("0.9 points are undecided", &[0.80, 0.90, 0.90, 0.90, 0.891, 0.891, 0.891], Outcome::Undecided, 3),
            ("0.3 points are undecided", &[0.80, 0.90, 0.90, 0.90, 0.897, 0.897, 0.897], Outcome::Undecided, 3),
            ("0.2 points are noise", &[0.80, 0.90, 0.90, 0.90, 0.898, 0.898, 0.898], Outcome::Clean, 3),
            ("a run that goes on rising is clean", &[0.1, 0.2, 0.3, 0.4, 0.5], Outcome::Clean, 4),
            ("one lucky epoch is smoothed away", &[0.90, 0.90, 0.905, 0.90, 0.90, 0.90, 0.90, 0.90], Outcome::Clean, 2),
        ];
        for (why, accuracy, outcome, onset) in table {
            let truth = truth(accuracy);
            assert_eq!((truth.outcome, truth.onset), (outcome, onset), "{why}: {truth:?}");
        }
    }

    #[test]
    fn regret_is_counted_from_the_best_epoch() {
        let truth = truth(&[0.60, 0.90, 0.90, 0.90, 0.80, 0.60, 0.60, 0.60]);
        assert!((truth.best - 0.90).abs() < 1e-12);
        assert!((truth.regret_at(3)).abs() < 1e-12);
        assert!((truth.regret_at(1) - 0.15).abs() < 1e-12, "epoch 1 has no epoch before it");
        assert!((truth.regret_at(8) - 0.30).abs() < 1e-12);
        assert!((truth.regret_at(99) - 0.30).abs() < 1e-12);
        assert_eq!(truth.last_epoch(), 8);
    }

    #[test]
    fn two_epochs_have_no_truth() {
        assert_eq!(Truth::of_accuracies(&[0.5, 0.6]), None);
    }
}
