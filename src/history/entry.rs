//! The entries that are written to the history, and the handle through which the monitor sends them. Nothing here waits for the disk.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Sender;

use super::{StoreCounts, StoreOp};
use crate::hooks::HookOutcome;
use rotewatch_core::intake::run::Run;
use rotewatch_core::monitor::report::{EpochReport, LayerReport};
use rotewatch_core::monitor::{MeasuredEpoch, Sink};
use rotewatch_core::vocabulary::choices::Ending;

/// Largest number of entries that may wait for the writer.
pub(super) const ENTRIES_WAITING: usize = 1024;

/// An entry to write.
#[derive(Debug)]
pub(super) enum Entry {
    /// A run was declared.
    Declared(Arc<Run>),
    /// An epoch was measured and judged.
    Epoch(MeasuredEpoch),
    /// A run has ended. Its ending is unknown if it was retired.
    Ended(Arc<Run>, Option<Ending>),
    /// A hook was notified of an alarm, or notifying it failed.
    Hook(HookOutcome),
}

/// An entry that waits, with its share of the byte limit.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) entry: Entry,
    _share: Share,
}

impl Waiting {
    /// An outcome. Outcomes are small and have a separate channel.
    pub(super) fn hook(outcome: HookOutcome) -> Self {
        Waiting { entry: Entry::Hook(outcome), _share: Share { bytes: 0, waiting: Arc::default() } }
    }
}

/// Bytes of a waiting entry, given back when this is dropped.
#[derive(Debug)]
struct Share {
    bytes: u64,
    waiting: Arc<AtomicU64>,
}

impl Share {
    /// Takes a share if the sum stays within `limit`. A share is always granted if nothing else waits, even if it is larger.
    fn take(bytes: u64, waiting: &Arc<AtomicU64>, limit: u64) -> Option<Self> {
        let fits = |held: u64| (held == 0 || held + bytes <= limit).then_some(held + bytes);
        waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).ok()?;
        Some(Share { bytes, waiting: Arc::clone(waiting) })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// The monitor's handle: it sends entries to the writer. The writer ends when the last feed is dropped.
#[derive(Clone, Debug)]
pub struct StoreFeed {
    entries: Sender<Waiting>,
    counts: Arc<StoreCounts>,
    waiting: Arc<AtomicU64>,
    most_bytes: u64,
}

impl StoreFeed {
    pub(super) fn new(entries: Sender<Waiting>, counts: Arc<StoreCounts>, most_bytes: u64) -> Self {
        StoreFeed { entries, counts, waiting: Arc::default(), most_bytes }
    }

    /// Queues an entry. Returns whether there was room.
    fn offer(&self, entry: Entry) -> bool {
        let share = Share::take(bytes(&entry), &self.waiting, self.most_bytes);
        let taken = share.is_some_and(|share| self.entries.try_send(Waiting { entry, _share: share }).is_ok());
        if !taken {
            self.counts.count(StoreOp::Queue);
            if self.counts.set_degraded(true) {
                tracing::warn!(
                    "the history cannot keep up, and its queue is full; some epochs are measured and judged but not saved"
                );
            }
        }
        taken
    }
}

impl Sink for StoreFeed {
    fn declared(&mut self, run: &Arc<Run>) {
        if !self.offer(Entry::Declared(Arc::clone(run))) {
            run.note_known();
        }
    }

    /// The run is notified when the epoch is committed, or at once if there is no room for it.
    fn epoch(&mut self, epoch: &MeasuredEpoch) {
        let (run, number) = (&epoch.report.run, epoch.report.epoch);
        if !self.offer(Entry::Epoch(epoch.clone())) {
            run.note_lost(number);
        } else if self.counts.is_degraded() {
            run.note_settled(number);
        }
    }

    fn ended(&mut self, run: &Arc<Run>, ending: Option<Ending>) {
        self.offer(Entry::Ended(Arc::clone(run), ending));
    }
}

/// Returns the approximate size of an entry in memory, without its names.
fn bytes(entry: &Entry) -> u64 {
    let of_layer = |layer: &LayerReport| {
        let measures = &layer.measures;
        let pairs = measures.mutual_information.pairs() + measures.normalised_mi.pairs();
        (size_of::<f64>() * (pairs + 3 * measures.neurons)) as u64
    };
    match entry {
        Entry::Epoch(MeasuredEpoch { report, .. }) => {
            size_of::<EpochReport>() as u64 + report.layers.iter().map(of_layer).sum::<u64>()
        }
        Entry::Declared(_) | Entry::Ended(..) | Entry::Hook(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_bounded_together_and_given_back() {
        let waiting = Arc::default();
        let first = Share::take(100, &waiting, 10).expect("a share is granted if nothing else waits");
        assert!(Share::take(1, &waiting, 10).is_none());
        drop(first);
        let two = (Share::take(5, &waiting, 10), Share::take(5, &waiting, 10));
        assert!(two.0.is_some() && two.1.is_some() && Share::take(1, &waiting, 10).is_none());
    }
}
