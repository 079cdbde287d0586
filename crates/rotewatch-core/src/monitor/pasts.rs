//! The saved results of attempts that are about to continue, passed to the monitor by code that may wait for a disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::live_runs::EpochSummary;
use crate::detect::Observation;
use crate::intake::run::{Attempt, Run};
use crate::vocabulary::identity::RunName;

/// An epoch of an attempt that goes on.
#[derive(Clone, Debug)]
pub struct PastEpoch {
    /// Its figures.
    pub summary: Arc<EpochSummary>,
    /// What the detectors knew of it.
    pub observation: Observation,
}

/// Identifies a run. The attempt alone is not enough: clients draw attempt ids themselves, and two may draw the same one.
pub(super) type RunKey = (RunName, Attempt);

pub(super) fn key(run: &Run) -> RunKey {
    (run.name().clone(), run.attempt())
}

/// The past of each attempt that is being declared. Entries are short-lived.
#[derive(Debug, Default)]
pub struct Pasts(Mutex<HashMap<RunKey, Vec<PastEpoch>>>);

impl Pasts {
    /// Stores the past of an attempt, before its run is opened.
    pub fn put(&self, run: &RunName, attempt: Attempt, past: Vec<PastEpoch>) {
        self.all().insert((run.clone(), attempt), past);
    }

    /// Takes it back if the run could not be opened.
    pub fn forget(&self, run: &RunName, attempt: Attempt) {
        self.all().remove(&(run.clone(), attempt));
    }

    /// Takes the past of a run; empty for a new attempt.
    pub(super) fn take(&self, run: &Run) -> Vec<PastEpoch> {
        self.all().remove(&key(run)).unwrap_or_default()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<RunKey, Vec<PastEpoch>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
