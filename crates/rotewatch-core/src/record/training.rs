//! Reads the document that `rotewatch train --json` prints, for experiments and as the baseline of other runs. A field that is
//! missing or null is `None`.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fs, io};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::epoch::EpochRecord;
use crate::vocabulary::identity::LayerName;
use crate::vocabulary::units::Epoch;
use crate::vocabulary::verdict::Kind;

/// The record of a training, epoch by epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "OldOrNew")]
pub struct TrainingDocument {
    /// The run's name; `None` if it was not monitored.
    #[serde(default)]
    pub run: Option<String>,
    /// The kind of memorization in its verdict; `None` without an active alarm, or if it was not monitored.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// A description of the rows that were measured.
    #[serde(default)]
    pub probe: Option<String>,
    /// The epochs in their order, the untrained network first.
    pub epochs: Vec<EpochRecord>,
    /// The layers after the last epoch, with every value; `None` if the run was not monitored.
    #[serde(default)]
    pub final_layers: Option<Vec<FinalLayer>>,
}

/// A layer of the finished network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FinalLayer {
    /// Its name; documents of version 0.1.0 call it `name`.
    #[serde(alias = "name")]
    pub layer: LayerName,
    /// Each neuron's entropy in nats, with one set of bin edges for all layers.
    pub entropy_network_nats: Vec<f64>,
    /// The distribution of the pairs' mutual information.
    pub mutual_information: Histogram,
}

/// Counts in bins of equal width from 0 to `upper`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
        let trained = self.epochs.iter().filter(|epoch| epoch.epoch > Epoch::UNTRAINED);
        trained.map(|epoch| epoch.metrics.get(name).filter(|value| value.is_finite())).collect()
    }

    /// The last epoch's number.
    #[must_use]
    pub fn last_epoch(&self) -> u32 {
        self.epochs.last().map_or(0, |epoch| epoch.epoch.0)
    }
}

/// The keys of a document, of this version or of 0.1.0, where `history` was the list of epochs and `epochs` their number.
#[derive(Deserialize)]
struct OldOrNew {
    #[serde(default)]
    run: Option<String>,
    #[serde(default)]
    kind: Option<Kind>,
    #[serde(default)]
    ended_epoch: Option<Epoch>,
    #[serde(default)]
    probe: Option<String>,
    #[serde(default)]
    epochs: Value,
    #[serde(default)]
    history: Option<Vec<EpochRecord>>,
    #[serde(default)]
    final_layers: Option<Vec<FinalLayer>>,
}

impl TryFrom<OldOrNew> for TrainingDocument {
    type Error = serde_json::Error;

    fn try_from(document: OldOrNew) -> Result<Self, serde_json::Error> {
        let OldOrNew { run, kind, ended_epoch, probe, epochs, history, final_layers } = document;
        // The keys of an alarm stay after it ended.
        let kind = kind.filter(|_| ended_epoch.is_none());
        let epochs = match history {
            Some(epochs) => epochs,
            None => serde_json::from_value(epochs)?,
        };
        Ok(TrainingDocument { run, kind, probe, epochs, final_layers })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_that_of_an_active_alarm() {
        let kind =
            |keys: &str| format!(r#"{{"kind": "heuristic", {keys} "epochs": []}}"#).parse().map(|of: TrainingDocument| of.kind);
        assert_eq!(kind("").unwrap(), Some(Kind::Heuristic));
        assert_eq!(kind(r#""ended_epoch": null,"#).unwrap(), Some(Kind::Heuristic));
        assert_eq!(kind(r#""ended_epoch": 13,"#).unwrap(), None);
    }
}
