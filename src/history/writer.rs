//! The writer's thread: what waits is written in one transaction, and only then acknowledged.
//!
//! ```text
//! entries wait      -> all of them -> one commit -> each run learns its newest committed epoch
//! it fails          -> degraded; the same again after a while, and whatever came meanwhile
//! the file is damaged -> set aside by name, a new one opened, the same again at once
//! no feed is left   -> what waits is tried once more, then the file is closed
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

/// How long a failed write rests before it is tried again.
const REST: Duration = Duration::from_millis(500);
/// Entries of one transaction, so that none holds up other processes for long.
const BATCH: usize = 256;

/// The state of the writer's thread.
pub(super) struct Writer {
    path: PathBuf,
    most_bytes: u64,
    retention: Retention,
    counts: Arc<StoreCounts>,
    file: Option<OpenFile>,
    /// What is not committed yet, in the order in which it came.
    pending: Vec<Waiting>,
}

impl Writer {
    /// A writer that has opened nothing yet.
    pub(super) fn new(state: &Path, params: StoreParams, counts: Arc<StoreCounts>) -> Self {
        let StoreParams { retention, most_bytes, .. } = params;
        Writer { path: state.join(file::FILE), most_bytes, retention, counts, file: None, pending: Vec::new() }
    }

    /// Works until nobody can tell it anything any more.
    pub(super) fn run(mut self, mut entries: Receiver<Waiting>, mut outcomes: Receiver<HookOutcome>) {
        // At once, so that a damaged file is told of before the first epoch.
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
            tracing::error!("{} entries could not be written to the history and are lost", self.pending.len());
        }
    }

    /// Writes what is pending; what cannot be written for now stays.
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
                            tracing::info!("the history is written again");
                        }
                        return;
                    }
                }
                Err(error) if error.may_pass() => return self.give_way(&error),
                Err(error) => {
                    // Tried again it would fail again, and hold up everything behind it.
                    self.give_way(&error);
                    tracing::error!("{batch} entries cannot be written to the history and are lost");
                    for waiting in self.pending.drain(..batch) {
                        if let Entry::Epoch(MeasuredEpoch { report, .. }) = &waiting.entry {
                            report.run.note_lost(report.epoch);
                        }
                    }
                }
            }
        }
    }

    /// Says what is wrong, once, and lets nobody wait for it.
    fn give_way(&mut self, error: &StoreError) {
        self.counts.count(if self.file.is_some() { StoreOp::Write } else { StoreOp::Open });
        if self.counts.set_degraded(true) {
            tracing::error!("the history is not written: {error}; it is tried again and again, measuring and judging go on");
        }
        for waiting in &self.pending {
            match &waiting.entry {
                Entry::Declared(run) => run.note_known(),
                Entry::Epoch(MeasuredEpoch { report, .. }) => report.run.note_settled(report.epoch),
                Entry::Ended(..) | Entry::Hook(_) => {}
            }
        }
    }

    /// Commits the first `batch` entries; a damaged file is set aside first.
    fn commit(&mut self, batch: usize) -> Result<Vec<Option<Epoch>>, StoreError> {
        match self.try_commit(batch) {
            Err(error @ StoreError::Damaged { .. }) => {
                self.counts.count(StoreOp::Open);
                let damaged = self.file.take();
                if let Some(aside) = file::set_aside(&self.path, damaged.as_ref())? {
                    tracing::error!("{error}; it was renamed to {}, and a new history begins", aside.display());
                }
                drop(damaged);
                self.try_commit(batch)
            }
            tried => tried,
        }
    }

    fn try_commit(&mut self, batch: usize) -> Result<Vec<Option<Epoch>>, StoreError> {
        // Somebody may have set the file aside, or have deleted it.
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

/// Tells a run what is committed.
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
