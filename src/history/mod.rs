//! The history: every run, epoch and alarm in one SQLite file of the state folder. The only user of rusqlite.
//!
//! ```text
//! monitor -> StoreFeed -> bounded channel -> thread "history" -> history.sqlite (write-ahead log)
//!               |                                |                      ^ Reader: pages, `rotewatch runs`
//! hooks --------'- no room: counted, not kept    '-> Run: this epoch is committed
//! ```
//!
//! An epoch is acknowledged when it is committed, and not before; a commit is on the disk. Several trainings and a daemon may
//! share the file: each writes its own runs. Whoever measures never waits for the disk: what cannot be written waits within a
//! bound, what finds no room is lost and counted, and both are said.
//!
//! A damaged file is renamed to `history.sqlite.corrupt-SECONDS`, never deleted, and a new one begins. The tables are in
//! `migrations/`, for those who read the file with other programs.
//!
//! Deliberately absent: deleting a run by hand, and moving a file that is too large elsewhere; see [`Retention`].

mod blob;
mod counts;
pub mod document;
mod entry;
mod error;
mod file;
mod mark;
mod past;
mod read;
mod schema;
mod statistics;
mod stored;
#[cfg(test)]
mod tests;
mod told;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};

use crossbeam_channel::{Sender, bounded};

pub use counts::{StoreCounts, StoreOp};
pub use entry::StoreFeed;
pub use error::StoreError;
pub use mark::{mark_baseline, note_interrupted};
pub use past::past;
pub use read::{Reader, Snapshot};
pub use stored::{Epochs, StoredEpoch, StoredFinding, StoredMatrix, StoredNeurons, StoredOutcome, StoredRun};
pub use told::ToldOnsets;
pub use write::Retention;

use crate::hooks::HookOutcome;
use entry::ENTRIES_WAITING;
use rotewatch_core::intake::stop::Part;
use rotewatch_core::vocabulary::clock::Stopwatch;
use writer::Writer;

/// Outcomes of hooks that may wait for the writer.
const OUTCOMES_WAITING: usize = 256;

/// How the history is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreParams {
    /// What is kept of what is large.
    pub retention: Retention,
    /// Bytes that the file may have.
    pub most_bytes: u64,
    /// Bytes that may wait for the writer.
    pub most_waiting_bytes: u64,
}

/// The writer's thread, running.
#[derive(Debug)]
pub struct Store {
    part: Part,
    counts: Arc<StoreCounts>,
}

impl Store {
    /// Starts the thread `rotewatch-history` on the file of a state folder, which is made where it is missing. The thread ends when
    /// the feed and the sender of outcomes are dropped.
    ///
    /// # Errors
    /// If the folder or the thread cannot be made. A file that cannot be opened is no error: it is said, counted and tried again.
    pub fn start(state: &Path, params: StoreParams) -> io::Result<(Store, StoreFeed, Sender<HookOutcome>)> {
        fs::create_dir_all(state)?;
        let counts = Arc::<StoreCounts>::default();
        let (entries, waiting) = bounded(ENTRIES_WAITING);
        let (outcomes, told) = bounded(OUTCOMES_WAITING);
        let writer = Writer::new(state, params, Arc::clone(&counts));
        let part = Part::spawn("history", move || writer.run(waiting, told))?;
        let feed = StoreFeed::new(entries, Arc::clone(&counts), params.most_waiting_bytes);
        Ok((Store { part, counts }, feed, outcomes))
    }

    /// What went wrong so far.
    #[must_use]
    pub fn counts(&self) -> Arc<StoreCounts> {
        Arc::clone(&self.counts)
    }

    /// What people call the thread.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.part.name()
    }

    /// Waits for the thread's end, which comes after that of the last feed. Returns whether it ended.
    #[must_use]
    pub fn wait(self, since: Stopwatch, patience: Duration) -> bool {
        self.part.wait(since, patience)
    }
}
