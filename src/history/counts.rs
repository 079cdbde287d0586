//! Counts the failures of the history, for the metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The operation that failed: the values of the label `op`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOp {
    /// Opening the file, or renaming a damaged one.
    Open,
    /// Writing; the write is retried.
    Write,
    /// Queueing: the queue was full, and the entry is lost.
    Queue,
    /// Reading.
    Read,
}

impl StoreOp {
    /// All operations, in the order of their declaration.
    pub const ALL: [StoreOp; 4] = [StoreOp::Open, StoreOp::Write, StoreOp::Queue, StoreOp::Read];

    /// Returns the value of the label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            StoreOp::Open => "open",
            StoreOp::Write => "write",
            StoreOp::Queue => "queue",
            StoreOp::Read => "read",
        }
    }
}

/// The failures so far, and whether writing fails at the moment.
#[derive(Debug, Default)]
pub struct StoreCounts {
    errors: [AtomicU64; StoreOp::ALL.len()],
    degraded: AtomicBool,
}

impl StoreCounts {
    /// Returns how often an operation has failed.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "there is a count for each of `StoreOp::ALL`, which has every operation in its order"
    )]
    pub fn errors(&self, op: StoreOp) -> u64 {
        self.errors[op as usize].load(Ordering::Relaxed)
    }

    /// Returns whether the newest attempt to write has failed.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Acquire)
    }

    /// Counts a failed read.
    pub fn count_failed_reading(&self) {
        self.count(StoreOp::Read);
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "there is a count for each of `StoreOp::ALL`, which has every operation in its order"
    )]
    pub(super) fn count(&self, op: StoreOp) {
        self.errors[op as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Sets whether writing fails. Returns whether this is a change.
    pub(super) fn set_degraded(&self, degraded: bool) -> bool {
        self.degraded.swap(degraded, Ordering::AcqRel) != degraded
    }
}
