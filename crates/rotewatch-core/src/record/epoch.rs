//! An epoch as every surface writes and reads it: the API, `train --json`, exports, the page, `rotewatch top`.

use rotewatch_info::measures::{Density, Quartiles};
use serde::{Deserialize, Serialize};

use super::catalogue::Measure;
use super::figures::LayerFigures;
use super::rows::RowsRecord;
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::metrics::EpochMetrics;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::{MemorizedShare, VerdictWord};

/// An epoch without the values of single neurons and pairs: some 800 bytes a layer, however wide the layer is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// The epoch; 0 is the untrained network.
    pub epoch: Epoch,
    /// The trainer's own metrics.
    #[serde(default)]
    pub metrics: EpochMetrics,
    /// Number of rows that the measures are computed from.
    #[serde(default)]
    pub rows: usize,
    /// Rows measured / rows offered; `None` if none was offered.
    #[serde(default)]
    pub coverage: Option<f64>,
    /// Entropy in nats of the classes that the network predicts; `None` without predictions.
    #[serde(default)]
    pub prediction_entropy_nats: Option<f64>,
    /// Agreement of each row's predicted class with those of its nearest rows in the last layer, as Cohen's kappa; `None` without
    /// predictions, and of runs that are measured on training batches.
    #[serde(default)]
    pub neighbour_agreement: Option<f64>,
    /// The rows that are not trained on; `None` if no numbers of theirs were sent.
    #[serde(default)]
    pub unseen: Option<RowsRecord>,
    /// The rows of the training set; `None` if none were sent.
    #[serde(default)]
    pub seen: Option<RowsRecord>,
    /// The share of the training rows that the network knows by heart; `None` if that is unknown.
    #[serde(default)]
    pub memorized_share: Option<MemorizedShare>,
    /// The verdict; `None` if the epoch was not monitored.
    #[serde(default)]
    pub verdict: Option<VerdictWord>,
    /// What the trainer's own metrics hint at.
    #[serde(default)]
    pub hints: Hints,
    /// Time that the measures took, in seconds.
    #[serde(default)]
    pub compute_seconds: f64,
    /// When the report was made, in seconds since 1970; `None` if that is not known.
    #[serde(default, alias = "time")]
    pub made_at: Option<f64>,
    /// The layers in forward order.
    #[serde(default)]
    pub layers: Vec<LayerRecord>,
}

/// A layer's part of an [`EpochRecord`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LayerRecord {
    /// The layer's name; documents of version 0.1.0 call it `name`.
    #[serde(alias = "name")]
    pub layer: LayerName,
    /// Number of neurons, measured or not; `None` if the document does not say.
    #[serde(default)]
    pub neurons: Option<usize>,
    /// Whether there were enough rows for a verdict. Documents of version 0.1.0 do not say; their trainers saw to it.
    #[serde(default = "enough")]
    pub reliable: bool,
    /// Estimated bias of the mean mutual information in nats, by shuffling; `None` if it was not estimated.
    #[serde(default)]
    pub shuffle_bias_nats: Option<f64>,
    /// Number of pairs that the nearest-neighbour estimate is over; `None` if it was not made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ksg_pairs: Option<usize>,
    /// The entropies with the network's edges as a box: 5, 25, 50, 75 and 95 % lie below, in nats.
    #[serde(default, with = "quartiles")]
    pub entropy_network_box: Option<Quartiles>,
    /// The mutual information of the pairs as a density, in nats.
    #[serde(default, with = "density")]
    pub mutual_information_density: Option<Density>,
    /// The measures.
    #[serde(flatten)]
    pub figures: LayerFigures,
}

fn enough() -> bool {
    true
}

impl LayerRecord {
    /// A layer of which nothing is known but its name.
    #[must_use]
    pub fn unmeasured(layer: LayerName) -> Self {
        LayerRecord {
            layer,
            neurons: None,
            reliable: true,
            shuffle_bias_nats: None,
            ksg_pairs: None,
            entropy_network_box: None,
            mutual_information_density: None,
            figures: LayerFigures::default(),
        }
    }

