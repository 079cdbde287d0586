//! Reads runs from the history that are no longer in memory. Reading happens outside the server's thread, a few reads at a time.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::answer::{Answer, error};
use crate::history::{Epochs, Reader, Snapshot, StoreCounts, StoreError};
use rotewatch_core::intake::run::Run;
use rotewatch_core::record::EpochRecord;

/// Reads at the same time; the others wait. More of them would delay the clients' uploads, which use the same threads.
const READINGS: usize = 2;
/// The largest number of runs that are listed; the newest are kept.
pub(super) const RUNS_MAX: usize = 1000;
/// The largest number of epochs of a run that are listed; the newest are kept.
pub(super) const EPOCHS_MAX: usize = 1024;

/// Gives requests access to the history.
#[derive(Clone, Debug)]
pub struct Archive {
    reader: Reader,
    counts: Arc<StoreCounts>,
    places: Arc<Semaphore>,
}

impl Archive {
    /// Reads through `reader` and counts failures in `counts`.
    #[must_use]
    pub fn new(reader: Reader, counts: Arc<StoreCounts>) -> Self {
        Archive { reader, counts, places: Arc::new(Semaphore::new(READINGS)) }
    }

    /// Returns the epochs of an attempt that are no longer in memory. Returns none if the history cannot be read, so that the epochs
    /// in memory are still shown.
    pub(super) async fn let_go(&self, run: &Run, which: Epochs) -> Vec<EpochRecord> {
        if !which.holds_any() {
            return Vec::new();
        }
        let (name, attempt) = (run.name().clone(), run.attempt());
        let asked = self.ask(move |history| {
            let Some(run) = history.run(&name, Some(attempt))? else { return Ok(None) };
            history.epochs(&run, which).map(Some)
        });
        asked.await.ok().flatten().unwrap_or_default()
    }

    /// Runs a query on the history. Returns `None` if it finds nothing, or if there is no history yet.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Snapshot) -> Result<Option<T>, StoreError> + Send + 'static,
    ) -> Result<Option<T>, Box<Answer>> {
        let unreadable = || Box::new(error(StatusCode::INTERNAL_SERVER_ERROR, "cannot read the history; see the daemon's log"));
        // The semaphore is never closed.
        let Ok(_place) = Arc::clone(&self.places).acquire_owned().await else { return Err(unreadable()) };
        let reader = self.reader.clone();
        let asked = spawn_blocking(move || match reader.snapshot()? {
            Some(snapshot) => question(&snapshot),
            None => Ok(None),
        });
        match asked.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::warn!("cannot read the history: {error}");
                self.counts.count_failed_reading();
                Err(unreadable())
            }
            // It panicked; the panic is in the log.
            Err(_) => Err(unreadable()),
        }
    }
}
