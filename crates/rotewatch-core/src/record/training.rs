//! Reads the document that `rotewatch train --json` prints, for experiments and as the baseline of other runs. A field that is
//! missing or null is `None`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fs, io};

use serde::Deserialize;

use rotewatch_info::measures::Distribution;

/// The record of a training, epoch by epoch.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct TrainingDocument {
    /// The run's name; `None` if it was not monitored.
    #[serde(default)]
    pub run: Option<String>,
    /// The kind of memorization in its verdict; `None` without an alarm, or if it was not monitored.
    #[serde(default)]
    pub kind: Option<String>,
    /// A description of the rows that were measured.
    #[serde(default)]
    pub probe: Option<String>,
    /// The epochs in their order, the untrained network first.
    #[serde(rename = "history")]
    pub epochs: Vec<EpochRecord>,
    /// The layers after the last epoch, with every value; `None` if the run was not monitored.
    #[serde(default)]
    pub final_layers: Option<Vec<FinalLayer>>,
}

/// An epoch.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct EpochRecord {
    /// Its number; 0 is the untrained network.
    pub epoch: u32,
    /// The trainer's metrics.
    pub metrics: BTreeMap<String, Option<f64>>,
    /// Entropy of the predicted classes, in nats; `None` without predictions.
    #[serde(default)]
    pub prediction_entropy_nats: Option<f64>,
    /// The measured layers.
    pub layers: Vec<LayerRecord>,
}

/// A layer after an epoch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct LayerRecord {
    /// Its name.
    pub name: String,
    /// How many neurons it has, measured or not; `None` if the document does not say.
    #[serde(default)]
    pub neurons: Option<usize>,
    /// Entropy in nats, with one set of bin edges for all layers.
    pub entropy_network_nats: Option<Spread>,
    /// Entropy in nats, with bin edges of each neuron's own.
    pub entropy_neuron_nats: Option<Spread>,
    /// Mutual information of all pairs, in nats.
    pub mutual_information_nats: Option<Spread>,
    /// Information about the predicted class, in nats.
    pub class_information_nats: Option<Spread>,
}

/// Mean and quantiles over neurons or pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
pub struct Spread {
    /// Arithmetic mean.
    pub mean: Option<f64>,
    /// The 5th percentile.
    pub p05: Option<f64>,
    /// The median.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The 95th percentile.
    pub p95: Option<f64>,
}

impl From<&Distribution> for Spread {
    fn from(of: &Distribution) -> Self {
        let Distribution { mean, p05, p50, p90, p95 } = *of;
        Spread { mean: Some(mean), p05: Some(p05), p50: Some(p50), p90: Some(p90), p95: Some(p95) }
    }
}

/// A layer of the finished network.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct FinalLayer {
    /// Its name.
    pub name: String,
    /// Each neuron's entropy in nats, with one set of bin edges for all layers.
    pub entropy_network_nats: Vec<f64>,
    /// The distribution of the pairs' mutual information.
    pub mutual_information: Histogram,
}

/// Counts in bins of equal width from 0 to `upper`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Histogram {
    /// The end of the last bin.
    pub upper: f64,
    /// The number of values in each bin.
    pub counts: Vec<u64>,
}

impl TrainingDocument {
    /// Reads a document from its file.
    ///
    /// # Errors
    /// If the file cannot be read, or is not such a document.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let text = fs::read_to_string(path).map_err(|source| DocumentError::Unreadable { path: path.to_owned(), source })?;
        text.parse().map_err(|source| DocumentError::NotADocument { path: path.to_owned(), source })
    }

    /// A metric of every trained epoch, from epoch 1 on; `None` for epochs without it.
    #[must_use]
    pub fn metric(&self, name: &str) -> Vec<Option<f64>> {
        let trained = self.epochs.iter().filter(|epoch| epoch.epoch > 0);
        trained.map(|epoch| epoch.metrics.get(name).copied().flatten()).collect()
    }

    /// The last epoch's number.
    #[must_use]
    pub fn last_epoch(&self) -> u32 {
        self.epochs.last().map_or(0, |epoch| epoch.epoch)
    }
}

impl FromStr for TrainingDocument {
    type Err = serde_json::Error;

    fn from_str(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}

/// Why a file cannot be read as a training document.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file has other content.
    #[error("{} is not a document of `rotewatch train --json` or `rotewatch runs export`: {source}", path.display())]
    NotADocument {
        /// The file.
        path: PathBuf,
        /// The parser's error.
        source: serde_json::Error,
    },
}
