//! Detectors: rules that turn the numbers of an epoch into "too early", "quiet", or a finding with its reasons.
//!
//! Each rule has its own file and names the source of its thresholds. [`Judge`] runs all rules for one run. It keeps an alarm
//! active until several quiet epochs have passed, so that a score near the threshold does not switch the alarm on and off.

mod baseline;
mod example_level;
mod heuristic;
mod hints;
mod judge;

pub use baseline::{Baseline, Reference};
pub use example_level::ExampleLevel;
pub use heuristic::Heuristic;
pub use hints::{HintTracker, LabelWave};
pub use judge::{Judge, Judgement};

use std::path::PathBuf;

use crate::record::LayerRecord;
use crate::record::catalogue::Measure;
use crate::vocabulary::choices::Mode;
use crate::vocabulary::identity::{LayerName, RunName};
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{Answer, Kind};

/// The data of an epoch that detectors use.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The epoch.
    pub epoch: Epoch,
    /// Where the measured rows came from.
    pub source: Mode,
    /// Entropy of the predicted classes, in nats; `None` without predictions.
    pub prediction_entropy_nats: Option<f64>,
    /// The tapped layers in forward order.
    pub layers: Vec<LayerObservation>,
}

/// The data of a layer after an epoch that detectors use.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerObservation {
    /// The layer.
    pub layer: LayerName,
    /// Mean mutual information over the layer's pairs of neurons, in nats; `None` if there were too few rows for a reliable
    /// estimate.
    pub mutual_information_mean_nats: Option<f64>,
    /// Information of its neurons about the predicted class; `None` without predictions, or if there were too few rows for a
    /// reliable estimate.
    pub class_information_nats: Option<ClassInformation>,
}

/// Information about the predicted class over a layer's neurons, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassInformation {
    /// The 90th percentile: a tenth of the neurons carry more.
    pub p90: f64,
    /// The mean.
    pub mean: f64,
}

impl Observation {
    /// What the records of an epoch's layers say. A layer with too few rows counts as unmeasured.
    #[must_use]
    pub fn of(epoch: Epoch, source: Mode, prediction_entropy_nats: Option<f64>, layers: &[LayerRecord]) -> Self {
        Observation { epoch, source, prediction_entropy_nats, layers: layers.iter().map(LayerObservation::from).collect() }
    }
}

impl From<&LayerRecord> for LayerObservation {
    fn from(record: &LayerRecord) -> Self {
        let statistic = |measure, statistic| record.figures.statistic(measure, statistic).filter(|_| record.reliable);
        let class = |name| statistic(Measure::ClassInformationNats, name);
        LayerObservation {
            layer: record.layer.clone(),
            mutual_information_mean_nats: statistic(Measure::MutualInformationNats, "mean"),
            class_information_nats: class("p90").zip(class("mean")).map(|(p90, mean)| ClassInformation { p90, mean }),
        }
    }
}

/// The thresholds of all detectors: the section `detect` of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectParams {
    /// Observations in a trailing mean.
    pub smooth: usize,
    /// Quiet epochs in a row after which an alarm ends.
    pub quiet_epochs: u32,
    /// The rule for memorizing wrong labels or single examples.
    pub example_level: ExampleLevelParams,
    /// The rule for memorizing a shortcut.
    pub heuristic: HeuristicParams,
    /// The rule that compares with the baseline run.
    pub baseline: BaselineParams,
    /// The kinds of alarm that ask the trainer to stop.
    pub stop_on: Vec<Kind>,
}

impl Default for DetectParams {
    fn default() -> Self {
        DetectParams {
            smooth: 2,
            quiet_epochs: 3,
            example_level: ExampleLevelParams::default(),
            heuristic: HeuristicParams::default(),
            baseline: BaselineParams::default(),
            stop_on: vec![Kind::ExampleLevel],
        }
    }
}

/// The thresholds of [`ExampleLevel`].
#[derive(Clone, Debug, PartialEq)]
pub struct ExampleLevelParams {
    /// The share of its recent maximum that a signal must have lost.
    pub decline: f64,
    /// How many epochs before the newest one the recent maximum may lie.
    pub within_epochs: u32,
    /// The share of its maximum over the whole run that a signal must have lost.
    pub decline_ever: f64,
    /// The first epoch that may raise an alarm.
    pub from_epoch: Epoch,
}

impl Default for ExampleLevelParams {
    fn default() -> Self {
        ExampleLevelParams { decline: 0.06, within_epochs: 6, decline_ever: 0.15, from_epoch: Epoch(2) }
    }
}

/// The thresholds of [`Heuristic`].
#[derive(Clone, Debug, PartialEq)]
pub struct HeuristicParams {
    /// The share of the predictions' entropy that single neurons of the first layer must explain.
    pub class_information_share: f64,
    /// How many times its value in the untrained network mutual information must reach at least.
    pub amplification: f64,
}

impl Default for HeuristicParams {
    fn default() -> Self {
        HeuristicParams { class_information_share: 0.6, amplification: 1.7 }
    }
}

/// The thresholds of [`Baseline`], and the baseline run.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineParams {
    /// The output of `rotewatch train --json` for the baseline run. It is read where the [`Reference`] is made.
    pub file: Option<PathBuf>,
    /// The name of the baseline run in the history.
    pub run: Option<RunName>,
    /// How far mutual information must lie below the baseline run's, as a share of it.
    pub below: f64,
    /// How many times the baseline run's mutual information must be reached.
    pub times_above: f64,
}

impl Default for BaselineParams {
    fn default() -> Self {
        BaselineParams { file: None, run: None, below: 0.2, times_above: 1.6 }
    }
}

/// A rule that judges one run, epoch by epoch.
pub trait Detector: Send {
    /// The kind of memorization it looks for.
    fn kind(&self) -> Kind;

    /// Adds an epoch and answers for the run so far. Observations come in the order of their epochs.
    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer;

    /// The epochs so far that a finding, now or later, may name as its onset. Empty if it is too early, or if the onset is always the
    /// epoch of the finding itself.
    fn possible_onsets(&self, params: &DetectParams) -> Vec<Epoch>;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The default thresholds of the configuration.
    pub(crate) fn params() -> DetectParams {
        DetectParams::default()
    }

    /// An epoch of a network with one layer.
    pub(crate) fn observation(epoch: usize, class: Option<f64>, mutual: Option<f64>) -> Observation {
        let layer = LayerObservation {
            layer: "fc3".parse().expect("a good name"),
            mutual_information_mean_nats: mutual,
            class_information_nats: class.map(|class| ClassInformation { p90: class, mean: class / 2.0 }),
        };
        Observation {
            epoch: Epoch(u32::try_from(epoch).expect("a small epoch")),
            source: Mode::Probe,
            prediction_entropy_nats: Some(2.3),
            layers: vec![layer],
        }
    }
}
