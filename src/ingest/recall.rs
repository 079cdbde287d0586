//! Reads the earlier epochs of an attempt from the history, so that its client can continue after a restart of the daemon.

use super::bodies::DeclaredRun;
use super::refusal::Refusal;
use crate::history::{Epochs, Reader, StoreError, StoredRun};
use rotewatch_core::record::PastEpoch;
use rotewatch_core::vocabulary::identity::{Attempt, RunName};

/// Number of newest epochs that are read.
const EPOCHS_MAX: usize = 4096;

/// Reads the past of an attempt.
#[derive(Clone, Debug)]
pub struct Recall {
    reader: Reader,
}

impl Recall {
    /// Reads through `reader`.
    #[must_use]
    pub fn new(reader: Reader) -> Self {
        Recall { reader }
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

    fn find(&self, name: &RunName, attempt: Attempt) -> Result<Option<(StoredRun, Vec<PastEpoch>)>, StoreError> {
        let Some(history) = self.reader.snapshot()? else { return Ok(None) };
        let Some(stored) = history.run(name, Some(attempt))? else { return Ok(None) };
        let past = history.past(&stored, Epochs::newest(EPOCHS_MAX))?;
        Ok(Some((stored, past)))
    }
}
