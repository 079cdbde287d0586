//! The history: all runs, epochs and alarms in one SQLite file in the state folder. Only this module uses rusqlite.
//!
//! ```text
//! monitor -> StoreFeed -> bounded channel -> thread "history" -> history.sqlite (write-ahead log)
//!               |                                |                      ^ Reader: pages, `rotewatch runs`
//! hooks --------'- no room: counted, not kept    '-> Run: this epoch is committed
//! ```
//!
//! An epoch is acknowledged only after it is committed; a commit is on the disk. Several trainings and a daemon may share the file;
//! each writes its own runs. Measuring never waits for the disk. Entries that cannot be written wait in a bounded queue; entries for
//! which the queue has no room are lost and counted. Both cases are logged.
//!
//! A damaged file is renamed to `history.sqlite.corrupt-SECONDS`, never deleted, and a new file is created. The tables are defined in
//! `migrations/`, for people who read the file with other programs.
//!
//! Deliberately absent: deleting a run by hand, and moving a file that is too large; see [`Retention`].

mod blob;
mod counts;
mod entry;
mod error;
mod file;
mod mark;
mod read;
pub mod records;
mod rows;
mod schema;
mod statistics;
mod stored;
mod stored_onsets;
#[cfg(test)]
mod tests;
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
pub use read::{Reader, Snapshot};
pub use stored::{Epochs, StoredMatrix, StoredNeurons, StoredOutcome, StoredRun};
pub use stored_onsets::StoredOnsets;
pub use write::Retention;

use crate::hooks::HookOutcome;
use entry::ENTRIES_WAITING;
use rotewatch_core::intake::stop::ServiceThread;
use rotewatch_core::vocabulary::clock::Stopwatch;
use writer::Writer;

/// Outcomes of hooks that may wait for the writer.
const OUTCOMES_WAITING: usize = 256;

/// Settings of the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreParams {
    /// How much large data is kept.
    pub retention: Retention,
    /// Largest size of the file, in bytes.
    pub most_bytes: u64,
    /// Largest size of the entries that wait for the writer, in bytes.
    pub most_waiting_bytes: u64,
}

/// The running writer's thread.
#[derive(Debug)]
pub struct Store {
    part: ServiceThread,
    counts: Arc<StoreCounts>,
}

impl Store {
    /// Starts the thread `rotewatch-history` on the file in a state folder, and creates the folder if it is missing. The thread ends
    /// when the feed and the sender of outcomes are dropped.
    ///
    /// # Errors
    /// If the folder or the thread cannot be created. A file that cannot be opened is not an error here: it is logged, counted and
    /// retried.
    pub fn start(state: &Path, params: StoreParams) -> io::Result<(Store, StoreFeed, Sender<HookOutcome>)> {
        fs::create_dir_all(state)?;
        let counts = Arc::<StoreCounts>::default();
        let (entries, waiting) = bounded(ENTRIES_WAITING);
        let (outcomes, told) = bounded(OUTCOMES_WAITING);
        let writer = Writer::new(state, params, Arc::clone(&counts));
        let part = ServiceThread::spawn("history", move || writer.run(waiting, told))?;
        let feed = StoreFeed::new(entries, Arc::clone(&counts), params.most_waiting_bytes);
        Ok((Store { part, counts }, feed, outcomes))
    }

    /// Returns the failures so far.
    #[must_use]
    pub fn counts(&self) -> Arc<StoreCounts> {
        Arc::clone(&self.counts)
    }

    /// The name of the thread in messages.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.part.name()
    }

    /// Waits for the thread's end, which comes after the last feed is dropped. Returns whether it ended.
    #[must_use]
    pub fn wait(self, since: Stopwatch, patience: Duration) -> bool {
        self.part.wait(since, patience)
    }
}
