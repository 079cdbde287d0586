//! Other rules to decide when to stop, applied to the same captures.

use super::truth::Truth;
use rotewatch_core::detect::LabelWave;
use rotewatch_core::record::TrainingDocument;
use rotewatch_core::record::catalogue::Measure;
use rotewatch_core::vocabulary::units::Epoch;
use rotewatch_info::statistics::TrailingMean;

/// Epochs without a better hold-out accuracy after which training stops.
pub const PATIENCE: usize = 5;
/// Epochs in the trailing means below.
const CLASS_INFORMATION_SMOOTH: usize = 2;
const LOSS_GAP_SMOOTH: usize = 3;
/// The rises of the loss gap, in nats, from which the tuning runs choose.
pub const LOSS_GAP_RISES: [f64; 7] = [0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2];
/// The rise if there are no tuning runs.
pub const LOSS_GAP_RISE_DEFAULT: f64 = 0.3;

/// Where a stopping rule ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// The epoch at which the rule stops the run; `None` if it never does.
    pub alarm: Option<u32>,
    /// The epoch whose weights are kept.
    pub kept: u32,
}

impl Stop {
    /// No alarm: the last epoch's weights.
    #[must_use]
    pub fn never(last_epoch: u32) -> Self {
        Stop { alarm: None, kept: last_epoch }
    }
}

/// The best epoch by accuracy on held-out examples whose labels are as noisy as the training set's, with a patience of
/// [`PATIENCE`] epochs. Of equal epochs the first counts. The best epoch is also kept if patience never runs out. Needs labels.
#[must_use]
pub fn hold_out(history: &TrainingDocument, truth: &Truth) -> Stop {
    let mut best: Option<(u32, f64)> = None;
    for (epoch, accuracy) in (1..).zip(history.metric("val_accuracy")) {
        let Some(accuracy) = accuracy else { continue };
        match best {
            Some((best_epoch, highest)) if accuracy <= highest => {
                if epoch - best_epoch >= PATIENCE as u32 {
                    return Stop { alarm: Some(epoch), kept: best_epoch };
                }
            }
            _ => best = Some((epoch, accuracy)),
        }
    }
    Stop { alarm: None, kept: best.map_or(truth.last_epoch(), |(epoch, _)| epoch) }
}

/// The first wave of predictions ([`LabelWave`]), detected one epoch later.
#[must_use]
pub fn label_wave(history: &TrainingDocument, truth: &Truth) -> Stop {
    let mut wave = LabelWave::default();
    for (epoch, share) in (1..).zip(history.metric("prediction_changes")) {
        let Some(share) = share else { continue };
        wave.take_in(Epoch(epoch), share);
        if let Some(trough) = wave.epoch() {
            return Stop { alarm: Some(epoch), kept: trough.0 };
        }
    }
    Stop::never(truth.last_epoch())
}

/// The first local maximum of class information, the 90th percentile of the last layer's neurons, as a trailing mean over two
/// epochs; detected one epoch later.
#[must_use]
pub fn class_information(history: &TrainingDocument, truth: &Truth) -> Stop {
    let trained = history.epochs.iter().filter(|epoch| epoch.epoch > Epoch::UNTRAINED);
    let series: Vec<Option<f64>> =
        trained.map(|epoch| epoch.layers.last()?.figures.statistic(Measure::ClassInformationNats, "p90")).collect();
    first_peak(&series, CLASS_INFORMATION_SMOOTH, truth)
}

/// Stops when hold-out loss minus training loss, as a trailing mean over three epochs, has risen by `rise` nats above its lowest value
/// so far, and keeps the epoch of the lowest hold-out loss so far. Needs labels.
#[must_use]
pub fn loss_gap(history: &TrainingDocument, truth: &Truth, rise: f64) -> Stop {
    let held_out = history.metric("val_loss");
    let losses = held_out.iter().zip(history.metric("train_loss"));
    let gaps: Vec<Option<f64>> = losses.map(|(held_out, trained)| Some((*held_out)? - trained?)).collect();
    let mut lowest = f64::INFINITY;
    for (epoch, gap) in smoothed(&gaps, LOSS_GAP_SMOOTH) {
        lowest = lowest.min(gap);
        if gap >= lowest + rise {
            let so_far = (1..=epoch).zip(&held_out).filter_map(|(epoch, loss)| Some((epoch, (*loss)?)));
            let least = so_far.reduce(|least, next| if next.1 < least.1 { next } else { least });
            return Stop { alarm: Some(epoch), kept: least.map_or(epoch, |(epoch, _)| epoch) };
        }
    }
    Stop::never(truth.last_epoch())
}

