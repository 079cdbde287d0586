//! Runs that are in the history and no longer in memory: read on other threads than the server's, few at a time.

use std::sync::Arc;

use hyper::StatusCode;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::answer::{Answer, error};
use crate::history::{Epochs, Reader, Snapshot, StoreCounts, StoreError, StoredEpoch};
use rotewatch_core::intake::run::Run;

/// Readings at a time; the others wait. More of them would hold up what clients send, which has the same threads.
const READINGS: usize = 2;
/// The most runs that are listed, the newest ones.
pub(super) const RUNS_MAX: usize = 1000;
/// The most epochs of a run that are listed, the newest ones.
pub(super) const EPOCHS_MAX: usize = 1024;

/// The history as requests read it.
#[derive(Clone, Debug)]
pub struct Archive {
    reader: Reader,
    counts: Arc<StoreCounts>,
    places: Arc<Semaphore>,
}

impl Archive {
    /// Reads through `reader` and counts failures.
    #[must_use]
    pub fn new(reader: Reader, counts: Arc<StoreCounts>) -> Self {
        Archive { reader, counts, places: Arc::new(Semaphore::new(READINGS)) }
    }

    /// Epochs of an attempt that memory has let go of. None where the history cannot be read: no reason to hide what is in memory.
    pub(super) async fn let_go(&self, run: &Run, which: Epochs) -> Vec<StoredEpoch> {
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

    /// What the history says; `None` where it says nothing, or where there is none yet.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Snapshot) -> Result<Option<T>, StoreError> + Send + 'static,
    ) -> Result<Option<T>, Box<Answer>> {
        let unreadable = || Box::new(error(StatusCode::INTERNAL_SERVER_ERROR, "the history cannot be read; the log says why"));
        // Nobody closes it.
        let Ok(_place) = Arc::clone(&self.places).acquire_owned().await else { return Err(unreadable()) };
        let reader = self.reader.clone();
        let asked = spawn_blocking(move || match reader.snapshot()? {
            Some(snapshot) => question(&snapshot),
            None => Ok(None),
        });
        match asked.await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::warn!("the history cannot be read: {error}");
                self.counts.count_failed_reading();
                Err(unreadable())
            }
            // It panicked, and the log says where.
            Err(_) => Err(unreadable()),
        }
    }
}
