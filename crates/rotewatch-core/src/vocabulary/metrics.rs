//! The trainer's own metrics of an epoch: losses, accuracies, whatever it measures itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Maximum number of metrics per epoch.
pub const EPOCH_METRICS_MAX: usize = 32;

/// The trainer's own metrics of an epoch: at most 32, with names of the form `[a-z][a-z0-9_]{0,63}`.
///
/// In JSON, a value that is not finite is null.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Option<f64>>")]
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

impl TryFrom<BTreeMap<String, Option<f64>>> for EpochMetrics {
    type Error = MetricError;

    fn try_from(all: BTreeMap<String, Option<f64>>) -> Result<Self, MetricError> {
        EpochMetrics::new(all.iter().map(|(name, value)| (name.as_str(), value.unwrap_or(f64::NAN))))
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
