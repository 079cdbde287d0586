//! What went wrong with the history, for the metrics.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What failed: every value of the label `op`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreOp {
    /// Opening the file, or setting a damaged one aside.
    Open,
    /// Writing; what was to be written is tried again.
    Write,
    /// Waiting: there was no room for what came, and it is lost.
    Queue,
    /// Reading.
    Read,
}

impl StoreOp {
    /// Every operation, in the order of their declaration.
    pub const ALL: [StoreOp; 4] = [StoreOp::Open, StoreOp::Write, StoreOp::Queue, StoreOp::Read];

    /// The spelling of labels.
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

/// Failures so far, and whether the history is behind what was measured.
#[derive(Debug, Default)]
pub struct StoreCounts {
    errors: [AtomicU64; StoreOp::ALL.len()],
    degraded: AtomicBool,
}

impl StoreCounts {
    /// How often an operation has failed.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "there is a count for each of `StoreOp::ALL`, which has every operation in its order"
    )]
    pub fn errors(&self, op: StoreOp) -> u64 {
        self.errors[op as usize].load(Ordering::Relaxed)
    }

    /// Whether the newest attempt to write has failed.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.degraded.load(Ordering::Acquire)
    }

    /// Counts a reading that failed.
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

    /// Notes how it stands; whether that is news.
    pub(super) fn set_degraded(&self, degraded: bool) -> bool {
        self.degraded.swap(degraded, Ordering::AcqRel) != degraded
    }
}
