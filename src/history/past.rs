//! Reads the earlier epochs of an attempt, with all that is needed to continue it after a restart.

use std::sync::Arc;

use super::{Epochs, Snapshot, StoreError, StoredEpoch, StoredRun};
use rotewatch_core::detect::Observation;
use rotewatch_core::monitor::PastEpoch;
use rotewatch_core::monitor::live_runs::LayerSummary;
use rotewatch_core::monitor::report::layer_observation;
use rotewatch_core::vocabulary::choices::Mode;

/// Number of newest epochs that are read.
const EPOCHS_MAX: usize = 4096;

/// The epochs of a run in their order.
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
