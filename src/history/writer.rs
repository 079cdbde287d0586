//! The writer's thread: writes the waiting entries in one transaction, and then acknowledges them.
//!
//! ```text
//! entries wait      -> all of them -> one commit -> each run learns its newest committed epoch
//! it fails          -> degraded; the same entries are retried later, with new ones
//! the file is damaged -> it is renamed, a new one is opened, the entries are retried at once
//! no feed is left   -> the waiting entries are tried once more, then the file is closed
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, never, select_biased};
use rusqlite::TransactionBehavior;

use super::entry::{Entry, Waiting};
use super::file::{self, OpenFile};
use super::write::{self, Retention};
use super::{StoreCounts, StoreError, StoreOp, StoreParams};
use crate::hooks::HookOutcome;
use rotewatch_core::monitor::MeasuredEpoch;
use rotewatch_core::vocabulary::units::Epoch;

/// How long to wait after a failed write before it is retried.
const REST: Duration = Duration::from_millis(500);
/// Largest number of entries in one transaction, so that it does not block other processes for long.
const BATCH: usize = 256;

/// The state of the writer's thread.
pub(super) struct Writer {
    path: PathBuf,
    most_bytes: u64,
    retention: Retention,
    counts: Arc<StoreCounts>,
    file: Option<OpenFile>,
    /// The entries that are not committed yet, in the order in which they arrived.
    pending: Vec<Waiting>,
}

impl Writer {
    /// Creates a writer that has not opened the file yet.
    pub(super) fn new(state: &Path, params: StoreParams, counts: Arc<StoreCounts>) -> Self {
        let StoreParams { retention, most_bytes, .. } = params;
        Writer { path: state.join(file::FILE), most_bytes, retention, counts, file: None, pending: Vec::new() }
    }

    /// Writes until all senders are dropped.
    pub(super) fn run(mut self, mut entries: Receiver<Waiting>, mut outcomes: Receiver<HookOutcome>) {
        // Opened at once, so that a damaged file is reported before the first epoch.
        self.write();
        let (mut fed, mut hooked) = (true, true);
        while fed || hooked {
            let rest = if self.pending.is_empty() { never() } else { crossbeam_channel::after(REST) };
            select_biased! {
                recv(entries) -> entry => if let Ok(entry) = entry {
                    self.pending.push(entry);
                } else {
                    (fed, entries) = (false, never());
                },
                recv(outcomes) -> outcome => if let Ok(outcome) = outcome {
                    self.pending.push(Waiting::hook(outcome));
                } else {
                    (hooked, outcomes) = (false, never());
                },
                recv(rest) -> _ => {}
            }
            self.pending.extend(entries.try_iter());
            self.pending.extend(outcomes.try_iter().map(Waiting::hook));
            self.write();
        }
        if !self.pending.is_empty() {
            tracing::error!("cannot write {} entries to the history; they are lost", self.pending.len());
        }
    }

    /// Writes the pending entries; those that cannot be written yet are kept.
    fn write(&mut self) {
        loop {
            let batch = self.pending.len().min(BATCH);
            match self.commit(batch) {
                Ok(committed) => {
                    for (waiting, newest) in self.pending.drain(..batch).zip(committed) {
                        acknowledge(&waiting.entry, newest);
                    }
                    if self.pending.is_empty() {
                        if self.counts.set_degraded(false) {
                            tracing::info!("writing to the history works again");
                        }
                        return;
                    }
                }
                Err(error) if error.may_pass() => return self.give_way(&error),
                Err(error) => {
                    // A retry would fail again, and block the entries behind it.
                    self.give_way(&error);
                    tracing::error!("cannot write {batch} entries to the history; they are lost");
                    for waiting in self.pending.drain(..batch) {
                        if let Entry::Epoch(MeasuredEpoch { report, .. }) = &waiting.entry {
                            report.run.note_lost(report.epoch);
                        }
                    }
                }
            }
        }
    }

    /// Logs the failure once, and tells the waiting runs not to wait.
    fn give_way(&mut self, error: &StoreError) {
        self.counts.count(if self.file.is_some() { StoreOp::Write } else { StoreOp::Open });
        if self.counts.set_degraded(true) {
            tracing::error!("cannot write the history: {error}; retrying, while measuring and judging go on");
        }
        for waiting in &self.pending {
            match &waiting.entry {
                Entry::Declared(run) => run.note_known(),
                Entry::Epoch(MeasuredEpoch { report, .. }) => report.run.note_settled(report.epoch),
                Entry::Ended(..) | Entry::Hook(_) => {}
            }
        }
    }

    /// Commits the first `batch` entries; a damaged file is renamed first.
    fn commit(&mut self, batch: usize) -> Result<Vec<Option<Epoch>>, StoreError> {
        match self.try_commit(batch) {
            Err(error @ StoreError::Damaged { .. }) => {
                self.counts.count(StoreOp::Open);
                let damaged = self.file.take();
                if let Some(aside) = file::set_aside(&self.path, damaged.as_ref())? {
                    tracing::error!("{error}; renamed it to {} and started a new history", aside.display());
                }
                drop(damaged);
                self.try_commit(batch)
            }
            tried => tried,
        }
    }

    fn try_commit(&mut self, batch: usize) -> Result<Vec<Option<Epoch>>, StoreError> {
        // Another process or a user may have renamed or deleted the file.
        if self.file.as_ref().is_some_and(|file| !file.is_at(&self.path)) {
            self.file = None;
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(file::open(&self.path, self.most_bytes)?),
        };
        if batch == 0 {
            return Ok(Vec::new());
        }
        let sql = StoreError::sql(&self.path);
        let transaction = file.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&sql)?;
        let entries = self.pending.iter().take(batch).map(|waiting| &waiting.entry);
        let written: Result<Vec<_>, _> = entries.map(|entry| write::entry(&transaction, entry, self.retention)).collect();
        let written = written.map_err(&sql)?;
        transaction.commit().map_err(&sql)?;
        Ok(written)
    }
}

/// Notifies a run of its newest committed epoch.
fn acknowledge(entry: &Entry, newest: Option<Epoch>) {
    match entry {
        Entry::Declared(run) => {
            if let Some(newest) = newest {
                run.note_committed(newest);
            }
            run.note_known();
        }
        Entry::Epoch(MeasuredEpoch { report, .. }) => report.run.note_committed(report.epoch),
        Entry::Ended(..) | Entry::Hook(_) => {}
    }
}
