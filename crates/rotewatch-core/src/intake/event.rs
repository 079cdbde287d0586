//! The messages from the trainers to the monitor.

use std::collections::BTreeMap;
use std::sync::Arc;

use crossbeam_channel::Sender;
use thiserror::Error;

use crate::intake::gate::Permit;
use crate::intake::run::{Run, Standing};
use crate::vocabulary::units::Epoch;

/// Maximum number of metrics per epoch.
pub const EPOCH_METRICS_MAX: usize = 32;

/// One message to the monitor.
#[derive(Debug)]
pub enum Event {
    /// A run was declared.
    Declared(Arc<Run>),
    /// Activations of some rows.
    Frame(Frame),
    /// A pass over the training data is complete.
    EpochEnd(EpochEnd),
    /// A run will send nothing more.
    Finished(Arc<Run>),
}

impl Event {
    /// Returns the run that the event belongs to.
    #[must_use]
    pub fn run(&self) -> &Arc<Run> {
        match self {
            Event::Declared(run) | Event::Finished(run) => run,
            Event::Frame(frame) => &frame.run,
            Event::EpochEnd(end) => &end.run,
        }
    }
}

/// The activations of the same rows in every tapped layer.
#[derive(Debug)]
pub struct Frame {
    /// The run it belongs to.
    pub run: Arc<Run>,
    /// The epoch in which it was taken.
    pub epoch: Epoch,
    /// Number of rows (examples).
    pub rows: usize,
    /// One entry per declared layer, in declared order; `None` if the layer sent nothing.
    pub layers: Vec<Option<LayerActivations>>,
    /// The class that the network predicts for each row.
    pub predictions: Option<Vec<i64>>,
    /// The frame's place in the channel.
    pub permit: Permit,
}

/// One layer's part of a frame.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerActivations {
    /// Number of sampled neurons; `values` holds rows x neurons numbers.
    pub neurons: usize,
    /// Number of neurons in the layer.
    pub neurons_offered: usize,
    /// Row-major: the neurons of row 0, then those of row 1.
    pub values: Vec<f32>,
}

/// The end of an epoch, with the trainer's own metrics.
#[derive(Debug)]
pub struct EpochEnd {
    /// The run it belongs to.
    pub run: Arc<Run>,
    /// The epoch that ended.
    pub epoch: Epoch,
    /// Losses and accuracies.
    pub metrics: EpochMetrics,
    /// All rows that this run has offered so far, including dropped ones.
    pub rows_offered: u64,
    /// Where to send the verdict after this epoch, if the trainer waits for it.
    pub reply: Option<Sender<Arc<Standing>>>,
}

/// The trainer's own metrics of an epoch: at most 32, with names of the form `[a-z][a-z0-9_]{0,63}`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EpochMetrics(BTreeMap<String, f64>);

/// Why a metric was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum MetricError {
    /// The name cannot be used as a label value.
    #[error("metric name {name:?} does not match [a-z][a-z0-9_]{{0,63}}")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The epoch has more metrics than allowed.
    #[error("metric {name:?} is one too many: an epoch has at most {EPOCH_METRICS_MAX} metrics")]
    TooMany {
        /// The name that did not fit.
        name: String,
    },
}

impl EpochMetrics {
    /// Checks the names and the number of metrics.
    ///
    /// # Errors
    /// The first malformed name, or the first metric beyond the limit.
    pub fn new<'a>(metrics: impl IntoIterator<Item = (&'a str, f64)>) -> Result<Self, MetricError> {
        let mut checked = BTreeMap::new();
        for (name, value) in metrics {
            let starts_well = name.bytes().next().is_some_and(|b| b.is_ascii_lowercase());
            let all_allowed = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if !(starts_well && all_allowed && name.len() <= 64) {
                return Err(MetricError::Name { name: name.to_owned() });
            }
            checked.insert(name.to_owned(), value);
            if checked.len() > EPOCH_METRICS_MAX {
                return Err(MetricError::TooMany { name: name.to_owned() });
            }
        }
        Ok(EpochMetrics(checked))
    }

    /// Returns the value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.get(name).copied()
    }

    /// Returns all metrics, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metric_names_must_be_fit_for_a_label() {
        assert!(EpochMetrics::new([("train_loss", 0.5), ("f1", 0.5)]).is_ok());
        for bad in ["", "Loss", "1x", "a-b", "a b"] {
            assert_eq!(EpochMetrics::new([(bad, 0.0)]), Err(MetricError::Name { name: bad.into() }));
        }
    }

    #[test]
    fn the_thirty_third_metric_is_refused_by_name() {
        let names: Vec<String> = (0..=EPOCH_METRICS_MAX).map(|n| format!("m{n:02}")).collect();
        let refused = EpochMetrics::new(names.iter().map(|name| (name.as_str(), 0.0)));
        assert_eq!(refused, Err(MetricError::TooMany { name: "m32".into() }));
    }
}
