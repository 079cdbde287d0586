//! Remembers in the history which onsets hooks were notified of, so that no hook fires twice after a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::params;

use super::{StoreCounts, StoreError, StoreOp, file};
use crate::hooks::{Onset, OnsetMemory};
use rotewatch_core::vocabulary::clock::unix_seconds;
use rotewatch_core::vocabulary::verdict::Harm;

/// The memory of the hooks' thread, which may wait for the disk. If the history cannot be written, onsets are remembered only until
/// the process ends.
#[derive(Debug)]
pub struct StoredOnsets {
    path: PathBuf,
    counts: Arc<StoreCounts>,
}

impl StoredOnsets {
    /// Uses the history of a state folder.
    #[must_use]
    pub fn of(state: &Path, counts: Arc<StoreCounts>) -> Self {
        StoredOnsets { path: state.join(file::FILE), counts }
    }

    fn add(&self, onset: &Onset) -> Result<bool, StoreError> {
        let added = "INSERT INTO told_onsets VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        // The table of 0.1.0 knows kinds alone, and told of what is now suspected.
        let kind = match onset.harm {
            Harm::Suspected => onset.kind.as_str().to_owned(),
            Harm::Shown => format!("{}, {}", onset.kind.as_str(), onset.harm.as_str()),
        };
        let values = params![onset.run.as_str(), onset.attempt.to_string(), kind, onset.epoch.0, unix_seconds()];
        let file = file::open_beside(&self.path)?;
        let rows = file.connection.execute(added, values).map_err(StoreError::sql(&self.path))?;
        Ok(rows > 0)
    }
}

impl OnsetMemory for StoredOnsets {
    fn note(&self, onset: &Onset) -> bool {
        self.add(onset).unwrap_or_else(|error| {
            self.counts.count(StoreOp::Write);
            tracing::warn!(run = %onset.run, "cannot note in the history that hooks are notified of this alarm; they may be notified again after a restart: {error}");
            true
        })
    }
}
