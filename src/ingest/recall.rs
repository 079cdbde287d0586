//! What the history knows of an attempt that is declared here for the first time: its client goes on after a restart.

use std::sync::Arc;

use super::document::DeclaredRun;
use super::refusal::Refusal;
use crate::identity::RunName;
use crate::monitor::Pasts;
use crate::store::{Reader, StoreError, StoredRun, past};

/// Where it is read, and where the monitor finds it.
#[derive(Clone, Debug)]
pub struct Recall {
    reader: Reader,
    pasts: Arc<Pasts>,
}

impl Recall {
    /// Reads through `reader` and leaves in `pasts` what it finds.
    #[must_use]
    pub fn new(reader: Reader, pasts: Arc<Pasts>) -> Self {
        Recall { reader, pasts }
    }

    /// Leaves the attempt's past to the monitor, if it has one. A history that cannot be read is none.
    ///
    /// # Errors
    /// If the attempt is over, or was declared otherwise.
    pub(super) fn recall(&self, name: &RunName, declared: &DeclaredRun) -> Result<(), Refusal> {
        let attempt = declared.attempt;
        let found = self.find(name, declared).unwrap_or_else(|error| {
            tracing::warn!(run = %name, "what the history knows of this run cannot be read, so it begins anew: {error}");
            None
        });
        let Some((stored, past)) = found else { return Ok(()) };
        if stored.ending.is_some() {
            return Err(Refusal::Over { run: name.clone(), attempt });
        }
        if stored.layers != declared.layers || stored.mode != declared.mode {
            return Err(Refusal::DeclaredOtherwise { run: name.clone(), attempt });
        }
        self.pasts.put(name, attempt, past);
        Ok(())
    }

    /// Takes back what was left for an attempt that could not be opened.
    pub(super) fn forget(&self, name: &RunName, declared: &DeclaredRun) {
        self.pasts.forget(name, declared.attempt);
    }

    fn find(
        &self,
        name: &RunName,
        declared: &DeclaredRun,
    ) -> Result<Option<(StoredRun, Vec<crate::store::PastEpoch>)>, StoreError> {
        let Some(history) = self.reader.snapshot()? else { return Ok(None) };
        let Some(stored) = history.run(name, Some(declared.attempt))? else { return Ok(None) };
        let past = past(&history, &stored)?;
        Ok(Some((stored, past)))
    }
}
