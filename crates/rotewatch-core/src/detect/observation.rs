//! What the detectors see of an epoch.

use crate::record::LayerRecord;
use crate::record::catalogue::Measure;
use crate::vocabulary::choices::{Mode, Task};
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::rows::EpochRows;
use crate::vocabulary::units::Epoch;

/// The data of an epoch that detectors use.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// The epoch.
    pub epoch: Epoch,
    /// Where the measured rows came from.
    pub source: Mode,
    /// What the network's outputs are; `None` if unknown.
    pub task: Option<Task>,
    /// Entropy of the predicted classes, in nats; `None` without predictions.
    pub prediction_entropy_nats: Option<f64>,
    /// See [`EpochRecord::neighbour_agreement`](crate::record::EpochRecord::neighbour_agreement).
    pub neighbour_agreement: Option<f64>,
    /// The tapped layers in forward order.
    pub layers: Vec<LayerObservation>,
    /// What the network says of each row of the two fixed sets.
    pub rows: EpochRows,
    /// What was received; `None` if it is unknown.
    pub received: Option<Received>,
}

/// What was received of the unseen rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Number of rows that the measures are computed from.
    pub rows: usize,
    /// A digest of every bit of the activations of the epoch. Two epochs with the same digest are epochs of the same network. `None` of an
    /// epoch from a history.
    pub digest: Option<u64>,
    /// The layers that were received earlier and not in this epoch.
    pub missing: Vec<LayerName>,
}

/// The data of a layer after an epoch that detectors use.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerObservation {
    /// The layer.
    pub layer: LayerName,
    /// Whether its measures mean something.
    pub condition: Condition,
    /// Mean mutual information over the layer's pairs of neurons, in nats; `None` if there were too few rows for a reliable
    /// estimate.
    pub mutual_information_mean_nats: Option<f64>,
    /// Information of its neurons about the predicted class; `None` without predictions, or if there were too few rows for a
    /// reliable estimate.
    pub class_information_nats: Option<ClassInformation>,
}

/// Whether the measures of a layer mean something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// They do.
    Measured,
    /// There were too few rows for a reliable estimate.
    FewRows,
    /// Every neuron has the same value on all rows: all entropies are 0.
    Constant,
    /// It has no finite activations.
    NotFinite,
}

impl Condition {
    fn of(record: &LayerRecord) -> Self {
        if record.figures.is_empty() {
            Condition::NotFinite
        } else if record.mean(Measure::EntropyNeuronNats) == Some(0.0) {
            Condition::Constant
        } else if record.reliable {
            Condition::Measured
        } else {
            Condition::FewRows
        }
    }
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
    pub fn of(
        epoch: Epoch,
        (source, task): (Mode, Option<Task>),
        (prediction_entropy_nats, neighbour_agreement): (Option<f64>, Option<f64>),
        layers: &[LayerRecord],
        rows: EpochRows,
    ) -> Self {
        Observation {
            epoch,
            source,
            task,
            prediction_entropy_nats,
            neighbour_agreement,
            layers: layers.iter().map(LayerObservation::from).collect(),
            rows,
            received: None,
        }
    }
}

impl From<&LayerRecord> for LayerObservation {
    fn from(record: &LayerRecord) -> Self {
        let statistic = |measure, statistic| record.figures.statistic(measure, statistic).filter(|_| record.reliable);
        let class = |name| statistic(Measure::ClassInformationNats, name);
        LayerObservation {
            layer: record.layer.clone(),
            condition: Condition::of(record),
            mutual_information_mean_nats: statistic(Measure::MutualInformationNats, "mean"),
            class_information_nats: class("p90").zip(class("mean")).map(|(p90, mean)| ClassInformation { p90, mean }),
        }
    }
}
