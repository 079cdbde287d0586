//! Hints from the trainer's own metrics. They are shown with the verdict and never change it: both need labels or predictions for the
//! whole training set, and both also appear in clean runs.

use crate::record::{Hints, LossGap};
use crate::vocabulary::metrics::EpochMetrics;
use crate::vocabulary::units::Epoch;
use rotewatch_info::statistics::TrailingMean;

/// Epochs in the trailing means below.
const SMOOTH: usize = 3;

/// Follows the metrics of one run.
#[derive(Clone, Debug, Default)]
pub struct HintTracker {
    wave: LabelWave,
    gaps: TrailingMean,
    gap: Option<LossGap>,
}

impl HintTracker {
    /// Adds the metrics of an epoch and returns the hints so far.
    pub fn take_in(&mut self, epoch: Epoch, metrics: &EpochMetrics) -> Hints {
        if let Some(share) = metrics.get("prediction_changes") {
            self.wave.take_in(epoch, share);
        }
        if let (Some(held_out), Some(trained)) = (metrics.get("val_loss"), metrics.get("train_loss")) {
            let nats = self.gaps.push(held_out - trained, SMOOTH);
            self.gap = Some(match self.gap {
                Some(gap) if gap.lowest_nats <= nats => LossGap { nats, ..gap },
                _ => LossGap { nats, lowest_nats: nats, lowest_epoch: epoch },
            });
        }
        Hints { label_wave_epoch: self.wave.epoch(), loss_gap: self.gap }
    }
}

/// The first local minimum of the share of training examples whose prediction changed since the epoch before, as a trailing mean
/// over three epochs. It is known one epoch later.
///
/// # Source
/// Label Wave: Yuan, Feng, Liu, "Early Stopping Against Label Noise Without Validation Data" (ICLR 2024).
#[derive(Clone, Debug, Default)]
pub struct LabelWave {
    shares: TrailingMean,
    before: Option<(Epoch, f64)>,
    falling_to: Option<Epoch>,
    epoch: Option<Epoch>,
}

impl LabelWave {
    /// Adds the share of an epoch. A plateau becomes a minimum only once the share rises; its first epoch counts.
    pub fn take_in(&mut self, epoch: Epoch, share: f64) {
        let now = self.shares.push(share, SMOOTH);
        if let Some((_, before)) = self.before {
            if now < before {
                self.falling_to = Some(epoch);
            } else if now > before {
                self.epoch = self.epoch.or(self.falling_to);
            }
        }
        self.before = Some((epoch, now));
    }

    /// The epoch of the minimum, once it is known.
    #[must_use]
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(of: &[(&str, f64)]) -> EpochMetrics {
        EpochMetrics::new(of.iter().copied()).expect("well-formed names")
    }

    /// The wave that is known after each epoch, from epoch 2 on.
    fn waves(shares: &[f64]) -> Vec<Option<u32>> {
        let mut tracker = HintTracker::default();
        let mut wave = |(epoch, share): (u32, &f64)| {
            tracker.take_in(Epoch(epoch), &metrics(&[("prediction_changes", *share)])).label_wave_epoch.map(|epoch| epoch.0)
        };
        (2..).zip(shares).map(&mut wave).collect()
    }

    #[test]
    fn a_wave_is_seen_one_epoch_after_its_trough_and_stays() {
        // Trailing means of three: 0.6 0.55 0.5 0.4 0.3 0.333 0.433 0.433
        let seen = waves(&[0.6, 0.5, 0.4, 0.3, 0.2, 0.5, 0.6, 0.2]);
        assert_eq!(seen, [None, None, None, None, None, Some(6), Some(6), Some(6)]);
        assert_eq!(waves(&[0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1]), [None; 7], "it only falls");
        assert_eq!(waves(&[0.1, 0.2, 0.3, 0.4]), [None; 4], "it never fell");
    }

    #[test]
    fn a_plateau_is_no_trough_before_it_rises_and_its_first_epoch_counts() {
        // Trailing means of three: 0.6 0.5 0.4 0.267 0.2 0.2 0.2 0.3
        let shares = [0.6, 0.4, 0.2, 0.2, 0.2, 0.2, 0.2, 0.5];
        assert_eq!(waves(&shares)[5..], [None, None, Some(6)]);
    }

    #[test]
    fn the_gap_is_told_beside_its_lowest() {
        let mut tracker = HintTracker::default();
        let mut gap =
            |epoch, held_out| tracker.take_in(Epoch(epoch), &metrics(&[("val_loss", held_out), ("train_loss", 1.0)])).loss_gap;
        let first = gap(1, 1.3).expect("both losses");
        assert!((first.nats - 0.3).abs() < 1e-9);
        gap(2, 1.1);
        let last = gap(3, 1.8).expect("both losses");
        assert!((last.nats - 0.4).abs() < 1e-9 && (last.lowest_nats - 0.2).abs() < 1e-9, "{last:?}");
        assert_eq!(last.lowest_epoch, Epoch(2));
    }

    #[test]
    fn without_the_metrics_nothing_is_hinted() {
        let mut tracker = HintTracker::default();
        assert_eq!(tracker.take_in(Epoch(1), &metrics(&[("val_loss", 1.0)])), Hints::default());
    }
}
