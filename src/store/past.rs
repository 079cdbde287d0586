//! What is known of an attempt from before: who goes on with it after a restart needs no more.

use std::sync::Arc;

use super::{Epochs, Snapshot, StoreError, StoredEpoch, StoredRun};
use crate::board::EpochSummary;
use crate::choices::Mode;
use crate::detect::Observation;
use crate::report::observation;

/// The newest epochs that are gone back to.
const EPOCHS_MAX: usize = 4096;

/// An epoch of an attempt that goes on.
#[derive(Clone, Debug)]
pub struct PastEpoch {
    /// Its figures.
    pub summary: Arc<EpochSummary>,
    /// What the detectors knew of it.
    pub observation: Observation,
}

/// The epochs of a run in their order.
///
/// # Errors
/// See [`StoreError`].
pub fn past(history: &Snapshot, run: &StoredRun) -> Result<Vec<PastEpoch>, StoreError> {
    let epochs = history.epochs(run, Epochs::newest(EPOCHS_MAX))?;
    Ok(epochs
        .into_iter()
        .map(|epoch| PastEpoch { observation: observed(&epoch, run.mode), summary: Arc::new(epoch.summary) })
        .collect())
}

fn observed(epoch: &StoredEpoch, source: Mode) -> Observation {
    let summary = &epoch.summary;
    let layers = summary.layers.iter().zip(&epoch.reliable);
    let layers = layers.map(|(layer, reliable)| (&layer.layer, layer.statistics.as_ref(), *reliable));
    observation(summary.epoch, source, summary.prediction_entropy_nats, layers)
}
