//! Reads the earlier epochs of an attempt from the history, so that its client can continue after a restart of the daemon.

use std::sync::Arc;

use super::document::DeclaredRun;
use super::refusal::Refusal;
use crate::history::{Reader, StoreError, StoredRun, past};
use rotewatch_core::intake::run::Attempt;
use rotewatch_core::monitor::PastEpoch;
use rotewatch_core::monitor::Pasts;
use rotewatch_core::vocabulary::identity::RunName;

/// Reads the past of an attempt, and passes it to the monitor.
#[derive(Clone, Debug)]
pub struct Recall {
    reader: Reader,
    pasts: Arc<Pasts>,
}

impl Recall {
    /// Reads through `reader`, and puts the results into `pasts`.
    #[must_use]
    pub fn new(reader: Reader, pasts: Arc<Pasts>) -> Self {
        Recall { reader, pasts }
    }

    /// Returns the earlier epochs of an attempt. Returns none for a new attempt, or if the history cannot be read.
    ///
    /// # Errors
    /// If the attempt has ended, or was declared with other settings.
    pub(super) fn past(&self, name: &RunName, declared: &DeclaredRun) -> Result<Vec<PastEpoch>, Refusal> {
        let attempt = declared.attempt;
        let found = self.find(name, attempt).unwrap_or_else(|error| {
            tracing::warn!(run = %name, "cannot read this run's earlier epochs from the history, so it starts without them: {error}");
            None
        });
        let Some((stored, past)) = found else { return Ok(Vec::new()) };
        if stored.ending.is_some() {
            return Err(Refusal::Over { run: name.clone(), attempt });
        }
        if stored.layers != declared.layers || stored.mode != declared.mode {
            return Err(Refusal::DeclaredOtherwise { run: name.clone(), attempt });
        }
        Ok(past)
    }

    /// Passes the past of an attempt to the monitor, before the run is opened.
    pub(super) fn leave(&self, name: &RunName, attempt: Attempt, past: Vec<PastEpoch>) {
        if !past.is_empty() {
            self.pasts.put(name, attempt, past);
        }
    }

    /// Takes it back if the run could not be opened.
    pub(super) fn take_back(&self, name: &RunName, attempt: Attempt) {
        self.pasts.forget(name, attempt);
    }

    fn find(&self, name: &RunName, attempt: Attempt) -> Result<Option<(StoredRun, Vec<PastEpoch>)>, StoreError> {
        let Some(history) = self.reader.snapshot()? else { return Ok(None) };
        let Some(stored) = history.run(name, Some(attempt))? else { return Ok(None) };
        let past = past(&history, &stored)?;
        Ok(Some((stored, past)))
    }
}
