//! The onsets that hooks were told of, in the history's file: no restart makes a hook fire twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::params;

use super::{StoreCounts, StoreError, StoreOp, file};
use crate::hooks::{Onset, OnsetMemory};
use rotewatch_core::vocabulary::clock::unix_seconds;

/// The memory of the hooks' thread, which may wait for the disk. Without one that can be written, what was told is known until this
/// process ends.
#[derive(Debug)]
pub struct ToldOnsets {
    path: PathBuf,
    counts: Arc<StoreCounts>,
}

impl ToldOnsets {
    /// Those of a state folder's history.
    #[must_use]
    pub fn of(state: &Path, counts: Arc<StoreCounts>) -> Self {
        ToldOnsets { path: state.join(file::FILE), counts }
    }

    fn add(&self, onset: &Onset) -> Result<bool, StoreError> {
        let added = "INSERT INTO told_onsets VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let values = params![onset.run.as_str(), onset.attempt.to_string(), onset.kind.as_str(), onset.epoch.0, unix_seconds()];
        let file = file::open_beside(&self.path)?;
        let rows = file.connection.execute(added, values).map_err(StoreError::sql(&self.path))?;
        Ok(rows > 0)
    }
}

impl OnsetMemory for ToldOnsets {
    fn note(&self, onset: &Onset) -> bool {
        self.add(onset).unwrap_or_else(|error| {
            self.counts.count(StoreOp::Write);
            tracing::warn!(run = %onset.run, "hooks are told of an alarm that the history cannot note, and might be told again after a restart: {error}");
            true
        })
    }
}