    /// The mean of a measure; `None` if the layer lacks it.
    #[must_use]
    pub fn mean(&self, measure: Measure) -> Option<f64> {
        self.figures.mean(measure)
    }
}

impl EpochRecord {
    /// The record of a layer.
    #[must_use]
    pub fn layer(&self, name: &LayerName) -> Option<&LayerRecord> {
        self.layers.iter().find(|layer| layer.layer == *name)
    }
}

/// An epoch with whether it survives a crash.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CommittedEpoch<'a> {
    /// The epoch.
    #[serde(flatten)]
    pub record: &'a EpochRecord,
    /// Whether the history has committed it.
    pub committed: bool,
}

/// What the trainer's own metrics hint at; it decides nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "HintKeys", into = "HintKeys")]
pub struct Hints {
    /// The epoch of the first wave of predictions, from the metric `prediction_changes`.
    pub label_wave_epoch: Option<Epoch>,
    /// Loss on held-out examples minus that in training, from `val_loss` and `train_loss`.
    pub loss_gap: Option<LossGap>,
}

/// How far held-out and training loss lie apart, in nats, as a trailing mean over three epochs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossGap {
    /// Now.
    pub nats: f64,
    /// At its lowest.
    pub lowest_nats: f64,
    /// The epoch at which it was lowest.
    pub lowest_epoch: Epoch,
}

/// The keys of [`Hints`] in JSON.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct HintKeys {
    label_wave_epoch: Option<Epoch>,
    loss_gap_nats: Option<f64>,
    loss_gap_lowest_nats: Option<f64>,
    loss_gap_lowest_epoch: Option<Epoch>,
}

impl From<Hints> for HintKeys {
    fn from(hints: Hints) -> Self {
        HintKeys {
            label_wave_epoch: hints.label_wave_epoch,
            loss_gap_nats: hints.loss_gap.map(|gap| gap.nats),
            loss_gap_lowest_nats: hints.loss_gap.map(|gap| gap.lowest_nats),
            loss_gap_lowest_epoch: hints.loss_gap.map(|gap| gap.lowest_epoch),
        }
    }
}

impl From<HintKeys> for Hints {
    fn from(keys: HintKeys) -> Self {
        let loss_gap = match (keys.loss_gap_nats, keys.loss_gap_lowest_nats, keys.loss_gap_lowest_epoch) {
            (Some(nats), Some(lowest_nats), Some(lowest_epoch)) => Some(LossGap { nats, lowest_nats, lowest_epoch }),
            _ => None,
        };
        Hints { label_wave_epoch: keys.label_wave_epoch, loss_gap }
    }
}

/// A box as five numbers, ascending.
mod quartiles {
    use rotewatch_info::measures::Quartiles;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(of: &Option<Quartiles>, serializer: S) -> Result<S::Ok, S::Error> {
        of.as_ref().map(|of| [of.p05, of.p25, of.p50, of.p75, of.p95]).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Quartiles>, D::Error> {
        let all = Option::<[f64; 5]>::deserialize(deserializer)?;
        Ok(all.map(|[p05, p25, p50, p75, p95]| Quartiles { p05, p25, p50, p75, p95 }))
    }
}

/// A density as `{from, to, counts}`.
mod density {
    use rotewatch_info::measures::Density;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Keys {
        from: f64,
        to: f64,
        counts: Vec<u32>,
    }

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(of: &Option<Density>, serializer: S) -> Result<S::Ok, S::Error> {
        of.as_ref().map(|of| Keys { from: of.from, to: of.to, counts: of.counts.clone() }).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Density>, D::Error> {
        let all = Option::<Keys>::deserialize(deserializer)?;
        Ok(all.map(|Keys { from, to, counts }| Density { from, to, counts }))
    }
}
