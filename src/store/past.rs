//! Reads the earlier epochs of an attempt, with all that is needed to continue it after a restart.

use std::sync::Arc;

use super::{Epochs, Snapshot, StoreError, StoredEpoch, StoredRun};
use crate::board::{EpochSummary, LayerSummary};
use crate::choices::Mode;
use crate::detect::Observation;
use crate::report::layer_observation;

/// Number of newest epochs that are read.
const EPOCHS_MAX: usize = 4096;

/// An earlier epoch of an attempt that continues.
#[derive(Clone, Debug)]
pub struct PastEpoch {
    /// Its numbers.
    pub summary: Arc<EpochSummary>,
    /// What the detectors need of it.
    pub observation: Observation,
}

/// Returns the newest epochs of a run, in order.
///
/// # Errors
/// See [`StoreError`].
pub fn past(history: &Snapshot, run: &StoredRun) -> Result<Vec<PastEpoch>, StoreError> {
    let epochs = history.epochs(run, Epochs::newest(EPOCHS_MAX))?;
    Ok(epochs
        .into_iter()
        .map(|epoch| PastEpoch { observation: observation(&epoch, run.mode), summary: Arc::new(epoch.summary) })
        .collect())
}

fn observation(epoch: &StoredEpoch, source: Mode) -> Observation {
    let of_layer = |(layer, reliable): (&LayerSummary, &bool)| {
        layer_observation(&layer.layer, layer.statistics.as_ref().filter(|_| *reliable))
    };
    let summary = &epoch.summary;
    Observation {
        epoch: summary.epoch,
        source,
        prediction_entropy_nats: summary.prediction_entropy_nats,
        layers: summary.layers.iter().zip(&epoch.reliable).map(of_layer).collect(),
    }
}
