//! What the history knows of an attempt that is declared here for the first time: its client goes on after a restart.

use std::sync::Arc;

use super::document::DeclaredRun;
use super::refusal::Refusal;
use crate::history::{Reader, StoreError, StoredRun, past};
use rotewatch_core::intake::run::Attempt;
use rotewatch_core::monitor::PastEpoch;
use rotewatch_core::monitor::Pasts;
use rotewatch_core::vocabulary::identity::RunName;

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

    /// The epochs of an attempt that came before; none of one that begins. A history that cannot be read knows of none.
    ///
    /// # Errors
    /// If the attempt is over, or was declared otherwise.
    pub(super) fn past(&self, name: &RunName, declared: &DeclaredRun) -> Result<Vec<PastEpoch>, Refusal> {
        let attempt = declared.attempt;
        let found = self.find(name, attempt).unwrap_or_else(|error| {
            tracing::warn!(run = %name, "what the history knows of this run cannot be read, so it begins anew: {error}");
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

    /// Leaves the past of an attempt to the monitor, before the run is opened.
    pub(super) fn leave(&self, name: &RunName, attempt: Attempt, past: Vec<PastEpoch>) {
        if !past.is_empty() {
            self.pasts.put(name, attempt, past);
        }
    }

    /// Takes it back, where the run could not be opened.
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
