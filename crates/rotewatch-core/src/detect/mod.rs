//! Detectors: rules that turn the numbers of an epoch into "too early", "cannot judge", "quiet", or a finding with its
//! reasons.
//!
//! Each rule has its own file and names the source of its thresholds. [`Judge`] runs all rules for one run. It keeps an alarm
//! active until several quiet epochs have passed, so that a score near the threshold does not switch the alarm on and off.

mod baseline;
mod consensus;
mod detector;
mod divergence;
#[cfg(test)]
mod drift;
mod example_level;
mod fault;
mod gap;
mod heuristic;
mod hints;
mod information;
mod judge;
mod observation;
mod paired;
mod params;
mod rote;
mod validity;

pub use baseline::{Baseline, Reference};
pub use consensus::Consensus;
pub use detector::Detector;
pub use divergence::{Divergence, Signal};
pub use example_level::ExampleLevel;
pub use gap::Gap;
pub use heuristic::Heuristic;
pub use hints::{HintTracker, LabelWave};
pub use information::Information;
pub use judge::{Judge, Judgement};
pub use observation::{ClassInformation, Condition, LayerObservation, Observation, Received};
pub use params::{
    BaselineParams, ConsensusParams, DetectParams, DivergenceParams, GapParams, HeuristicParams, InformationParams,
};
pub use rote::Rote;
pub use validity::{Assessment, Validity};

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::vocabulary::choices::Mode;
    use crate::vocabulary::rows::EpochRows;
    use crate::vocabulary::units::Epoch;

    /// The default thresholds of the configuration.
    pub(crate) fn params() -> DetectParams {
        DetectParams::default()
    }

    /// An epoch of a network with one layer.
    pub(crate) fn observation(epoch: usize, class: Option<f64>, mutual: Option<f64>) -> Observation {
        let layer = LayerObservation {
            layer: "fc3".parse().expect("a good name"),
            condition: Condition::Measured,
            mutual_information_mean_nats: mutual,
            class_information_nats: class.map(|class| ClassInformation { p90: class, mean: class / 2.0 }),
        };
        Observation {
            epoch: Epoch(u32::try_from(epoch).expect("a small epoch")),
            source: Mode::Probe,
            task: None,
            prediction_entropy_nats: Some(2.3),
            neighbour_agreement: None,
            layers: vec![layer],
            rows: EpochRows::default(),
            received: None,
        }
    }
}