/// Stops one epoch after the first value that is higher than the one before and the one after. A plateau becomes a peak only once the
/// values fall; its first epoch counts.
fn first_peak(series: &[Option<f64>], over: usize, truth: &Truth) -> Stop {
    let smoothed = smoothed(series, over);
    let mut rising_to: Option<u32> = None;
    for pair in smoothed.windows(2) {
        let [(_, before), (epoch, value)] = pair else { continue };
        if value > before {
            rising_to = Some(*epoch);
        } else if value < before
            && let Some(peak) = rising_to
        {
            return Stop { alarm: Some(*epoch), kept: peak };
        }
    }
    Stop::never(truth.last_epoch())
}

/// Trailing means over at most `over` values, with their epochs; epochs without a value are left out.
fn smoothed(series: &[Option<f64>], over: usize) -> Vec<(u32, f64)> {
    let mut mean = TrailingMean::default();
    let known = (1..).zip(series).filter_map(|(epoch, value)| Some((epoch, (*value)?)));
    known.map(|(epoch, value)| (epoch, mean.push(value, over))).collect()
}

#[cfg(test)]
mod tests {
    use super::super::truth::tests::truth;
    use super::*;
    use rotewatch_core::record::{EpochRecord, LayerRecord};
    use rotewatch_core::vocabulary::metrics::EpochMetrics;
    use rotewatch_info::measures::Distribution;

    /// A run with one metric; the class information of its only layer is the same series.
    fn run(metric: &str, values: &[f64]) -> TrainingDocument {
        let epoch = |(epoch, value): (u32, &f64)| {
            let mut layer = LayerRecord::unmeasured("fc".parse().expect("a good name"));
            let all = Distribution { mean: *value, p05: *value, p50: *value, p90: *value, p95: *value };
            layer.figures.set(Measure::ClassInformationNats, Some(all));
            EpochRecord {
                epoch: Epoch(epoch),
                metrics: EpochMetrics::new([(metric, *value), ("train_loss", 0.0)]).expect("good names"),
                layers: vec![layer],
                ..EpochRecord::default()
            }
        };
        TrainingDocument { epochs: (1..).zip(values).map(epoch).collect(), ..TrainingDocument::default() }
    }

    fn stop(alarm: impl Into<Option<u32>>, kept: u32) -> Stop {
        Stop { alarm: alarm.into(), kept }
    }

    #[test]
    fn patience_runs_out_five_epochs_after_the_best() {
        let any = truth(&[0.5; 9]);
        let falls = [0.5, 0.8, 0.7, 0.8, 0.7, 0.7, 0.7, 0.9, 0.9];
        assert_eq!(hold_out(&run("val_accuracy", &falls), &any), stop(7, 2));
        let recovers = [0.5, 0.8, 0.7, 0.7, 0.7, 0.7, 0.9, 0.9, 0.9];
        assert_eq!(hold_out(&run("val_accuracy", &recovers), &any), stop(None, 7));
        assert_eq!(hold_out(&run("other", &recovers), &any), stop(None, 9));
    }

    #[test]
    fn a_wave_is_found_one_epoch_after_its_trough() {
        let any = truth(&[0.5; 9]);
        let wave = [0.6, 0.5, 0.4, 0.3, 0.2, 0.5, 0.6, 0.6, 0.6];
        // Trailing means of three: 0.6 0.55 0.5 0.4 0.3 0.333 ...
        assert_eq!(label_wave(&run("prediction_changes", &wave), &any), stop(6, 5));
        let falls = [0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.1, 0.1, 0.1];
        assert_eq!(label_wave(&run("prediction_changes", &falls), &any), stop(None, 9));
    }

    #[test]
    fn class_information_peaks_where_its_mean_of_two_does() {
        let any = truth(&[0.5; 6]);
        assert_eq!(class_information(&run("any", &[0.1, 0.5, 0.6, 0.3, 0.3, 0.3]), &any), stop(4, 3));
        assert_eq!(class_information(&run("any", &[0.1, 0.2, 0.3, 0.3, 0.3, 0.3]), &any), stop(None, 6));
        assert_eq!(class_information(&run("any", &[0.6, 0.5, 0.4, 0.3, 0.2, 0.1]), &any), stop(None, 6));
    }

    #[test]
    fn the_gap_must_rise_by_so_much_above_its_lowest() {
        let any = truth(&[0.5; 7]);
        let gap = [0.4, 0.3, 0.2, 0.3, 0.6, 0.9, 1.2];
        // Trailing means of three: 0.4 0.35 0.3 0.267 0.367 0.6 0.9
        assert_eq!(loss_gap(&run("val_loss", &gap), &any, 0.25), stop(6, 3));
        assert_eq!(loss_gap(&run("val_loss", &gap), &any, 2.0), stop(None, 7));
    }
}
