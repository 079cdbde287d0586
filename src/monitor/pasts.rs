//! The saved results of attempts that are about to continue, passed to the monitor by code that may wait for a disk.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{RunKey, key};
use crate::identity::RunName;
use crate::run::{Attempt, Run};
use crate::store::PastEpoch;

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
