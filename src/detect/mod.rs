//! Detectors: from an epoch's numbers to too early, quiet, or a finding with its reasons.
//!
//! Each rule has a file of its own and names the source of its thresholds. [`Judge`] runs all of them for one run and
//! holds an alarm until several quiet epochs have passed, so that a score around the threshold does not flap.

mod baseline;
mod example_level;
mod heuristic;
mod hints;
mod judge;

pub use baseline::{Baseline, Reference};
pub use example_level::ExampleLevel;
pub use heuristic::Heuristic;
pub use hints::{HintTracker, Hints, LabelWave, LossGap};
pub use judge::{Judge, Judgement};

use std::path::PathBuf;

use crate::choices::Mode;
use crate::document::Spread;
use crate::identity::{LayerName, RunName};
use crate::units::Epoch;
use crate::verdict::{Answer, Kind};

/// What a detector may know of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The epoch.
    pub epoch: Epoch,
    /// Where the rows came from.
    pub source: Mode,
    /// Entropy in nats of the classes that the network predicts; `None` without predictions.
    pub prediction_entropy_nats: Option<f64>,
    /// The tapped layers in forward order.
    pub layers: Vec<LayerObservation>,
}

/// What a detector may know of a layer after an epoch.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerObservation {
    /// The layer.
    pub layer: LayerName,
    /// Mean mutual information over the layer's pairs of neurons, in nats; `None` where too few rows made it
    /// unreliable.
    pub mutual_information_mean_nats: Option<f64>,
    /// What its neurons tell about the predicted class; `None` without predictions, and where too few rows made it
    /// unreliable.
    pub class_information_nats: Option<ClassInformation>,
}

impl LayerObservation {
    /// Takes from a layer's distributions over neurons and pairs what detectors look at.
    #[must_use]
    pub fn of(layer: LayerName, mutual_information_nats: Option<Spread>, class_information_nats: Option<Spread>) -> Self {
        LayerObservation {
            layer,
            mutual_information_mean_nats: mutual_information_nats.and_then(|spread| spread.mean),
            class_information_nats: class_information_nats
                .and_then(|spread| Some(ClassInformation { p90: spread.p90?, mean: spread.mean? })),
        }
    }
}

/// Information about the predicted class over a layer's neurons, in nats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClassInformation {
    /// A tenth of the neurons tell more.
    pub p90: f64,
    /// The mean.
    pub mean: f64,
}

/// The thresholds of all detectors: the section `detect` of the configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct DetectParams {
    /// Observations in a trailing mean.
    pub smooth: usize,
    /// Quiet epochs in a row after which an alarm counts as ended.
    pub quiet_epochs: u32,
    /// The rule for example-level memorization.
    pub example_level: ExampleLevelParams,
    /// The rule for heuristic memorization.
    pub heuristic: HeuristicParams,
    /// The rule that compares with another run.
    pub baseline: BaselineParams,
    /// The kinds that ask the trainer to stop.
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
    /// The share of their maxima that the signals must have lost within `within_epochs`.
    pub decline: f64,
    /// How many epochs before the newest one those maxima may lie.
    pub within_epochs: u32,
    /// The share that they must have lost of their maxima over the whole run, however long ago.
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
    /// The share of the predictions' entropy that single neurons of the first layer must tell.
    pub class_information_share: f64,
    /// How many times its value in the untrained network mutual information must reach.
    pub amplification: f64,
}

impl Default for HeuristicParams {
    fn default() -> Self {
        HeuristicParams { class_information_share: 0.6, amplification: 1.7 }
    }
}

/// The thresholds of [`Baseline`], and which run it compares with.
#[derive(Clone, Debug, PartialEq)]
pub struct BaselineParams {
    /// The file of what `rotewatch train --json` printed for that run. Whoever makes the [`Reference`] reads it.
    pub file: Option<PathBuf>,
    /// That run's name in the history.
    pub run: Option<RunName>,
    /// How far below the reference's, as a share of it, mutual information must lie.
    pub below: f64,
    /// How many times the reference's it must be.
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

    /// Takes in an epoch and answers for the run so far. Observations come in the order of their epochs.
    fn judge(&mut self, observation: &Observation, params: &DetectParams) -> Answer;

    /// The epochs up to now that a finding may name as the onset, if it comes now or later; none where that is too early to tell, or
    /// would be the epoch of the finding itself.
    fn possible_onsets(&self, params: &DetectParams) -> Vec<Epoch>;
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The thresholds the configuration comes with.
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
